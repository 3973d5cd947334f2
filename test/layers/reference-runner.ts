/** Calls the layer that a case of reference.json is about, in every form it exists in. */

import * as layers from '../../src/layers/index.ts';
import type { BatchnormParam, PoolParam, SpatialGroupnormParam } from '../../src/layers/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { stored } from '../support/reference.ts';
import type { LayerCase } from '../support/reference.ts';

/** What one form of a layer answered. */
export interface Answer {
  readonly form: string;
  readonly out: Tensor | number;
  /** in the order of the inputs of the case */
  readonly grads: Readonly<Record<string, Tensor>>;
  readonly runningMean?: Tensor;
  readonly runningVar?: Tensor;
}

type Float = 'float64' | 'float32';

/** The answers of all forms, computed in the given type. */
export function answers(layer: LayerCase, dtype: Float): Answer[] {
  const run = runners[layer.op];
  if (run === undefined) throw new Error(`reference.json has a layer without a runner: ${layer.op}`);
  return run(layer, dtype);
}

type Forward<C> = (x: Tensor) => [Tensor, C];

/** A layer of x alone. */
function elementwise<C>(
  forward: (x: Tensor, layer: LayerCase) => [Tensor, C],
  backward: (dout: Tensor, c: C) => Tensor,
) {
  return (layer: LayerCase, dtype: Float): Answer[] => [single('', (x) => forward(x, layer), backward, layer, dtype)];
}

function single<C>(
  form: string, forward: Forward<C>, backward: (dout: Tensor, c: C) => Tensor, layer: LayerCase, dtype: Float,
): Answer {
  const [out, cache] = forward(stored(layer.inputs.x, dtype));
  return { form, out, grads: { x: backward(stored(layer.dout!, dtype), cache) } };
}

function affine(layer: LayerCase, dtype: Float): Answer[] {
  const { x, w, b } = layer.inputs;
  const [out, cache] = layers.affineForward(stored(x, dtype), stored(w, dtype), stored(b, dtype));
  const [dx, dw, db] = layers.affineBackward(stored(layer.dout!, dtype), cache);
  return [{ form: '', out, grads: { x: dx, w: dw, b: db } }];
}

function conv(layer: LayerCase, dtype: Float): Answer[] {
  const forms = {
    Naive: [layers.convForwardNaive, layers.convBackwardNaive],
    Fast: [layers.convForwardFast, layers.convBackwardFast],
    configured: [layers.convForward, layers.convBackward],
  } as const;
  return Object.entries(forms).map(([form, [forward, backward]]) => {
    const { x, w, b } = layer.inputs;
    const convParam = { stride: Number(layer.params!.stride), pad: Number(layer.params!.pad) };
    const [out, cache] = forward(stored(x, dtype), stored(w, dtype), stored(b, dtype), convParam);
    const [dx, dw, db] = backward(stored(layer.dout!, dtype), cache);
    return { form, out, grads: { x: dx, w: dw, b: db } };
  });
}

function poolParam(layer: LayerCase): PoolParam {
  return layer.params as unknown as PoolParam;
}

function maxPool(layer: LayerCase, dtype: Float): Answer[] {
  const forms = {
    Naive: [layers.maxPoolForwardNaive, layers.maxPoolBackwardNaive],
    Fast: [layers.maxPoolForwardFast, layers.maxPoolBackwardFast],
    configured: [layers.maxPoolForward, layers.maxPoolBackward],
  } as const;
  return Object.entries(forms).map(([form, [forward, backward]]) =>
    single(form, (x) => forward(x, poolParam(layer)), backward, layer, dtype));
}

function batchnorm(layer: LayerCase, dtype: Float): Answer[] {
  const forms = layer.op === 'batchnorm'
    ? {
        graph: [layers.batchnormForward, layers.batchnormBackward],
        alt: [layers.batchnormForward, layers.batchnormBackwardAlt],
      } as const
    : { spatial: [layers.spatialBatchnormForward, layers.spatialBatchnormBackward] } as const;
  return Object.entries(forms).map(([form, [forward, backward]]) => {
    const { x, gamma, beta, runningMean, runningVar } = layer.inputs;
    const param: BatchnormParam = { ...(layer.params as unknown as BatchnormParam) };
    if (runningMean !== undefined) param.runningMean = stored(runningMean, dtype);
    if (runningVar !== undefined) param.runningVar = stored(runningVar, dtype);
    const [out, cache] = forward(stored(x, dtype), stored(gamma, dtype), stored(beta, dtype), param);
    const [dx, dgamma, dbeta] = backward(stored(layer.dout!, dtype), cache);
    const grads = { x: dx, gamma: dgamma, beta: dbeta };
    return { form, out, grads, runningMean: param.runningMean, runningVar: param.runningVar };
  });
}

function layernorm(layer: LayerCase, dtype: Float): Answer[] {
  const { x, gamma, beta } = layer.inputs;
  const param = { eps: Number(layer.params!.eps) };
  const [out, cache] = layers.layernormForward(stored(x, dtype), stored(gamma, dtype), stored(beta, dtype), param);
  const [dx, dgamma, dbeta] = layers.layernormBackward(stored(layer.dout!, dtype), cache);
  return [{ form: '', out, grads: { x: dx, gamma: dgamma, beta: dbeta } }];
}

function spatialGroupnorm(layer: LayerCase, dtype: Float): Answer[] {
  const { x, gamma, beta } = layer.inputs;
  const gnParam = layer.params as unknown as SpatialGroupnormParam & { G: number };
  const channels = gamma.shape[0];
  return [[channels], [1, channels, 1, 1]].map((shape) => {
    const [out, cache] = layers.spatialGroupnormForward(
      stored(x, dtype), stored(gamma, dtype).reshape(shape), stored(beta, dtype).reshape(shape), gnParam.G, gnParam,
    );
    const [dx, dgamma, dbeta] = layers.spatialGroupnormBackward(stored(layer.dout!, dtype), cache);
    return {
      form: `gamma ${shape.join('x')}`, out,
      grads: { x: dx, gamma: dgamma.reshape(channels), beta: dbeta.reshape(channels) },
    };
  });
}

function loss(compute: typeof layers.softmaxLoss) {
  return (layer: LayerCase, dtype: Float): Answer[] => {
    const [out, dx] = compute(stored(layer.inputs.x, dtype), layer.inputs.y!);
    return [{ form: '', out, grads: { x: dx } }];
  };
}

const runners: Readonly<Record<string, (layer: LayerCase, dtype: Float) => Answer[]>> = {
  affine, conv, maxPool, batchnorm, spatialBatchnorm: batchnorm, layernorm, spatialGroupnorm,
  avgPool: elementwise((x, layer) => layers.avgPoolForward(x, poolParam(layer)), layers.avgPoolBackward),
  globalAvgPool: elementwise((x) => layers.globalAvgPoolForward(x), layers.globalAvgPoolBackward),
  relu: elementwise((x) => layers.reluForward(x), layers.reluBackward),
  leakyRelu: elementwise((x, l) => layers.leakyReluForward(x, Number(l.params!.alpha)), layers.leakyReluBackward),
  elu: elementwise((x, l) => layers.eluForward(x, Number(l.params!.alpha)), layers.eluBackward),
  sigmoid: elementwise((x) => layers.sigmoidForward(x), layers.sigmoidBackward),
  tanh: elementwise((x) => layers.tanhForward(x), layers.tanhBackward),
  softmaxLoss: loss(layers.softmaxLoss),
  svmLoss: loss(layers.svmLoss),
};
