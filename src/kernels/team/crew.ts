/**
 * The crew: the threads of a team, as a platform starts and supervises them. In Node and Deno that is Piscina
 * (piscina.ts), in browsers web workers (web-workers.ts).
 */

/** What a worker thread is sent: one message, which its one long task answers when it is over. */
export interface WorkerTask {
  /** the team's loops; kernels come as parts (part.ts) */
  readonly module: WebAssembly.Module;
  /** the name of all that it imports */
  readonly imports: string;
  readonly memory: WebAssembly.Memory;
  /** where the address of the latest part is among the memory's 32-bit words */
  readonly partsWord: number;
  /** byte address of the worker's record, and where its state and thread are among the memory's 32-bit words */
  readonly record: number;
  readonly stateWord: number;
  readonly threadWord: number;
  /** the state to leave there when a kernel has trapped */
  readonly trapped: number;
  readonly generation: number;
  /** looks for work (some nanoseconds each) before it sleeps */
  readonly spins: number;
}

export interface Crew {
  /**
   * Has one thread run the task. The promise ends when the worker leaves the team; it is rejected when the worker's
   * kernel trapped, when the thread ended under it or could not start, and when the signal is aborted, which ends the
   * thread at once.
   */
  run(task: WorkerTask, signal: AbortSignal): Promise<void>;
  /**
   * Whether the thread of a worker that had joined the team has ended, found out without a turn of the event loop; null
   * where the platform does not tell.
   */
  hasEnded(thread: number): boolean | null;
  /** Ends all threads. */
  destroy(): Promise<void>;
}
