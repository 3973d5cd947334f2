/**
 * Average pooling as jobs, a task being some planes. The windows come as two tables, the rows and the columns that each
 * row and column of the output looks at: so padded and adaptive pooling are the same kernels. Sums are float64, added
 * row by row, as the definition has them; windows of 2x2 with stride 2 inside the image go by vectors.
 */

import {
  bytesOf, constant, type FloatKind, lanesOf, load, type Local, scale, shuffle, splat, toFloat, type Value, vectorOf,
} from '../../../wasm/index.ts';
import { type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import { fromFloat64, narrow, toFloat64, widen, zero } from '../vectors.ts';
import { eachPlane, poolSizes } from './pool-kernels.ts';

// pairs: windows are 2x2 with stride 2, none overhangs; rows, columns: first and end, i32, for each of the output's;
// divisor: of every window, 0 where it is the number of its pixels
const averageArguments = {
  perTask: 'i32', pairs: 'flag', rows: 'input', columns: 'input', divisor: 'i32', source: 'input', target: 'output',
} as const;
type Average = FloatKernels<typeof poolSizes & typeof averageArguments>;
export const average: Average = floatKernels('average_pool', { ...poolSizes, ...averageArguments });
export const averageBackward: Average = floatKernels('average_pool_backward', { ...poolSizes, ...averageArguments });

/** Adds the kernels for one type to the module. */
export function emitAverage(kernels: KernelBuilder, float: FloatKind): void {
  emit(kernels, float, false);
  emit(kernels, float, true);
}

/** Task: perTask planes of out from those of x, or of dx from those of dout. */
function emit(kernels: KernelBuilder, float: FloatKind, backward: boolean): void {
  const bytes = bytesOf(float);
  const vector = vectorOf(float);
  const lanes = lanesOf(vector);
  const evens = Array.from({ length: lanes }, (_, i) => 2 * i);
  kernels.define((backward ? averageBackward : average)[float], (f, s, task) => {
    const rowBytes = f.let(scale(s.width, bytes));
    const planeBytes = f.let(s.height.mul(rowBytes));
    const outBytes = f.let(scale(s.outHeight.mul(s.outWidth), bytes));
    const [plane, pooled, oy, ox, top, bottom, left, right, iy, at, end, upper] = f.locals('i32', 12);
    const value = f.local('f64');
    eachPlane(f, task, s.perTask, s.planes, (number) => {
      f.set(plane, (backward ? s.target : s.source).add(number.mul(planeBytes)));
      f.set(pooled, (backward ? s.source : s.target).add(number.mul(outBytes)));
      if (backward) f.fill(plane, 0, planeBytes);
      f.for(oy, 0, s.outHeight, 1, () => {
        f.set(top, load('i32', s.rows.add(oy.shl(3))));
        f.set(bottom, load('i32', s.rows.add(oy.shl(3)), 4));
        f.set(ox, 0);
        f.if(s.pairs, () => {
          f.set(upper, plane.add(top.mul(rowBytes)));
          f.while(() => ox.le(s.outWidth.sub(lanes)), () => {
            pairs(upper, f.let(upper.add(rowBytes)));
            f.increase(upper, 32);
            f.increase(pooled, 16);
            f.increase(ox, lanes);
          });
        });
        f.while(() => ox.lt(s.outWidth), () => {
          f.set(left, load('i32', s.columns.add(ox.shl(3))));
          f.set(right, load('i32', s.columns.add(ox.shl(3)), 4));
          const count = f.let(s.divisor);
          f.if(count.eqz(), () => f.set(count, bottom.sub(top).mul(right.sub(left))));
          if (backward) f.set(value, toFloat64(load(float, pooled)).mul(constant('f64', 1).div(toFloat('f64', count))));
          else f.set(value, 0);
          f.for(iy, top, bottom, 1, () => {
            f.set(at, plane.add(iy.mul(rowBytes)).add(scale(left, bytes)));
            f.set(end, at.add(scale(right.sub(left), bytes)));
            f.while(() => at.ltU(end), () => {
              const element = toFloat64(load(float, at));
              if (backward) f.store(at, fromFloat64(float, element.add(value)));
              else f.set(value, value.add(element));
              f.increase(at, bytes);
            });
          });
          if (!backward) f.store(pooled, fromFloat64(float, value.div(toFloat('f64', count))));
          f.increase(pooled, bytes);
          f.increase(ox, 1);
        });
      });
    });

    /** A vector's worth of 2x2 windows side by side. */
    function pairs(first: Local, second: Local): void {
      if (backward) {
        const quarter = f.let(load(vector, pooled).mul(0.25));
        const low = Array.from({ length: lanes }, (_, i) => i >> 1);
        const spread = [low, low.map((lane) => lane + lanes / 2)].map((each) => f.let(shuffle(quarter, quarter, each)));
        for (const row of [first, second]) spread.forEach((each, i) => f.store(row, each, 16 * i));
        return;
      }
      const sums = widen(f, f.let(zero(vector))).map((each) => f.let(each));
      for (const row of [first, second]) {
        const [a, b] = [f.let(load(vector, row)), f.let(load(vector, row, 16))];
        for (const lane of [0, 1]) {
          const pixels: Value[] = widen(f, shuffle(a, b, evens.map((each) => each + lane)));
          pixels.forEach((each, i) => f.set(sums[i], sums[i].add(each)));
        }
      }
      f.store(pooled, narrow(vector, sums.map((sum) => f.let(sum.mul(splat('f64x2', 0.25))))));
    }
  });
}
