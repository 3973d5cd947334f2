/** Winograd's transforms round alike with and without fused multiply-add, so that results do not hang on the engine. */

import { describe, expect, it, vi } from 'vitest';
import {
  everyTaps, gradientTileShape, outputGradientTransform, tileShape,
} from '../../../src/kernels/simd/conv/winograd-algebra.ts';
import { features } from '../../../src/runtime/features.ts';
import { type Body, defineFunction, ModuleBuilder, splat, type Value } from '../../../src/wasm/index.ts';
import { randomFloats } from './support.ts';

const engine = vi.hoisted(() => ({ isFused: true }));
vi.mock('../../../src/runtime/features.ts', async (original) => {
  const real = await original<typeof import('../../../src/runtime/features.ts')>();
  return {
    ...real,
    features: () => ({ ...real.features(), relaxedSimd: real.features().relaxedSimd && engine.isFused }),
  };
});

type Transform = (f: Body, line: readonly Value[]) => Value[];

/** The bytes of a module whose function `f` gives one result of a transform of so many scalars. */
function written(count: number, result: number, transform: Transform): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  defineFunction(module, 'f', new Array<'f32'>(count).fill('f32'), ['f32'], (f, ...scalars) => {
    const line = scalars.map((scalar) => f.let(splat('f32x4', scalar)));
    f.return(transform(f, line)[result].lane(1));
  }, 'f');
  return module.build();
}

function compiled(bytes: Uint8Array<ArrayBuffer>): (...line: number[]) => number {
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.f as (...line: number[]) => number;
}

const transforms = everyTaps.flatMap((taps) => {
  const { rows, columns, down, across } = tileShape(taps);
  const { rows: gradientRows, down: { points } } = gradientTileShape(taps);
  const forward = ([[down, rows], [across, columns]] as const).flatMap(([line, outputs]) => [
    { name: `input of ${line.points}`, count: line.points, results: line.points, transform: line.input as Transform },
    {
      name: `output of ${line.points}, ${taps} taps`, count: line.points, results: outputs,
      transform: ((f, values) => line.output(f, values, outputs)) as Transform,
    },
  ]);
  return [...forward, {
    name: `gradient of the output, ${taps} taps`, count: gradientRows, results: points,
    transform: outputGradientTransform as Transform,
  }];
});

describe.skipIf(!features().relaxedSimd)('transforms of Winograd', () => {
  it.each(transforms)('$name: the same bits with fused multiply-add', ({ count, results, transform }) => {
    let fusedResults = 0;
    for (let result = 0; result < results; result++) {
      const [fused, apart] = [true, false].map((isFused) => {
        engine.isFused = isFused;
        return written(count, result, transform);
      });
      if (!Buffer.from(fused).equals(Buffer.from(apart))) fusedResults++;
      const [withIt, without] = [compiled(fused), compiled(apart)];
      for (let seed = 1; seed <= 200; seed++) {
        const line = [...randomFloats('float32', count, seed + 1000 * result)];
        expect(withIt(...line)).toBe(without(...line));
      }
    }
    expect(fusedResults).toBeGreaterThan(0);
  });
});
