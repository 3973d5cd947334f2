/** Runs one job on the engine and sees to it that the call ends: with the job done, or with an error. */

import { currentEngine } from './engine.ts';

/** Looks at the job's counter (about a nanosecond each) before JavaScript is asked whether something has gone wrong. */
const looksPerRound = 1_000_000;

/** Runs the tasks 0 .. tasks-1 of a kernel and returns when all are done. */
export function runJob(kernel: number, args: number, tasks: number, _repeatable: boolean): void {
  const { exports } = currentEngine();
  if (exports.lead(kernel, args, tasks, looksPerRound) === 0) return;
  while (exports.linger(looksPerRound) !== 0);
}
