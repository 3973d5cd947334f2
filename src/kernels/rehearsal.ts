/**
 * Runs the kernels that networks consist of once each, on a few numbers. An engine compiles a WebAssembly function when
 * it is first called, and JavaScript likewise: the first layer that a person calls would pay for that.
 */

import type { FloatArray, Kernels } from './contract.ts';

/** Convolutions of each kind that simd/conv/choose.ts tells apart. */
const convolutions = [{ side: 8, stride: 1 }, { side: 8, stride: 2 }, { side: 2, stride: 1 }];
/** Enough for more than one task: a job of one wakes no worker. */
const batch = 16;
const channels = 8;

/** Changes nothing that anybody sees. */
export function rehearse(kernels: Kernels): void {
  for (const type of [Float32Array, Float64Array]) {
    for (const { side, stride } of convolutions) rehearseLayers(kernels, (length) => new type(length), side, stride);
  }
}

/** A convolution, batchnorm, ReLU, pooling and an affine layer with its loss, forward and backward. */
function rehearseLayers(kernels: Kernels, floats: (length: number) => FloatArray, side: number, stride: number): void {
  const out = side / stride;
  const half = out / 2;
  const planes = batch * channels;
  const convolution = {
    batch, channels, height: side, width: side, filters: channels, kernelHeight: 3, kernelWidth: 3,
    strideY: stride, strideX: stride, padTop: 1, padLeft: 1, dilationY: 1, dilationX: 1, groups: 1,
    outHeight: out, outWidth: out,
  };
  const norm = { outer: batch, channels, inner: out * out };
  const window = { poolHeight: 2, poolWidth: 2, strideY: 2, strideX: 2, padTop: 0, padLeft: 0 };
  const pool = { ...window, planes, height: out, width: out, outHeight: half, outWidth: half };
  const [x, dx] = [floats(planes * side * side), floats(planes * side * side)];
  const [y, dy] = [floats(planes * out * out), floats(planes * out * out)];
  const [w, dw] = [floats(channels * channels * 9), floats(channels * channels * 9)];
  const [b, db, mean, variance] = Array.from({ length: 4 }, () => floats(channels));
  const [pooled, dpooled] = [floats(planes * half * half), floats(planes * half * half)];
  const argmax = new Int32Array(pooled.length);
  const features = pooled.length / batch;
  const [v, dv, moment, square] = Array.from({ length: 4 }, () => floats(features * channels));
  const [scores, dscores] = [floats(planes), floats(planes)];

  kernels.convForward(x, w, b, y, convolution, { relu: true });
  kernels.batchnormStatistics(y, mean, variance, norm);
  kernels.batchnormApply(y, b, b, mean, variance, y, norm, 1, true);
  kernels.reluForward(y, y);
  kernels.maxPoolForward(y, pooled, argmax, pool);
  kernels.affineForward(pooled, v, b, scores, batch, features, channels, {});
  kernels.softmaxLoss(scores, new Int32Array(batch), dscores, batch, channels);
  kernels.affineBackward(dscores, pooled, v, dpooled, dv, db, batch, features, channels);
  kernels.maxPoolBackward(dpooled, argmax, dy, pool);
  kernels.reluBackward(dy, y, dy);
  kernels.batchnormBackward(dy, y, b, mean, variance, null, dy, b, db, norm, 1);
  kernels.convBackward(dy, x, w, dx, dw, db, convolution);
  kernels.updateEach('adamUpdate', [{ w: v, dw: dv, state: [moment, square] }], [1, 0, 0, 1, 1, 1, 0]);
}
