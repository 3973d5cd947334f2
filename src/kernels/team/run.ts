/** Runs one job and sees to it that the call ends: with the job done or an error, whatever becomes of a worker. */

import { features } from '../../runtime/features.ts';
import { currentEngine } from './engine.ts';
import { currentTeam, shutdown, type Team } from './team.ts';

/**
 * Looks at the job's counter (one or two nanoseconds each) before JavaScript asks whether something is the matter: half
 * a millisecond, which workers whose last tasks take longer than the leader's seldom need.
 */
const firstLooks = 400_000;

/**
 * What mostly is the matter: other programs keep a worker from a processor. Where the thread may block (all but a
 * browser's main thread), the leader then gives way for so many milliseconds a round, lest it be in the way itself, and
 * looks only so many times in between.
 */
const nap = 0.1;
const looksPerRound = 20_000;

/**
 * A worker whose thread lives and that is still at a task when the leader has found no other, and nobody has finished
 * one, for so long is taken for stuck: at least this, and ten times what the leader needed for all of its own tasks.
 * One whose thread has ended is found in the next round, where the platform tells of it.
 */
const leastPatience = 2000;
const patienceFactor = 10;

/** Waiting counts by rounds of at most so many milliseconds: a laptop that was shut meanwhile is no dead worker. */
const longestRound = 20;

/**
 * Runs the tasks 0 .. tasks-1 of a kernel and returns when all are done. Throws what the kernel traps with. When a
 * worker dies over a task, a repeatable one is done again; otherwise Error is thrown.
 */
export function runJob(kernel: number, args: number, tasks: number, repeatable: boolean): void {
  const { exports } = currentEngine();
  if (tasks <= 1) {
    exports.lead(kernel, args, tasks, 1);
    return;
  }
  const team = currentTeam();
  const began = performance.now();
  let unfinished: number;
  try {
    unfinished = exports.lead(kernel, args, tasks, firstLooks);
  } catch (error) {
    team.writeOffOwn();
    exports.withdraw();
    awaitRest(team, leastPatience, false, error);
    throw error;
  }
  if (unfinished === 0) return;
  const patience = Math.max(leastPatience, patienceFactor * (performance.now() - began));
  awaitRest(team, patience, repeatable, null);
}

/**
 * Waits until workers have finished the current job, sees to the tasks of those that cannot, and throws when the result
 * is not to be had. With a failure given, the job has failed already, and its tasks are only waited for.
 */
function awaitRest(team: Team, patience: number, repeatable: boolean, failure: unknown): void {
  const { exports } = team.engine;
  const { mayBlock } = features();
  let waited = 0;
  let last = performance.now();
  let progress = team.progress;
  while (exports.linger(looksPerRound) !== 0) {
    if (mayBlock) team.nap(nap);
    const now = performance.now();
    waited += Math.min(now - last, longestRound);
    last = now;
    if (progress !== (progress = team.progress)) waited = 0; // somebody has finished a task
    const outOfPatience = waited > patience;
    const tasks = team.abandoned(outOfPatience);
    for (const task of tasks) failure = settle(team, task, repeatable, failure);
    if (outOfPatience && tasks.length === 0) {
      // Nobody is at a task, and yet some are missing: a worker was stopped between taking one and saying so.
      team.dismissAll();
      void shutdown();
      throw new Error('a worker thread was lost in the middle of an operation, whose result is lost with it');
    }
  }
  if (failure !== null) throw failure;
}

/** Does an abandoned task again, or counts it as done where its result is lost. Gives the job's failure, if any. */
function settle(team: Team, task: number, repeatable: boolean, failure: unknown): unknown {
  if (failure === null && repeatable) {
    try {
      team.engine.exports.redo(task);
      return null;
    } catch (error) {
      failure = error;
    }
  }
  team.writeOff(1);
  return failure ?? new Error('a worker thread died in the middle of an operation that changes its operands in place, ' +
    'so it cannot be done again: its result is lost');
}
