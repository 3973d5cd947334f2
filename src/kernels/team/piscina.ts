/** Threads in Node and Deno: Piscina starts them, replaces those that die, and ends them. */

import type { Worker } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import type { Crew, WorkerTask } from './crew.ts';
import { loadPiscina, workerFile, workerOptions } from './embedded.ts';

type LoadBalancer = NonNullable<NonNullable<ConstructorParameters<typeof Piscina>[0]>['loadBalancer']>;

/** A port that keeps the process alive until it is told not to. */
interface Unreferable {
  unref(): void;
}

/** How often a thread is asked whether its loop has begun. */
const acquaintances = 100;

/** Starts so many threads. Throws where the runtime has none. */
export function startPiscinaCrew(threads: number): Crew {
  const Pool = loadPiscina();
  const pool = new Pool({
    filename: workerFile,
    name: 'join',
    minThreads: threads,
    maxThreads: threads,
    execArgv: workerOptions,
    loadBalancer: idleThread,
    recordTiming: false,
  });
  // A thread that dies is reported by the promise of its task. This event repeats it, and unheard it would be thrown.
  pool.on('error', () => undefined);
  const known = new Map<number, Worker>();

  /**
   * A thread's event loop has a time it has been idle for as long as there is an environment to have it, and that goes
   * only after all code has ended (Node's Worker::Run). While that loop has not begun, all times are 0, and nothing is
   * known: such a thread may well be at its first task.
   */
  function hasEnded(thread: number): boolean | null {
    for (const worker of pool.threads) known.set(worker.threadId, worker);
    const worker = known.get(thread);
    if (worker?.performance === undefined) return null; // Deno's and Bun's have none
    const { idle, active } = worker.performance.eventLoopUtilization();
    if (idle === 0 && active === 0) return null;
    const ended = idle < 0;
    if (ended) known.delete(thread);
    return ended;
  }

  /** Asks each thread once its loop has begun: of one that was not asked before it ended, all times stay 0. */
  function acquaint(attempts: number): void {
    const strange = pool.threads.some(({ performance }) => performance?.eventLoopUtilization().active === 0);
    if (strange && attempts > 0) setTimeout(acquaint, 10, attempts - 1).unref();
  }

  return {
    hasEnded,
    async run(task: WorkerTask, signal: AbortSignal): Promise<void> {
      queueMicrotask(() => acquaint(acquaintances));
      await pool.run(task, { signal });
    },
    destroy: () => pool.destroy(),
  };
}

/**
 * One task a thread. And none keeps the process alive: Piscina holds on to the port of a busy thread, and these are
 * busy for as long as the program runs; but the program is over when its own work is. (The balancer is asked just
 * before a task is posted, so the microtask comes just after.)
 */
const idleThread: LoadBalancer = (_task, threads) => {
  const idle = threads.find((thread) => thread.currentUsage === 0);
  if (idle === undefined) return null;
  const [internals] = Object.getOwnPropertySymbols(idle);
  const { port } = (idle as unknown as Record<symbol, { port: Unreferable }>)[internals];
  queueMicrotask(() => port.unref());
  return idle;
};
