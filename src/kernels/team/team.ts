/**
 * The team: who takes part in jobs besides the calling thread. It is put together when the first job comes that has
 * work for more than one thread, and again after the thread count or the engine has changed. Its workers join when they
 * have started; nobody waits for them, the caller simply does more of the work until then.
 */

import { features, missingFeatures } from '../../runtime/features.ts';
import { configure, maxThreads, onConfigure, settings } from '../../runtime/settings.ts';
import { control, leader, readClaim, record, recordAddress, recordCount, states } from './control.ts';
import type { Crew } from './crew.ts';
import { currentEngine, type Engine, onEngine } from './engine.ts';
import { teamImports } from './part.ts';
import { startPiscinaCrew } from './piscina.ts';
import { startWebCrew } from './web-workers.ts';

/**
 * Looks for work that an idle worker takes before it sleeps: about a millisecond, longer than the pauses between the
 * kernels of a training step and between its steps. Waking it costs 20 to 90 microseconds; with a quarter of these
 * looks steps of networks b (100 images) and c took 2 to 4% longer.
 */
const looksBeforeSleep = 800_000;
/**
 * The same in a browser, where the page's own thread wants a processor too: with as many as elsewhere its longest task
 * took 51 to 70 in place of 44 to 49 milliseconds while two threads trained on two cores, and training was slower.
 */
const looksBesidePage = 200_000;
/** The same where there are more threads than processors: one that looks keeps another from its work. */
const crowdedLooks = 2000;

/**
 * After so many deaths the team does without the workers that die, for so many milliseconds; the next job then has
 * others started.
 */
const mostReplacements = 8;
const rest = 1000;

/**
 * A worker that has not joined so many milliseconds after it was started is not counted on. Joining is the team's test
 * of the platform: it is a word that the worker writes to memory and the leader finds there, so a thread that was given
 * a copy of the memory never joins, and takes no part.
 */
const longestStart = 5000;

/** How long the leader waits for the end of a thread that it has ordered to end, where the platform tells of it. */
const longestEnd = 20_000;
/** The same where it does not. A running thread ends at the next loop head, a thousand times sooner. */
const blindEnd = 20;

interface Seat {
  /** number of the worker's record */
  readonly index: number;
  /** ends the worker's thread */
  dismissal: AbortController;
  /** when the worker was started */
  since: number;
}

const sleepersWord = control.sleepers / 4;
const doneWord = control.done / 4;

function stateWord(index: number): number {
  return (recordAddress(index) + record.state) / 4;
}

function threadWord(index: number): number {
  return (recordAddress(index) + record.thread) / 4;
}

function claimWord(index: number): number {
  return (recordAddress(index) + record.claim) / 8;
}

export class Team {
  readonly engine: Engine;
  /** the control block */
  readonly #words: Int32Array;
  /** the same as words of 64 bits: those of claims */
  readonly #claims: BigInt64Array;
  readonly #problems: string[] = [];
  readonly #generation: number;
  /** looks for work that an idle worker takes before it sleeps */
  readonly #looks: number;
  readonly #seats: Seat[] = [];
  /** seats whose workers have died too often lately, until when, and how the last of them died */
  readonly #resting: Seat[] = [];
  #restEnd: number = 0;
  #lastDeath: string = '';
  #crew: Crew | null = null;
  #replacements: number = 0;
  #dissolved: boolean = false;

