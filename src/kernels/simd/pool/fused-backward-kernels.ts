/**
 * relu(maxPool(batchnorm(x))) backwards. Only a pixel that won its window, and whose output is positive, carries
 * gradient into the batchnorm, so dgamma and dbeta need nothing but the windows, of which the forward pass has kept
 * what x had at their winners. A kernel of batchnorm's makes factors of these sums, and dx takes one pass over x:
 *
 *   dx = k1 g + k2 + k3 (x - mean),   g: the window's gradient at its winner, 0 elsewhere
 *
 * Tasks are planes in the order of memory, so that an image mostly stays with the core that made it and will read its
 * gradient. On two cores that share no cache that took 1.0 ms of a step of network c with 100 images, and 1.6 on one,
 * where tasks that were channels took 2.0 and 2.9, and 2.4 and 3.4 when they read x for the sums as well; of network
 * d with 128 images, on two cores, 5.0, 8.8 and 12.0 ms.
 *
 * Four 2x2 windows of float32 go at a time where they cover the plane, side by side or, on 4x4 pixels, all that there
 * are; everything else goes window by window.
 */

import { bytesOf, type FloatKind, load, scale, splat, type Value, vectorOf } from '../../../wasm/index.ts';
import { type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import { at, eachOfShare, eachRun, laneSum, shareOf, toFloat64, wherePositive, widen, zero } from '../vectors.ts';
import { fourByFourOffsets, pairOffsets, poolSizes, scatterPairs } from './pool-kernels.ts';

const sums = {
  channels: 'i32', total: 'i32', perTask: 'i32', byFours: 'flag', dout: 'input', reluOut: 'input', winners: 'input',
  mean: 'input', shares: 'scratch',
} as const;
/**
 * The sums of g (x - mean) and of g, two float64: shares of which smallFactors (../norm/batchnorm-small-kernels.ts)
 * makes dgamma, dbeta and k1, k2, k3. Task: perTask of `total`, which is all planes, each by itself (so where windows
 * go by fours), or all channels, each over all images.
 */
export const fusedSums: FloatKernels<typeof poolSizes & typeof sums> =
  floatKernels('batchnorm_relu_max_pool_sums', { ...poolSizes, ...sums });

const apply = {
  channels: 'i32', perTask: 'i32', byFours: 'flag', fourByFour: 'flag', dout: 'input', reluOut: 'input', argmax: 'input', x: 'input',
  mean: 'input', factors: 'scratch', out: 'output',
} as const;
/** Task: perTask planes of dx. */
export const fusedBackward: FloatKernels<typeof poolSizes & typeof apply> =
  floatKernels('batchnorm_relu_max_pool_backward', { ...poolSizes, ...apply });

/** Adds the kernels for one type to the module. */
export function emitFusedBackward(kernels: KernelBuilder, float: FloatKind): void {
  emitSums(kernels, float);
  emitApply(kernels, float);
}

/** Images are the outer loop, as they lie in memory; one by one, windows' terms are added in float64. */
function emitSums(kernels: KernelBuilder, float: FloatKind): void {
  const bytes = bytesOf(float);
  kernels.define(fusedSums[float], (f, s, task) => {
    const windows = f.let(s.outHeight.mul(s.outWidth));
    const [first, last] = shareOf(f, task, s.perTask, s.total);
    const [number, plane, dout, reluOut, winners, to, left] = f.locals('i32', 7);
    const [product, sum, gradient] = f.locals('f64', 3);
    const [products, gradients] = f.locals('f32x4', 2);
    const mean = f.local(float);
    const shares = f.let(s.shares.add(first.shl(4)));
    const pointers = [dout, reluOut, winners];
    f.fill(shares, 0, last.sub(first).shl(4));
    f.set(plane, first);
    f.while(() => plane.lt(s.planes), () => {
      [s.dout, s.reluOut, s.winners].forEach((array, i) =>
        f.set(pointers[i], array.add(scale(plane.mul(windows), bytes))));
      f.set(to, shares);
      f.for(number, first, last, 1, () => {
        f.set(mean, load(float, s.mean.add(scale(number.rem(s.channels), bytes))));
        f.set(product, load('f64', to));
        f.set(sum, load('f64', to, 8));
        const byOnes = (): void => {
          f.set(left, windows);
          f.repeat(left, () => {
            f.set(gradient, toFloat64(wherePositive(load(float, reluOut), load(float, dout))));
            f.set(sum, sum.add(gradient));
            f.set(product, product.add(gradient.mul(toFloat64(load(float, winners).sub(mean)))));
            for (const pointer of pointers) f.increase(pointer, bytes);
          });
        };
        const deviations = (): Value => load('f32x4', winners).sub(splat('f32x4', mean));
        /** The same bits as one after the other. */
        const allFour = (): void => {
          const four = widen(f, wherePositive(load('f32x4', reluOut), load('f32x4', dout))).map((half) => f.let(half));
          widen(f, deviations()).forEach((half, i) => {
            const terms = f.let(half.mul(four[i]));
            for (const lane of [0, 1]) {
              f.set(sum, sum.add(four[i].lane(lane)));
              f.set(product, product.add(terms.lane(lane)));
            }
          });
          for (const pointer of pointers) f.increase(pointer, 16);
        };
        if (float === 'f64') byOnes();
        else f.if(s.byFours, () => {
          for (const each of [products, gradients]) f.set(each, zero('f32x4'));
          f.set(left, windows.shrU(2));
          f.countdown(left, () => {
            const four = f.let(wherePositive(load('f32x4', reluOut), load('f32x4', dout)));
            f.set(gradients, gradients.add(four));
            f.set(products, products.add(four.mul(deviations())));
            for (const pointer of pointers) f.increase(pointer, 16);
          });
          f.set(product, laneSum(products));
          f.set(sum, laneSum(gradients));
        }, () => f.if(windows.eq(4), allFour, byOnes));
        f.store(to, product);
        f.store(to, sum, 8);
        f.increase(to, 16);
      });
      f.increase(plane, s.total);
    });
  });
}

function emitApply(kernels: KernelBuilder, float: FloatKind): void {
  const bytes = bytesOf(float);
  const vector = vectorOf(float);
  kernels.define(fusedBackward[float], (f, s, task) => {
    const pixels = f.let(s.height.mul(s.width));
    const windows = f.let(s.outHeight.mul(s.outWidth));
    const rowBytes = f.let(scale(s.width, bytes));
    const [channel, x, out, dout, reluOut, argmax, left, to, row, window] = f.locals('i32', 10);
    // k1, k2, k3 and the mean
    const scalars = f.locals(float, 4);
    const vectors = f.locals(vector, 4);

    /** The pixels' part, then the winners'. */
    const byOnes = (): void => {
      f.set(to, out);
      eachRun(f, float, [x, out], pixels, (kind) => {
        const [, b, c, mean] = kind === vector ? vectors : scalars;
        f.store(out, at(kind, x).sub(mean).mul(c).add(b));
      });
      f.set(out, to);
      f.set(left, windows);
      f.repeat(left, () => {
        f.set(to, out.add(scale(load('i32', argmax), bytes)));
        f.store(to, load(float, to).add(wherePositive(load(float, reluOut), load(float, dout)).mul(scalars[0])));
        for (const pointer of [dout, reluOut]) f.increase(pointer, bytes);
        f.increase(argmax, 4);
      });
    };

    /** Four windows, the second two of which lie `step` bytes behind the first; x and out are at their upper row. */
    const four = (step: 16 | 32, offsets: Value): void => {
      const [a, b, c, mean] = vectors;
      const gradient = f.let(wherePositive(load('f32x4', reluOut), load('f32x4', dout)).mul(a));
      const place = f.let(load('i32x4', argmax).sub(splat('i32x4', window)).sub(offsets));
      scatterPairs(f, gradient, place, s.width).forEach((halves, lower) => {
        const [from, to] = [x, out].map((start) => lower === 0 ? start : f.let(start.add(rowBytes)));
        halves.forEach((half, i) =>
          f.store(to, load('f32x4', from, step * i).sub(mean).mul(c).add(b).add(half), step * i));
      });
    };

    const byFours = (): void => {
      f.set(window, 0);
      f.set(row, s.outHeight);
      f.repeat(row, () => {
        f.set(left, s.outWidth.shrU(2));
        f.countdown(left, () => {
          four(16, pairOffsets);
          for (const pointer of [dout, reluOut, argmax]) f.increase(pointer, 16);
          for (const pointer of [x, out]) f.increase(pointer, 32);
          f.increase(window, 8);
        });
        for (const pointer of [x, out]) f.increase(pointer, rowBytes);
        f.increase(window, s.width);
      });
    };

    eachOfShare(f, task, s.perTask, s.planes, (plane) => {
      f.set(channel, scale(plane.rem(s.channels), bytes));
      const from = f.let(s.factors.add(channel.mul(3)));
      scalars.forEach((scalar, i) =>
        f.set(scalar, i < 3 ? load(float, from, i * bytes) : load(float, s.mean.add(channel))));
      vectors.forEach((each, i) => f.set(each, splat(vector, scalars[i])));
      f.set(x, s.x.add(scale(plane.mul(pixels), bytes)));
      f.set(out, s.out.add(scale(plane.mul(pixels), bytes)));
      f.set(dout, s.dout.add(scale(plane.mul(windows), bytes)));
      f.set(reluOut, s.reluOut.add(scale(plane.mul(windows), bytes)));
      f.set(argmax, s.argmax.add(plane.mul(windows).shl(2)));
      if (float === 'f64') byOnes();
      else {
        f.set(window, 0);
        f.if(s.byFours, byFours, () => f.if(s.fourByFour, () => four(32, fourByFourOffsets), byOnes));
      }
    });
  });
}
