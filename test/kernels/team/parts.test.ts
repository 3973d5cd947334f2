import type { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { Heap, HeapExhausted, maximumPages } from '../../../src/kernels/memory/heap.ts';
import { kernelSource } from '../../../src/kernels/simd/module.ts';
import { argumentFrames } from '../../../src/kernels/team/control.ts';
import { type Engine, installEngine } from '../../../src/kernels/team/engine.ts';
import { runJob } from '../../../src/kernels/team/run.ts';
import { tableSize } from '../../../src/kernels/team/part.ts';
import { currentTeam, shutdown } from '../../../src/kernels/team/team.ts';
import { features } from '../../../src/runtime/features.ts';
import { configure } from '../../../src/runtime/settings.ts';
import { declared, kernelNamed, testEngine } from './engine.ts';

vi.mock('../../../src/runtime/features.ts', () => import('./many-cores.ts'));

const heap = new Heap(1024);
const args = argumentFrames.address;
const slots = new Int32Array(heap.buffer, args, 16);
const counter = heap.array('int32', heap.allocate(64, 'test'), 16) as Int32Array;
const threads: Worker[] = [];
const remember = (worker: Worker): void => void threads.push(worker);

beforeAll(() => void process.on('worker', remember));
afterEach(async () => {
  await shutdown();
  threads.length = 0;
});
afterAll(() => {
  process.off('worker', remember);
  installEngine(null);
  configure({ threads: 'auto' });
});

async function teamOf(count: number): Promise<void> {
  configure({ threads: count });
  do await new Promise((resolve) => setTimeout(resolve, 2)); while (currentTeam().joined !== count - 1);
}

function begin(): Engine {
  const engine = testEngine(heap, []);
  installEngine(engine);
  return engine;
}

/** Three tasks that end only when three threads meet in them: each of them must have the kernel. */
function meet(engine: Engine): void {
  counter[0] = 0;
  slots.set([counter.byteOffset, 3]);
  runJob(engine.position(kernelNamed('barrier')), args, 3, true);
  expect(counter[0]).toBe(3);
}

function number(engine: Engine): number[] {
  slots[0] = counter.byteOffset;
  new Float64Array(heap.buffer, args, 128)[64] = 7;
  runJob(engine.position(declared.number), args, 5, true);
  return [...new Float64Array(heap.buffer, counter.byteOffset, 5)];
}

describe('parts', () => {
  it('reach workers that are awake, asleep, and not there yet', async () => {
    const engine = begin();
    await teamOf(3);
    meet(engine); // they look for work
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(number(engine)).toEqual([7, 8, 9, 10, 11]); // they sleep
    await shutdown();
    await teamOf(3); // workers that find two parts at once
    meet(engine);
    expect(number(engine)).toEqual([7, 8, 9, 10, 11]);
  });

  it('reach the one that comes after a dead worker', async () => {
    const engine = begin();
    await teamOf(3);
    meet(engine);
    const ended = new Promise((resolve) => threads[0].once('exit', resolve));
    void threads[0].terminate();
    await ended;
    expect(number(engine)).toEqual([7, 8, 9, 10, 11]);
    await teamOf(3);
    meet(engine);
  });

  it('of one engine are not those of the next on the same heap', async () => {
    const first = begin();
    await teamOf(3);
    number(first); // the next engine has another kernel at this position
    const second = begin();
    await teamOf(3);
    meet(second);
    installEngine(first);
    await teamOf(3);
    expect(number(first)).toEqual([7, 8, 9, 10, 11]);
    meet(first);
  });

  it('that come in the background are those that are missing', async () => {
    const engine = begin();
    await teamOf(3);
    const before = engine.position(declared.number);
    await engine.addAll();
    expect(engine.position(declared.number)).toBe(before);
    const held = heap.heldBy('kernels');
    meet(engine);
    expect(heap.heldBy('kernels')).toBe(held);
  });

  it('say that the memory never grows where it is made whole, to all threads', async () => {
    const whole = new Heap(maximumPages, true);
    const engine = testEngine(whole, []);
    installEngine(engine);
    const out = whole.allocate(64, 'test');
    new Int32Array(whole.buffer, args, 2).set([out, 3]);
    await teamOf(3);
    runJob(engine.position(kernelNamed('barrier')), args, 3, true);
    expect(new Int32Array(whole.buffer, out, 1)[0]).toBe(3);

    const [kernel] = kernelSource(engine.form).kernels;
    const { bytes } = kernelSource(engine.form).emit([kernel], 0, whole.initialPages);
    const { table, participant } = engine.exports;
    const onMemory = (memory: WebAssembly.Memory): unknown =>
      new WebAssembly.Instance(new WebAssembly.Module(bytes), { team: { memory, table, participant } });
    // Engines word the refusal each in their own way: it is a LinkError that names the pages that are wanted.
    expect(() => onMemory(heap.memory)).toThrow(WebAssembly.LinkError);
    expect(() => onMemory(heap.memory)).toThrow(/65536/);
    expect(() => onMemory(whole.memory)).not.toThrow();
  });

  it('leave the heap as it was where it has no room for their code', () => {
    const small = new Heap(2);
    const engine = testEngine(small, []);
    installEngine(engine);
    const taken: number[] = [];
    expect(() => {
      for (;;) taken.push(small.allocate(64, 'test'));
    }).toThrow(HeapExhausted);
    for (let i = 0; i <= tableSize; i++) expect(() => engine.position(declared.number)).toThrow(HeapExhausted);
    expect(small.heldBy('kernels')).toBe(0);
    for (const address of taken) small.free(address);
    expect(engine.position(declared.number)).toBe(testEngine(new Heap(2), []).position(declared.number));
  });

  it('leave the heap and the table as they were where the engine does not compile them', () => {
    const engine = testEngine(heap, []);
    const held = heap.heldBy('kernels');
    const refusal = vi.spyOn(WebAssembly, 'Module').mockImplementation(function () {
      throw new RangeError('Out of memory');
    });
    for (let i = 0; i <= tableSize; i++) expect(() => engine.position(declared.number)).toThrow('Out of memory');
    refusal.mockRestore();
    expect(heap.heldBy('kernels')).toBe(held);
    expect(engine.position(declared.number)).toBe(testEngine(new Heap(2), []).position(declared.number));
  });
});

describe('the kernels of the library', () => {
  it('come one by one, with nothing that they do not call', () => {
    const forms = [false, true].flatMap((relaxed) => [
      { relaxed, wide: false, five: false }, { relaxed, wide: false, five: true }, { relaxed, wide: true, five: false },
    ]);
    for (const form of forms.filter(({ relaxed }) => !relaxed || features().relaxedSimd)) {
      const source = kernelSource(form);
      const all = source.emit(source.kernels, 0, 1);
      expect([...all.positions.keys()]).toEqual(source.kernels);
      const alone = source.kernels.map((kernel) => source.emit([kernel], 100, 1));
      for (const { bytes, positions } of alone) {
        expect([...positions.values()]).toEqual([100]);
        expect(WebAssembly.validate(bytes)).toBe(true);
        expect(bytes.length).toBeLessThan(64 * 1024); // what browsers are asked whether they compile it at once
      }
      expect(alone.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThan(1.2 * all.bytes.length);
    }
  });

  it('are the same bytes each time, which engines compile once', () => {
    const [one, other] = [0, 1].map(() => kernelSource({ relaxed: false, wide: false, five: false }));
    expect(other.kernels).toEqual(one.kernels);
    for (const kernel of one.kernels) expect(other.emit([kernel], 3, 1).bytes).toEqual(one.emit([kernel], 3, 1).bytes);
  });
});
