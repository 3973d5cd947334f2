/**
 * Sums over whole arrays. A task adds up its part in float64, and a last job adds the parts in order. Of squares in
 * float32, those under 1e-36 count as 0: next to any other they do not matter, and subnormal ones made this sum ten
 * times slower.
 */

import { bytesOf, constant, type FloatKind, load, scale } from '../../../wasm/index.ts';
import type { ElementwiseKernels, FloatArray } from '../../contract.ts';
import { launchColumnSums } from '../gemm/gemm.ts';
import { type FloatKernels, floatKernels, Kernel, type KernelBuilder } from '../kernel.ts';
import { floatKind, launch, launched, scratch } from '../launch.ts';
import { elementwiseTuning } from '../tuning.ts';
import { addRun, at, eachPiece, shareOf, withoutTiny } from '../vectors.ts';
import { tasksOver } from './map.ts';

const sumArguments = { x: 'input', count: 'i32', perTask: 'i32', partial: 'scratch' } as const;
const sums: FloatKernels<typeof sumArguments> = floatKernels('sum', sumArguments);
const sumsOfSquares: FloatKernels<typeof sumArguments> = floatKernels('sum_of_squares', sumArguments);
const addArguments = { partial: 'scratch', parts: 'i32', total: 'output' } as const;
const addParts: Kernel<typeof addArguments> = new Kernel('f64_add_parts', addArguments);

/** Adds the kernels to the module. */
export function emitReductions(kernels: KernelBuilder): void {
  for (const float of ['f32', 'f64'] as const) {
    emitSum(kernels, float, false);
    emitSum(kernels, float, true);
  }
  kernels.define(addParts, (f, s) => {
    const sum = f.local('f64', constant('f64', 0));
    f.repeat(s.parts, () => {
      f.set(sum, sum.add(load('f64', s.partial)));
      f.increase(s.partial, 8);
    });
    f.store(s.total, sum);
  });
}

function emitSum(kernels: KernelBuilder, float: FloatKind, squares: boolean): void {
  kernels.define((squares ? sumsOfSquares : sums)[float], (f, s, task) => {
    const [first, last] = shareOf(f, task, s.perTask, s.count);
    const from = f.let(s.x.add(scale(first, bytesOf(float))));
    const total = f.local('f64', constant('f64', 0));
    eachPiece(f, last.sub(first), (piece) => addRun(f, float, [from], piece, [total], (kind, offset) => {
      if (!squares) return [at(kind, from, offset)];
      const value = f.let(at(kind, from, offset));
      const large = float === 'f32' ? f.let(withoutTiny(value, 1e-18)) : value;
      return [large.mul(large)];
    }));
    f.store(s.partial.add(task.shl(3)), total);
  });
}

const result = new Float64Array(1);

const runSum = launched((kernels: typeof sums, x: FloatArray): void => {
  const parts = tasksOver(x);
  const partial = scratch(8 * parts);
  launch(kernels[floatKind(x)]).x(x).count(x.length).perTask(elementwiseTuning.elementsPerTask).partial(partial)
    .run(parts);
  launch(addParts).partial(partial).parts(parts).total(result).run(1);
});

function total(kernels: typeof sums, x: FloatArray): number {
  if (x.length === 0) return 0;
  runSum(kernels, x); // the total is copied to result when the launch ends
  return result[0];
}

export const reductionKernels: Pick<ElementwiseKernels, 'sum' | 'sumOfSquares' | 'sumRows'> = {
  sum: (x) => total(sums, x),
  sumOfSquares: (x) => total(sumsOfSquares, x),
  sumRows: launched((x, out, rows, columns) => {
    if (rows === 0 || columns === 0) return void out.fill(0);
    launchColumnSums(floatKind(x), x, out, rows, columns);
  }),
};
