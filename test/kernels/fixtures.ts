/**
 * The layer cases of test/fixtures/reference.json at the level of kernels: flat float64 arrays, and for each case the
 * kernel calls that compute its output and gradients. Any backend can be run against them.
 */

import { readFileSync } from 'node:fs';
import type { Kernels } from '../../src/kernels/contract.ts';
import type { AvgPoolGeometry, ChannelGeometry, GroupGeometry } from '../../src/kernels/geometry.ts';
import { convOf, poolOf } from '../support/geometry.ts';

interface FixtureArray {
  readonly shape: readonly number[];
  readonly data: number[];
}

export interface LayerCase {
  readonly op: string;
  readonly params?: Readonly<Record<string, number | string>>;
  readonly inputs: Readonly<Record<string, FixtureArray | readonly number[]>>;
  readonly out?: FixtureArray;
  readonly dout?: FixtureArray;
  readonly grads: Readonly<Record<string, FixtureArray>>;
  readonly runningMean?: FixtureArray;
  readonly runningVar?: FixtureArray;
  readonly loss?: number;
}

/** What a backend answered: the output (one number for a loss) and the gradients by input name. */
export interface LayerAnswer {
  readonly out: Float64Array | number[];
  readonly grads: Readonly<Record<string, Float64Array>>;
}

