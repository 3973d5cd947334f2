/**
 * Worker threads that die or freeze in the middle of training: the loss and the gradients keep their bits, calls do not
 * hang, and the team is whole again afterwards.
 */

import type { Worker } from 'node:worker_threads';
import { argumentFrames } from '../../src/kernels/team/control.ts';
import { installEngine } from '../../src/kernels/team/engine.ts';
import { Heap } from '../../src/kernels/memory/heap.ts';
import { runJob } from '../../src/kernels/team/run.ts';
import { currentTeam, shutdown } from '../../src/kernels/team/team.ts';
import { configure, Rng } from '../../src/index.ts';
import { features } from '../../src/runtime/features.ts';
import { DeepConvNet } from '../../src/models/index.ts';
import { kernels, testEngine } from '../kernels/team/engine.ts';
import { below, pick, Tally } from './tally.ts';
import type { Assault } from './tally.ts';

/** A call may wait for a worker that does not answer, but not for longer. */
const allowedSeconds = 10;

const turn = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

const X = new Rng(1).normal(0, 1, [20, 3, 16, 16]);
const y = Int32Array.from({ length: 20 }, (_, i) => i % 10);

/** Loss and gradients of a network, as text. */
function computed(): string {
  const model = new DeepConvNet({
    inputDim: [3, 16, 16], numFilters: [8, 16], maxPools: [0], batchnorm: true, weightScale: 'kaiming', rng: new Rng(2),
  });
  const [loss, grads] = model.loss(X, y);
  return [loss, ...Object.values(grads).map((grad) => grad.contiguous().data.join(' '))].join('\n');
}

export async function failingThreads({ rng, end }: Assault): Promise<Tally> {
  const tally = new Tally();
  const threads = new Set<Worker>();
  const remember = (worker: Worker): void => {
    threads.add(worker);
    worker.once('exit', () => threads.delete(worker));
  };
  process.on('worker', remember);
  try {
    configure({ backend: 'simd', threads: 1 });
    const expected = computed();
    while (performance.now() < end) {
      configure({ threads: pick(rng, [2, 3, 4]) });
      if (computed() !== expected) tally.fail('other bits before anything was done');
      await turn(below(rng, 40));
      // takes effect some time during the steps below
      const dying = threads.size === 0 ? [] : [pick(rng, [...threads])];
      const ended = dying.map((thread) => thread.terminate());
      for (let step = below(rng, 30); step >= 0; step--) timed(tally, 'steps beside dying threads', () => {
        if (computed() !== expected) tally.fail('other bits beside a dying thread');
      });
      await Promise.all(ended);
      tally.count('threads ended', ended.length);
      if (rng.random() < 0.2) await shutdown();
      if (rng.random() < 0.1) await frozen(tally, rng);
    }
  } finally {
    await shutdown();
    process.off('worker', remember);
    configure({ backend: 'auto', threads: 'auto' });
  }
  return tally;
}

function timed(tally: Tally, name: string, action: () => void): void {
  const started = performance.now();
  try {
    action();
  } catch (error) {
    tally.fail(`${name}: ${String(error)}`);
  }
  const seconds = (performance.now() - started) / 1000;
  tally.count(name);
  if (seconds > allowedSeconds) tally.fail(`${name}: a call took ${seconds.toFixed(1)} s`);
}

/** A worker that never ends its task: the task is done again, and another worker takes its place. */
async function frozen(tally: Tally, rng: Rng): Promise<void> {
  await shutdown();
  const heap = new Heap(64);
  installEngine(testEngine(heap));
  try {
    const slots = new Int32Array(heap.buffer, argumentFrames.address, 16);
    const counters = heap.array('int32', heap.allocate(64, 'hostile'), 16) as Int32Array;
    // all of them meet in the kernel, and the team wakes no more workers than there are processors for
    const count = Math.min(pick(rng, [2, 3]), Math.max(2, features().cores));
    configure({ threads: count });
    const whole = async (): Promise<boolean> => {
      const until = performance.now() + 1000 * allowedSeconds;
      do {
        currentTeam();
        await turn(2);
      } while (currentTeam().joined !== count - 1 && performance.now() < until);
      return currentTeam().joined === count - 1;
    };
    if (!await whole()) tally.fail('a team did not come together');
    counters.set([1, 0]);
    slots.set([counters.byteOffset, counters.byteOffset + 4, count]);
    timed(tally, 'frozen threads', () => runJob(kernels.hang, argumentFrames.address, count, true));
    if (counters[1] !== count + 1) tally.fail(`${counters[1]} tasks beside a frozen thread, expected ${count + 1}`);
    if (!await whole()) tally.fail('a frozen thread was not replaced');
  } finally {
    await shutdown();
    installEngine(null);
  }
}
