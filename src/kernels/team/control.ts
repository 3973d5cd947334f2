/**
 * The first page of the heap: what the threads tell each other (byte addresses), and the arguments of kernels.
 *
 * What a job needs lies in one cache line, which is handed from thread to thread: a line takes a microsecond to a core
 * that shares no cache with the last one to write it, and back. All else that different threads write lies in lines of
 * its own. Everything is zero at first.
 */

/** Byte addresses of the team's words. */
export const control = {
  /**
   * The ticket, 64 bits: the number of the current job above, its tasks that nobody has taken below. A task is taken by
   * decrementing it with a compare-and-exchange, which fails when the job has changed meanwhile.
   */
  ticket: 64,
  /** the upper half of the ticket, on which idle workers sleep */
  job: 68,
  /** how many tasks of the current job were taken from the first on, and from the last back */
  front: 72,
  back: 76,
  /** the current job: its kernel (a position in the function table), the address of its arguments, its task count */
  kernel: 80,
  args: 84,
  tasks: 88,
  /** how many tasks of the current job are finished */
  done: 92,
  /** workers asleep, or about to be: whether a new job must wake anybody */
  sleepers: 256,
  /** the team's number; a worker of an earlier team leaves when it sees a later one */
  generation: 320,
  /** how many sleepers a job wakes at most: more threads than processors would only be in each other's way */
  wakes: 324,
  /** among how many threads a job is shared out */
  threads: 328,
  /** where the latest part lies, with the kernels of all jobs so far in it and those before it (part.ts); 0: none */
  parts: 384,
  /** one record a thread, the leader's first */
  records: 1024,
} as const;

/** A thread's record: fields at these byte offsets. */
export const record = {
  bytes: 64,
  /** one of `states` */
  state: 0,
  /** the number by which the platform knows the worker's thread, 0 where it has none */
  thread: 8,
  /** the stamp of the last job for which the thread has prepared something for itself (KernelBuilder.once) */
  prepared: 12,
  /** 64 bits: the tasks that the thread has taken (`readClaim`), 0 when it has none */
  claim: 16,
} as const;

/**
 * A claim: in the lower half 1 + the number of the task that the thread is at, above it how many tasks after that one
 * are its own as well, then how many before it, which are finished but not counted yet.
 */
export const claimBits = { rest: 32n, finished: 48n } as const;
/** Tasks that a thread takes together at most. */
export const mostClaimed = 0xffff;

/** What a claim holds: the tasks that are not finished, the current one first, and the number of those that are. */
export function readClaim(claim: bigint): { readonly tasks: readonly number[]; readonly finished: number } {
  const word = BigInt.asUintN(64, claim);
  const first = Number(BigInt.asUintN(32, word)) - 1;
  if (first < 0) return { tasks: [], finished: 0 };
  const rest = Number(word >> claimBits.rest) & mostClaimed;
  return { tasks: Array.from({ length: 1 + rest }, (_, i) => first + i), finished: Number(word >> claimBits.finished) };
}

/** What a worker's record says of it. */
export const states = {
  /** nobody has this record */
  free: 0,
  awake: 1,
  asleep: 2,
  /** a kernel threw in it; the claim names the task */
  trapped: 3,
  /** it has left the loop of its own accord, because its team has been dissolved */
  left: 4,
  /** its thread is being started */
  expected: 5,
} as const;

/** The leader's record. */
export const leader = 0;
/** Records there are: 64 threads, and as many again for workers of dissolved teams that have not left yet. */
export const recordCount = 128;

/** Byte address of a thread's record. */
export function recordAddress(index: number): number {
  return control.records + index * record.bytes;
}

/** Where the arguments of jobs lie: one frame for each kernel call that is under way inside another one. */
export const argumentFrames = {
  address: 16_384,
  /** 128 slots of 8 bytes */
  bytes: 1024,
  count: 48,
} as const;
