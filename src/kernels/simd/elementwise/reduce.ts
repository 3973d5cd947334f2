/**
 * Sums over whole arrays. A task adds up its part in float64, and a last job adds the parts in order. Of squares in
 * float32, those under 1e-36 count as 0: next to any other they do not matter, and subnormal ones made this sum ten
 * times slower.
 */

import { bytesOf, constant, type FloatKind, load, scale } from '../../../wasm/index.ts';
import type { ElementwiseKernels, FloatArray } from '../../contract.ts';
import { launchColumnSums } from '../gemm/host.ts';
import { ArgumentSlots, type KernelBuilder } from '../kernel-builder.ts';
import { beginLaunch, floatKind } from '../launch.ts';
import { kernelIndex } from '../module.ts';
import { elementwiseTuning } from '../tuning.ts';
import { addRun, at, eachPiece, withoutTiny } from '../vectors.ts';

const slots: ArgumentSlots<'x' | 'count' | 'perTask' | 'partial' | 'total' | 'parts'> =
  new ArgumentSlots(['x', 'count', 'perTask', 'partial', 'total', 'parts']);

/** Adds the kernels to the module. */
export function emitReductions(kernels: KernelBuilder): void {
  for (const float of ['f32', 'f64'] as const) {
    emitSum(kernels, float, false);
    emitSum(kernels, float, true);
  }
  kernels.define('f64_add_parts__simd128', (f, args) => {
    const s = slots.read(f, args, ['partial', 'total', 'parts']);
    const sum = f.local('f64', constant('f64', 0));
    f.repeat(s.parts, () => {
      f.set(sum, sum.add(load('f64', s.partial)));
      f.increase(s.partial, 8);
    });
    f.store(s.total, sum);
  });
}

function sumName(float: FloatKind, squares: boolean): string {
  return `${float}_sum${squares ? '_of_squares' : ''}__simd128`;
}

function emitSum(kernels: KernelBuilder, float: FloatKind, squares: boolean): void {
  kernels.define(sumName(float, squares), (f, args, task) => {
    const s = slots.read(f, args, ['x', 'count', 'perTask', 'partial']);
    const first = f.let(task.mul(s.perTask));
    const count = f.let(s.count.sub(first));
    f.if(count.gt(s.perTask), () => f.set(count, s.perTask));
    const from = f.let(s.x.add(scale(first, bytesOf(float))));
    const total = f.local('f64', constant('f64', 0));
    eachPiece(f, count, (piece) => addRun(f, float, [from], piece, [total], (kind, offset) => {
      if (!squares) return [at(kind, from, offset)];
      const value = f.let(at(kind, from, offset));
      const large = float === 'f32' ? f.let(withoutTiny(value, 1e-18)) : value;
      return [large.mul(large)];
    }));
    f.store(s.partial.add(task.shl(3)), total);
  });
}

const result = new Float64Array(1);

function total(x: FloatArray, squares: boolean): number {
  if (x.length === 0) return 0;
  const launch = beginLaunch();
  try {
    const parts = Math.ceil(x.length / elementwiseTuning.elementsPerTask);
    slots.set(launch, 'x', launch.input(x));
    slots.set(launch, 'count', x.length);
    slots.set(launch, 'perTask', elementwiseTuning.elementsPerTask);
    slots.set(launch, 'partial', launch.scratch(8 * parts));
    slots.set(launch, 'total', launch.output(result));
    slots.set(launch, 'parts', parts);
    launch.run(kernelIndex(sumName(floatKind(x), squares)), parts);
    launch.run(kernelIndex('f64_add_parts__simd128'), 1);
  } finally {
    launch.finish();
  }
  return result[0];
}

export const reductionKernels: Pick<ElementwiseKernels, 'sum' | 'sumOfSquares' | 'sumRows'> = {
  sum: (x) => total(x, false),
  sumOfSquares: (x) => total(x, true),
  sumRows(x, out, rows, columns) {
    if (rows === 0 || columns === 0) return void out.fill(0);
    const launch = beginLaunch();
    try {
      const outAt = launch.output(out);
      launchColumnSums(launch, floatKind(x), launch.input(x), outAt, rows, columns);
    } finally {
      launch.finish();
    }
  },
};