  /** Starts threads - 1 workers. Where they cannot be started, `why` says so and the team is the caller alone. */
  constructor(engine: Engine, threads: number) {
    this.engine = engine;
    this.#words = new Int32Array(engine.heap.buffer, 0, recordAddress(recordCount) / 4);
    this.#claims = new BigInt64Array(engine.heap.buffer, 0, recordAddress(recordCount) / 8);
    this.#generation = Atomics.load(this.#words, control.generation / 4);
    const { cores, runtime } = features();
    const looks = runtime === 'browser' ? looksBesidePage : looksBeforeSleep;
    this.#looks = threads > cores ? crowdedLooks : looks;
    Atomics.store(this.#words, control.wakes / 4, Math.max(1, cores - 1));
    Atomics.store(this.#words, control.threads / 4, threads);
    if (threads === 1) return;
    const start = crewOfPlatform();
    if (typeof start === 'string') {
      this.#problems.push(start);
      return;
    }
    try {
      this.#crew = start(threads - 1);
    } catch (error) {
      this.#problems.push(`worker threads cannot be started (${message(error)}): one thread computes`);
      return;
    }
    const free = freeRecords(this.#words);
    while (this.#seats.length < threads - 1 && free.length > 0) {
      // by turns one that takes a job's last tasks, and one that takes the first (loop.ts); the leader's is even
      const odd = (this.#seats.length + 1) % 2;
      const [index] = free.splice(Math.max(0, free.findIndex((each) => each % 2 === odd)), 1);
      const seat: Seat = { index, dismissal: new AbortController(), since: 0 };
      this.#seats.push(seat);
      this.#occupy(seat);
    }
  }

  /** Why there are fewer threads than asked for, or none. */
  get why(): readonly string[] {
    if (this.#resting.length === 0) return this.#problems;
    const ended = `${this.#resting.length} worker thread(s) ended too often (${this.#lastDeath})`;
    return [...this.#problems, `${ended}: others are started for a large computation ${rest / 1000} s later`];
  }

  /** Has workers start again that have rested. */
  recruit(): void {
    if (this.#resting.length === 0 || performance.now() < this.#restEnd) return;
    this.#replacements = 0;
    for (const seat of this.#resting.splice(0)) {
      this.#seats.push(seat);
      this.#occupy(seat);
    }
  }

  /** Workers that have joined and are alive. */
  get joined(): number {
    return this.#seats.filter(({ index }) => {
      const state = Atomics.load(this.#words, stateWord(index));
      return state === states.awake || state === states.asleep;
    }).length;
  }

  /** Threads that may take part in a job are numbered from 0, the caller, to participants - 1. */
  get participants(): number {
    let last = leader;
    for (const { index } of [...this.#seats, ...this.#resting]) last = Math.max(last, index);
    return last + 1;
  }

  /** Workers that have joined or are expected to. */
  get expected(): number {
    return this.#seats.length;
  }

  /** Workers that were started long ago and have not been seen to join. */
  get unseen(): number {
    const latest = performance.now() - longestStart;
    return this.#seats.filter(({ index, since }) =>
      since < latest && Atomics.load(this.#words, stateWord(index)) === states.expected).length;
  }

  /**
   * Tasks of the current job that no worker will finish, because a kernel has trapped in it or its thread has ended;
   * with `silent` also those of workers that are still at one, whose threads are ended first. They are taken away from
   * the workers by this call, and those that they have finished are counted.
   */
  abandoned(silent: boolean): number[] {
    const tasks: number[] = [];
    for (const seat of this.#seats) {
      if (Atomics.load(this.#claims, claimWord(seat.index)) === 0n) continue;
      const trapped = Atomics.load(this.#words, stateWord(seat.index)) === states.trapped;
      if (!trapped && this.#hasEnded(seat) !== true) {
        if (!silent) continue;
        this.#dismiss(seat);
      }
      tasks.push(...this.#takeClaim(seat.index));
    }
    return tasks;
  }

  /** A number that changes when a worker finishes a task. */
  get progress(): bigint {
    let all = 0n;
    for (const { index } of this.#seats) all = 3n * all + Atomics.load(this.#claims, claimWord(index));
    return all;
  }

  /** Ends all workers' threads. Throws, and gives the engine up, when one does not end. */
  dismissAll(): void {
    for (const seat of this.#seats) this.#dismiss(seat);
  }

  /** Blocks the calling thread for so many milliseconds: nobody ever wakes those who wait for this word. */
  nap(milliseconds: number): void {
    Atomics.wait(this.#words, doneWord, Atomics.load(this.#words, doneWord), milliseconds);
  }

  /** Counts tasks of the current job as finished although they are not: their result will not be used. */
  writeOff(tasks: number): void {
    Atomics.add(this.#words, doneWord, tasks);
  }

  /** The same for those that the leader itself had taken when its kernel trapped, if there are any. */
  writeOffOwn(): void {
    this.writeOff(this.#takeClaim(leader).length);
  }

  /** Takes a thread's claim away, and counts those of its tasks that are finished. Gives the others. */
  #takeClaim(index: number): readonly number[] {
    const { tasks, finished } = readClaim(Atomics.exchange(this.#claims, claimWord(index), 0n));
    Atomics.add(this.#words, doneWord, finished);
    return tasks;
  }

  /** Sends the workers away: they leave when they next look for work, then their threads end. */
  async dissolve(): Promise<void> {
    if (this.#dissolved) return;
    this.#dissolved = true;
    // A new generation number makes workers leave; a new job number, of a job without tasks, wakes those asleep.
    Atomics.add(this.#words, control.generation / 4, 1);
    Atomics.add(this.#words, control.job / 4, 1);
    Atomics.notify(this.#words, control.job / 4);
    await this.#crew?.destroy();
    for (const { index } of this.#seats) this.#vacate(index);
  }

  /** Has a thread of the crew take this seat, and another one if that dies. */
  #occupy(seat: Seat): void {
    const { index } = seat;
    const { module, heap } = this.engine;
    seat.since = performance.now();
    Atomics.store(this.#words, stateWord(index), states.expected);
    Atomics.store(this.#words, threadWord(index), 0);
    const task = {
      module, imports: teamImports, memory: heap.memory, partsWord: control.parts / 4, record: recordAddress(index),
      stateWord: stateWord(index), threadWord: threadWord(index), trapped: states.trapped,
      generation: this.#generation, spins: this.#looks,
    };
    this.#crew!.run(task, seat.dismissal.signal).catch((error: unknown) => {
      if (this.#dissolved) return;
      const hadJoined = Atomics.load(this.#words, stateWord(index)) !== states.expected;
      this.#vacate(index);
      seat.dismissal = new AbortController();
      if (this.#replacements++ < mostReplacements) {
        this.#occupy(seat);
        return;
      }
      this.#seats.splice(this.#seats.indexOf(seat), 1);
      if (hadJoined) {
        this.#resting.push(seat);
        this.#restEnd = performance.now() + rest;
        this.#lastDeath = message(error);
      } else {
        this.#problems.push(`worker threads cannot be started (${message(error)})`);
      }
    });
  }

  #hasEnded({ index }: Seat): boolean | null {
    return this.#crew!.hasEnded(Atomics.load(this.#words, threadWord(index)));
  }

  /**
   * Ends a worker's thread and waits until it has ended: a thread that is only kept from a processor, or stopped, would
   * go on in the middle of its task, and write where other things lie by then. Throws, and gives the engine up, when it
   * does not end.
   */
  #dismiss(seat: Seat): void {
    let ended = this.#hasEnded(seat);
    seat.dismissal.abort();
    const end = performance.now() + (ended === null ? blindEnd : longestEnd);
    while (ended !== true && performance.now() < end) {
      if (features().mayBlock) this.nap(1);
      ended = this.#hasEnded(seat);
    }
    Atomics.store(this.#words, stateWord(seat.index), states.left);
    if (ended === false) throw giveUp();
  }

  /** Frees the record of a worker whose thread has ended. No job is under way: this runs from the event loop. */
  #vacate(index: number): void {
    if (Atomics.exchange(this.#words, stateWord(index), states.free) === states.asleep) {
      Atomics.sub(this.#words, sleepersWord, 1);
    }
    Atomics.store(this.#claims, claimWord(index), 0n);
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Records that nobody has. Those of dissolved teams are taken until their workers have left. */
function freeRecords(words: Int32Array): number[] {
  const free: number[] = [];
  for (let index = leader + 1; index < recordCount; index++) {
    if (Atomics.load(words, stateWord(index)) === states.free) free.push(index);
  }
  return free;
}

/** The function that starts threads here, or why there is none. */
function crewOfPlatform(): ((threads: number) => Crew) | string {
  const found = features();
  if (!found.sharedMemory || !found.workers) return missingFeatures(found).join('; ');
  switch (found.runtime) {
    case 'node': case 'deno': case 'bun': return startPiscinaCrew;
    case 'browser': return startWebCrew;
    default: return 'this runtime has no worker threads that are known here: one thread computes';
  }
}

let givenUp: string | null = null;

/** Why no engine may run any more: a thread that cannot be ended may still write to its memory. */
export function whyGivenUp(): string | null {
  return givenUp;
}

/** Has the backend chosen anew, which will not be one with this engine, and gives the error to throw. */
function giveUp(): Error {
  givenUp = 'simd: a worker thread stopped in the middle of an operation and could not be ended; a new process can';
  void shutdown();
  leaving.clear(); // nobody is to wait for that thread
  configure({});
  return new Error(`the result of an operation is lost (${givenUp})`);
}

let team: Team | null = null;
/** the thread count that the team was put together for */
let teamThreads = 0;

function wantedThreads(): number {
  const { threads } = settings();
  return threads === 'auto' ? Math.min(features().cores, maxThreads) : threads;
}

/** The team of the current engine, put together if there is none. */
export function currentTeam(): Team {
  if (team === null) {
    teamThreads = wantedThreads();
    team = new Team(currentEngine(), teamThreads);
  }
  team.recruit();
  return team;
}

/** The team as it stands; null when no job has called for one yet. */
export function existingTeam(): Team | null {
  return team;
}

/** Threads that compute, or will once there is work for them, and why there are not more. */
export function expectedThreads(): { threads: number; why: readonly string[] } {
  if (team !== null) {
    const { expected, unseen } = team;
    const late = expected - team.joined - unseen;
    const why = [...team.why];
    if (late > 0) why.push(`${late} worker thread(s) have not started yet`);
    if (unseen > 0) {
      why.push(`${unseen} worker thread(s) were started over ${longestStart / 1000} s ago and nothing that they write ` +
        'to the shared memory is seen here: the work is done without them');
    }
    return { threads: 1 + expected - unseen, why };
  }
  const threads = wantedThreads();
  const crew = threads === 1 ? '' : crewOfPlatform();
  return typeof crew === 'string' ? { threads: 1, why: crew === '' ? [] : [crew] } : { threads, why: [] };
}

/** teams whose threads have been told to end, until they have */
const leaving: Set<Promise<void>> = new Set();

/**
 * Ends the worker threads; the promise is kept when all have ended, those of earlier teams as well. A program exits by
 * itself without this. The next large computation starts new ones.
 */
export async function shutdown(): Promise<void> {
  if (team !== null) {
    const dissolved = team.dissolve();
    team = null;
    leaving.add(dissolved);
    const forget = (): void => void leaving.delete(dissolved);
    dissolved.then(forget, forget);
  }
  await Promise.all(leaving);
}

onEngine(() => void shutdown());
onConfigure(({ backend }) => {
  if ((backend !== 'auto' && backend !== 'simd') || wantedThreads() !== teamThreads) void shutdown();
});
