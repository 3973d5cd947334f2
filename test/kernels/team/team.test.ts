import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Heap } from '../../../src/kernels/memory/heap.ts';
import { argumentFrames } from '../../../src/kernels/team/control.ts';
import { installEngine } from '../../../src/kernels/team/engine.ts';
import { runJob } from '../../../src/kernels/team/run.ts';
import { currentTeam, shutdown } from '../../../src/kernels/team/team.ts';
import { configure } from '../../../src/runtime/settings.ts';
import { kernels, testEngine } from './engine.ts';

const heap = new Heap(1024);
const args = argumentFrames.address;
const slots = new Int32Array(heap.buffer, args, 16);

beforeAll(() => {
  installEngine(testEngine(heap));
});
afterAll(async () => {
  await shutdown();
  installEngine(null);
});

async function joined(count: number): Promise<void> {
  while (currentTeam().joined < count) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe('team', () => {
  it('has threads that work at the same time', async () => {
    configure({ threads: 3 });
    await joined(2);
    const counter = heap.array('int32', heap.allocate(4, 'test'), 1);
    counter[0] = 0;
    slots[0] = counter.byteOffset;
    slots[1] = 3;
    runJob(kernels.barrier, args, 3, true); // ends only if three threads meet in it
    expect(counter[0]).toBe(3);
  });
});