export function layerCases(): LayerCase[] {
  const file = new URL('../fixtures/reference.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { layers: LayerCase[] }).layers;
}

/** Runs the kernels that one case is about. */
export function runLayerCase(kernels: Kernels, layer: LayerCase): LayerAnswer {
  const run = runners[layer.op];
  if (run === undefined) throw new Error(`no runner for the fixture operation ${layer.op}`);
  return run(kernels, layer);
}

function input(layer: LayerCase, name: string): Float64Array {
  const value = layer.inputs[name];
  return Float64Array.from('data' in value ? value.data : value);
}

function shape(layer: LayerCase, name: string): readonly number[] {
  return (layer.inputs[name] as FixtureArray).shape;
}

function number(layer: LayerCase, name: string): number {
  return Number(layer.params?.[name]);
}

const dout = (layer: LayerCase): Float64Array => Float64Array.from(layer.dout!.data);
const like = (a: Float64Array): Float64Array => new Float64Array(a.length).fill(NaN);
const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

function affine(k: Kernels, layer: LayerCase): LayerAnswer {
  const [x, w, b] = [input(layer, 'x'), input(layer, 'w'), input(layer, 'b')];
  const [d, m] = shape(layer, 'w');
  const n = x.length / d;
  const out = new Float64Array(n * m).fill(NaN);
  const grads = { x: like(x), w: like(w), b: like(b) };
  k.affineForward(x, w, b, out, n, d, m, {});
  k.affineBackward(dout(layer), x, w, grads.x, grads.w, grads.b, n, d, m);
  return { out, grads };
}

function conv(k: Kernels, layer: LayerCase): LayerAnswer {
  const [x, w, b] = [input(layer, 'x'), input(layer, 'w'), input(layer, 'b')];
  const [batch, channels, height, width] = shape(layer, 'x');
  const [filters, , kernelHeight, kernelWidth] = shape(layer, 'w');
  const [stride, pad] = [number(layer, 'stride'), number(layer, 'pad')];
  const g = convOf({ batch, channels, height, width, filters, kernelHeight, kernelWidth, stride, pad });
  const out = new Float64Array(batch * filters * g.outHeight * g.outWidth).fill(NaN);
  const grads = { x: like(x), w: like(w), b: like(b) };
  k.convForward(x, w, b, out, g, {});
  k.convBackward(dout(layer), x, w, grads.x, grads.w, grads.b, g);
  return { out, grads };
}

function poolGeometry(layer: LayerCase): AvgPoolGeometry {
  const [batch, channels, height, width] = shape(layer, 'x');
  const global = layer.op === 'globalAvgPool';
  const poolHeight = global ? height : number(layer, 'poolHeight');
  const poolWidth = global ? width : number(layer, 'poolWidth');
  const stride = global ? 1 : number(layer, 'stride');
  return poolOf({ planes: batch * channels, height, width, poolHeight, poolWidth, stride });
}

function maxPool(k: Kernels, layer: LayerCase): LayerAnswer {
  const x = input(layer, 'x');
  const g = poolGeometry(layer);
  const out = like(dout(layer));
  const argmax = new Int32Array(out.length);
  const dx = like(x);
  k.maxPoolForward(x, out, argmax, g);
  k.maxPoolBackward(dout(layer), argmax, dx, g);
  return { out, grads: { x: dx } };
}

function avgPool(k: Kernels, layer: LayerCase): LayerAnswer {
  const x = input(layer, 'x');
  const g = poolGeometry(layer);
  const out = like(dout(layer));
  const dx = like(x);
  k.avgPoolForward(x, out, g);
  k.avgPoolBackward(dout(layer), dx, g);
  return { out, grads: { x: dx } };
}

function activation(k: Kernels, layer: LayerCase): LayerAnswer {
  const x = input(layer, 'x');
  const [out, dx, d] = [like(x), like(x), dout(layer)];
  const alpha = number(layer, 'alpha');
  if (layer.op === 'relu') {
    k.reluForward(x, out);
    k.reluBackward(d, x, dx);
  } else if (layer.op === 'leakyRelu') {
    k.leakyReluForward(x, out, alpha);
    k.leakyReluBackward(d, x, dx, alpha);
  } else if (layer.op === 'elu') {
    k.eluForward(x, out, alpha);
    k.eluBackward(d, x, out, dx, alpha);
  } else if (layer.op === 'sigmoid') {
    k.sigmoidForward(x, out);
    k.sigmoidBackward(d, out, dx);
  } else {
    k.tanhForward(x, out);
    k.tanhBackward(d, out, dx);
  }
  return { out, grads: { x: dx } };
}

function batchnorm(k: Kernels, layer: LayerCase): LayerAnswer {
  const [x, gamma, beta] = [input(layer, 'x'), input(layer, 'gamma'), input(layer, 'beta')];
  const [outer, channels, ...rest] = shape(layer, 'x');
  const g: ChannelGeometry = { outer, channels, inner: product(rest) };
  const eps = number(layer, 'eps');
  const out = like(x);
  const grads = { x: like(x), gamma: like(gamma), beta: like(beta) };
  if (layer.params?.mode === 'train') {
    const [mean, variance] = [like(gamma), like(gamma)];
    k.batchnormStatistics(x, mean, variance, g);
    k.batchnormApply(x, gamma, beta, mean, variance, out, g, eps, false);
    k.batchnormBackward(dout(layer), x, gamma, mean, variance, null, grads.x, grads.gamma, grads.beta, g, eps);
  } else {
    const [mean, variance] = [input(layer, 'runningMean'), input(layer, 'runningVar')];
    k.batchnormApply(x, gamma, beta, mean, variance, out, g, eps, false);
    k.batchnormBackwardConstant(dout(layer), x, gamma, mean, variance, null, grads.x, grads.gamma, grads.beta, g, eps);
  }
  return { out, grads };
}

function groupnorm(k: Kernels, layer: LayerCase): LayerAnswer {
  const [x, gamma, beta] = [input(layer, 'x'), input(layer, 'gamma'), input(layer, 'beta')];
  const [batch, channels, ...rest] = shape(layer, 'x');
  const groups = layer.op === 'layernorm' ? 1 : number(layer, 'G');
  const g: GroupGeometry = { batch, groups, channelsPerGroup: channels / groups, inner: product(rest) };
  const eps = number(layer, 'eps');
  const [mean, variance] = [new Float64Array(batch * groups), new Float64Array(batch * groups)];
  const out = like(x);
  const grads = { x: like(x), gamma: like(gamma), beta: like(beta) };
  k.groupnormForward(x, gamma, beta, out, mean, variance, g, eps);
  k.groupnormBackward(dout(layer), x, gamma, mean, variance, grads.x, grads.gamma, grads.beta, g, eps);
  return { out, grads };
}

function loss(k: Kernels, layer: LayerCase): LayerAnswer {
  const scores = input(layer, 'x');
  const [n, classes] = shape(layer, 'x');
  const labels = Int32Array.from(input(layer, 'y'));
  const dscores = like(scores);
  const value = layer.op === 'softmaxLoss'
    ? k.softmaxLoss(scores, labels, dscores, n, classes)
    : k.svmLoss(scores, labels, dscores, n, classes);
  return { out: [value], grads: { x: dscores } };
}

const runners: Readonly<Record<string, (kernels: Kernels, layer: LayerCase) => LayerAnswer>> = {
  affine, conv, maxPool, avgPool, globalAvgPool: avgPool,
  relu: activation, leakyRelu: activation, elu: activation, sigmoid: activation, tanh: activation,
  batchnorm, spatialBatchnorm: batchnorm, layernorm: groupnorm, spatialGroupnorm: groupnorm,
  softmaxLoss: loss, svmLoss: loss,
};
