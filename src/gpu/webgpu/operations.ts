/**
 * The contract's operations on buffers that are on the device, each as the jobs that make it. Single kernels
 * (kernels.ts) and whole training steps are both put together from these.
 */

import type {
  AdaptivePoolGeometry, AvgPoolGeometry, ChannelGeometry, ConvGeometry, PoolGeometry,
} from '../../kernels/geometry.ts';
import { groupsFor, type Job, job, mostGroups } from './shader.ts';
import { convFilterGradientShader, convForwardShader, convInputGradientShader } from './shaders/convolution.ts';
import { backwardShaders, forwardShaders, type BackwardName, type ForwardName } from './shaders/elementwise.ts';
import { softmaxLossShader } from './shaders/loss.ts';
import { channelSumShader, gemmShader } from './shaders/matrix.ts';
import {
  batchnormApplyShader, batchnormGradientShader, batchnormStatisticsShader, batchnormSumsShader,
} from './shaders/normalisation.ts';
import {
  adaptiveAvgPoolBackwardShader, adaptiveAvgPoolForwardShader, avgPoolBackwardShader, avgPoolForwardShader,
  maxPoolBackwardShader, maxPoolForwardShader,
} from './shaders/pooling.ts';
import { productGroups } from './shaders/product.ts';
import type { GpuBuffer } from './types.ts';

/** Which way round the matrices of a product lie, and what is done to it. */
export interface ProductOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly accumulate?: boolean;
  readonly bias?: GpuBuffer | null;
  readonly relu?: boolean;
}

const flag = (value: boolean | undefined): number => (value === true ? 1 : 0);

/** out (m, n) = op(a) (m, k) op(b) (k, n) + bias (n). */
export function product(
  a: GpuBuffer, b: GpuBuffer, out: GpuBuffer, [m, n, k]: readonly [number, number, number],
  options: ProductOptions = {},
): Job {
  const { transposeA, transposeB, accumulate, bias = null, relu } = options;
  return job(gemmShader, { a, b, bias: bias ?? a, out }, {
    rows: m, columns: n, inner: k, transposeA: flag(transposeA), transposeB: flag(transposeB),
    accumulate: flag(accumulate), hasBias: flag(bias !== null), relu: flag(relu),
  }, productGroups(m, n));
}

/** out[at + c] = scale times the sum over channel c of x, or of its squares. */
export function channelSums(
  x: GpuBuffer, out: GpuBuffer, { outer, channels, inner }: ChannelGeometry,
  { scale = 1, square = false, at = 0 }: { scale?: number; square?: boolean; at?: number } = {},
): Job {
  const groups = [Math.min(channels, mostGroups), 1, 1] as const;
  return job(channelSumShader, { x, out }, { outer, channels, inner, square: flag(square), at, scale }, groups);
}

export function convForward(
  x: GpuBuffer, w: GpuBuffer, bias: GpuBuffer | null, out: GpuBuffer, g: ConvGeometry,
  { scale = null, relu = false }: { scale?: GpuBuffer | null; relu?: boolean } = {},
): Job {
  const sizes = {
    rows: g.filters / g.groups, columns: g.batch * g.outHeight * g.outWidth,
    inner: (g.channels / g.groups) * g.kernelHeight * g.kernelWidth,
  };
  return job(convForwardShader, { x, w, scale: scale ?? x, bias: bias ?? x, out }, {
    ...g, ...sizes, hasScale: flag(scale !== null), hasBias: flag(bias !== null), relu: flag(relu),
  }, productGroups(sizes.rows, sizes.columns, g.groups));
}

/** dw, db and dx, each left out where there is no buffer for it. */
export function convBackward(
  dout: GpuBuffer, x: GpuBuffer, w: GpuBuffer, to: { dx: GpuBuffer | null; dw: GpuBuffer; db: GpuBuffer | null },
  g: ConvGeometry,
): Job[] {
  const pixels = g.outHeight * g.outWidth;
  const filter = {
    rows: g.filters / g.groups, columns: (g.channels / g.groups) * g.kernelHeight * g.kernelWidth,
    inner: g.batch * pixels,
  };
  const jobs = [job(
    convFilterGradientShader, { dout, x, dw: to.dw }, { ...g, ...filter },
    productGroups(filter.rows, filter.columns, g.groups),
  )];
  if (to.db !== null) jobs.push(channelSums(dout, to.db, { outer: g.batch, channels: g.filters, inner: pixels }));
  if (to.dx !== null) {
    const input = {
      rows: g.channels / g.groups, columns: g.batch * g.height * g.width,
      inner: (g.filters / g.groups) * g.kernelHeight * g.kernelWidth,
    };
    jobs.push(job(
      convInputGradientShader, { dout, w, dx: to.dx }, { ...g, ...input },
      productGroups(input.rows, input.columns, g.groups),
    ));
  }
  return jobs;
}

const outputs = (g: AdaptivePoolGeometry): number => g.planes * g.outHeight * g.outWidth;
const inputs = (g: AdaptivePoolGeometry): number => g.planes * g.height * g.width;

export function maxPoolForward(x: GpuBuffer, out: GpuBuffer, argmax: GpuBuffer, g: PoolGeometry): Job {
  const length = outputs(g);
  return job(maxPoolForwardShader, { x, out, argmax }, { ...g, length }, groupsFor(length));
}

export function maxPoolBackward(
  dout: GpuBuffer, argmax: GpuBuffer, dx: GpuBuffer, g: PoolGeometry, reluOut: GpuBuffer | null = null,
): Job {
  const length = inputs(g);
  const numbers = { ...g, length, masked: flag(reluOut !== null) };
  return job(maxPoolBackwardShader, { dout, argmax, reluOut: reluOut ?? dout, dx }, numbers, groupsFor(length));
}

export function avgPoolForward(x: GpuBuffer, out: GpuBuffer, g: AvgPoolGeometry): Job {
  const length = outputs(g);
  return job(avgPoolForwardShader, { x, out }, { ...g, length, whole: flag(g.countIncludePad) }, groupsFor(length));
}

export function avgPoolBackward(dout: GpuBuffer, dx: GpuBuffer, g: AvgPoolGeometry): Job {
  const length = inputs(g);
  return job(avgPoolBackwardShader, { dout, dx }, { ...g, length, whole: flag(g.countIncludePad) }, groupsFor(length));
}

export function adaptiveAvgPoolForward(x: GpuBuffer, out: GpuBuffer, g: AdaptivePoolGeometry): Job {
  const length = outputs(g);
  return job(adaptiveAvgPoolForwardShader, { x, out }, { ...g, length }, groupsFor(length));
}

export function adaptiveAvgPoolBackward(dout: GpuBuffer, dx: GpuBuffer, g: AdaptivePoolGeometry): Job {
  const length = inputs(g);
  return job(adaptiveAvgPoolBackwardShader, { dout, dx }, { ...g, length }, groupsFor(length));
}

export function activationForward(name: ForwardName, x: GpuBuffer, out: GpuBuffer, length: number, s: number = 0): Job {
  return job(forwardShaders[name], { x, out }, { length, s }, groupsFor(length));
}

/** v is the input or the output of the forward pass, as the contract says of each. */
export function activationBackward(
  name: BackwardName, dout: GpuBuffer, v: GpuBuffer, dx: GpuBuffer, length: number, s: number = 0,
): Job {
  return job(backwardShaders[name], { a: dout, b: v, out: dx }, { length, s }, groupsFor(length));
}

/** What a batchnorm works with, one element a channel. */
export interface NormBuffers {
  readonly gamma: GpuBuffer;
  readonly mean: GpuBuffer;
  readonly variance: GpuBuffer;
}

export function batchnormStatistics(x: GpuBuffer, mean: GpuBuffer, variance: GpuBuffer, g: ChannelGeometry): Job {
  return job(batchnormStatisticsShader, { x, mean, variance }, { ...g }, [Math.min(g.channels, mostGroups), 1, 1]);
}

export function batchnormApply(
  x: GpuBuffer, norm: NormBuffers & { readonly beta: GpuBuffer }, out: GpuBuffer, g: ChannelGeometry, epsilon: number,
  relu: boolean = false,
): Job {
  const length = g.outer * g.channels * g.inner;
  const numbers = { ...g, length, epsilon, relu: flag(relu) };
  return job(batchnormApplyShader, { x, ...norm, out }, numbers, groupsFor(length));
}

/** With constant, mean and variance did not come from x. dx is left out where there is no buffer for it. */
export function batchnormBackward(
  dout: GpuBuffer, x: GpuBuffer, norm: NormBuffers, to: { dx: GpuBuffer | null; dgamma: GpuBuffer; dbeta: GpuBuffer },
  g: ChannelGeometry, epsilon: number, constant: boolean,
): Job[] {
  const { mean, variance } = norm;
  const { dx, dgamma, dbeta } = to;
  const length = g.outer * g.channels * g.inner;
  const sums = job(
    batchnormSumsShader, { dout, x, mean, variance, dgamma, dbeta }, { ...g, epsilon },
    [Math.min(g.channels, mostGroups), 1, 1],
  );
  if (dx === null) return [sums];
  const share = constant ? 0 : 1 / (g.outer * g.inner);
  const numbers = { ...g, length, epsilon, share };
  return [sums, job(batchnormGradientShader, { dout, x, ...norm, dgamma, dbeta, dx }, numbers, groupsFor(length))];
}

/** losses (n) are scratch; loss[at] gets their mean. */
export function softmaxLoss(
  scores: GpuBuffer, labels: GpuBuffer, losses: GpuBuffer, dscores: GpuBuffer, loss: GpuBuffer, at: number,
  [n, classes]: readonly [number, number],
): [gradient: Job, mean: Job] {
  return [
    job(softmaxLossShader, { scores, labels, losses, dscores }, { length: n, classes }, groupsFor(n)),
    channelSums(losses, loss, { outer: n, channels: 1, inner: 1 }, { scale: 1 / n, at }),
  ];
}
