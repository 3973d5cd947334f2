/** Layers of this library from ONNX's operators. */

import { noGrad } from '../../autograd/recording.ts';
import type { Variable } from '../../autograd/variable.ts';
import type { LayerModule } from '../../nn/layer-module.ts';
import {
  AdaptiveAvgPool2d, AvgPool2d, BatchNorm1d, BatchNorm2d, Conv2d, ELU, GELU, GroupNorm, LayerNorm, LeakyReLU, Linear,
  MaxPool2d, PReLU, ReLU, Sigmoid, Softmax, Tanh,
} from '../../nn/index.ts';
import type { SymbolicValue } from '../../nn/symbol.ts';
import { shapeText, sizeOf } from '../../tensor/shape.ts';
import { zeros } from '../../tensor/creation.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { Operation } from './operation.ts';
import type { NodeToRead, Read } from './read-node.ts';

export type Reader = (node: NodeToRead) => Read;

/** A layer of which the record knows the shape that comes out. */
function applied(node: NodeToRead, layer: LayerModule, x: SymbolicValue): SymbolicValue {
  return node.apply(layer, [x], layer._record.outputShape(node.opType, x.shape));
}

/** The type that weights of the file are computed with. */
const typeOf = ({ dtype }: Tensor): 'float32' | 'float64' => (dtype === 'float64' ? 'float64' : 'float32');

/** Puts numbers into a parameter that was just made. */
function fill(parameter: Variable, numbers: Tensor): void {
  noGrad(() => parameter.assign(numbers.astype(parameter.dtype)));
}

/** A constant of so many elements, as they lie; what stands for it where it is left out. */
function perChannel(node: NodeToRead, i: number, size: number): Tensor | null {
  if (node.optional(i) === null) return null;
  const values = node.constant(i);
  if (values.size !== size) throw node.error(`input ${i} must have ${size} elements, got shape ${shapeText(values.shape)}`);
  return values.reshape([size]);
}

interface Windows {
  /** rows and columns on either side, or 'same' where that is what the four numbers are */
  readonly padding: readonly [number, number] | 'same';
  /** x, with what is not alike on both sides put around it before */
  readonly x: SymbolicValue;
}

/**
 * Padding of windows: layers pad alike on both sides. What differs is the same where no window reaches the difference,
 * or may be what 'same' is; else the image is padded before the layer.
 */
function windows(
  node: NodeToRead, image: SymbolicValue, extents: readonly number[], strides: readonly number[],
  mostPad: readonly number[], filler: number | null,
): Windows {
  const auto = node.text('auto_pad', 'NOTSET');
  const sizes = image.shape.slice(1);
  const sames = sizes.map((size, i) =>
    Math.max(0, (Math.ceil(size / strides[i]) - 1) * strides[i] + extents[i] - size));
  const less = sames.map((all) => Math.floor(all / 2));
  const more = sames.map((all) => Math.ceil(all / 2));
  let pads = node.ints('pads') ?? [0, 0, 0, 0];
  if (auto === 'SAME_UPPER') pads = [...less, ...more];
  else if (auto === 'SAME_LOWER') pads = [...more, ...less];
  else if (auto === 'VALID') pads = [0, 0, 0, 0];
  else if (auto !== 'NOTSET') throw node.error(`auto_pad ${auto} is unknown`);
  if (pads.length !== 4 || !pads.every((each) => Number.isInteger(each) && each >= 0 && each < 2 ** 24)) {
    throw node.error(`pads must be four integers of at least 0, got [${pads.slice(0, 8).join(', ')}]`);
  }
  const count = (padded: number, i: number): number => Math.floor((padded - extents[i]) / strides[i]) + 1;
  const out = sizes.map((size, i) => count(size + pads[i] + pads[i + 2], i));
  const cut = sizes.some((size, i) => (size + pads[i] + pads[i + 2] - extents[i]) % strides[i] !== 0);
  if (cut && node.int('ceil_mode', 0) !== 0) {
    throw node.error('ceil_mode leaves windows that reach beyond the image, which no layer here has');
  }
  const alike = sizes.every((size, i) => pads[i] <= mostPad[i] && count(size + 2 * pads[i], i) === out[i]);
  if (alike) return { padding: [pads[0], pads[1]], x: image };
  const same = sizes.every((size, i) => out[i] === Math.ceil(size / strides[i]) && pads[i] === less[i]);
  if (same) return { padding: 'same', x: image };
  if (filler === null) throw node.error(`pads [${pads.join(', ')}] differ from side to side`);
  const shape = [image.shape[0], ...sizes.map((size, i) => size + pads[i] + pads[i + 2])];
  const width: Array<readonly [number, number]> = [[0, 0], [0, 0], [pads[0], pads[2]], [pads[1], pads[3]]];
  const around = new Operation('Pad', (x) => x.pad(width, filler));
  return { padding: [0, 0], x: node.apply(around, [image], shape) };
}

const conv: Reader = (node) => {
  const image = node.symbol(0, 3);
  const weight = node.constant(1);
  if (weight.ndim !== 4) throw node.error(`weights must have four axes, got ${shapeText(weight.shape)}`);
  const [filters, channels, ...kernel] = weight.shape;
  if (weight.size === 0) throw node.error(`weights are empty: ${shapeText(weight.shape)}`);
  const strides = node.pair('strides', [1, 1]);
  const dilation = node.pair('dilations', [1, 1]);
  const groups = node.int('group', 1);
  if (!Number.isInteger(groups) || groups < 1 || filters % groups !== 0 || channels * groups !== image.shape[0]) {
    throw node.error(`${groups} groups of weights ${shapeText(weight.shape)} do not fit ${image.shape[0]} channels`);
  }
  const bias = perChannel(node, 2, filters);
  const extents = kernel.map((size, i) => (size - 1) * dilation[i] + 1);
  const { padding, x } = windows(node, image, extents, strides, [Infinity, Infinity], 0);
  const layer = new Conv2d(channels * groups, filters, [kernel[0], kernel[1]], {
    stride: strides, padding, dilation, groups, bias: bias !== null, dtype: typeOf(weight),
  });
  fill(layer.weight, weight);
  if (bias !== null) fill(layer.bias!, bias);
  return applied(node, layer, x);
};

/** A linear layer of weights (inputs, outputs). */
export function linear(node: NodeToRead, x: SymbolicValue, weight: Tensor, bias: Tensor | null): SymbolicValue {
  const [inputs, outputs] = weight.shape;
  if (weight.ndim !== 2 || weight.size === 0 || x.shape.at(-1) !== inputs) {
    throw node.error(`weights ${shapeText(weight.shape)} do not fit examples of ${shapeText(x.shape)}`);
  }
  const layer = new Linear(inputs, outputs, { bias: bias !== null, dtype: typeOf(weight) });
  fill(layer.weight, weight);
  if (bias !== null) fill(layer.bias!, bias);
  return node.apply(layer, [x], [...x.shape.slice(0, -1), outputs]);
}

const gemm: Reader = (node) => {
  if (node.int('transA', 0) !== 0) throw node.error('transA turns the batch, whose length is free');
  const given = node.constant(1);
  const turned = node.int('transB', 0) !== 0 && given.ndim === 2 ? given.transpose() : given;
  const outputs = turned.shape.at(-1) ?? 0;
  const bias = node.optional(2) === null ? null : node.constant(2);
  if (bias !== null && bias.size !== outputs && bias.size !== 1) {
    throw node.error(`bias ${shapeText(bias.shape)} does not fit ${outputs} outputs`);
  }
  const stretched = bias === null ? null : zeros([outputs], bias.dtype).add(bias.reshape([bias.size]));
  return linear(
    node, node.symbol(0, 1), turned.mul(node.float('alpha', 1)), stretched?.mul(node.float('beta', 1)) ?? null,
  );
};

const batchnorm: Reader = (node) => {
  const x = node.symbol(0);
  if (node.int('training_mode', 0) !== 0) throw node.error('is in training');
  if (x.shape.length !== 1 && x.shape.length !== 2 && x.shape.length !== 3) throw node.error(`x has ${x.shape.length + 1} axes`);
  const [channels] = x.shape;
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((i) => {
    const values = perChannel(node, i, channels);
    if (values === null) throw node.error(`input ${i} is missing`);
    return values;
  });
  const options = { eps: epsilon(node), dtype: typeOf(gamma) };
  const layer = new (x.shape.length === 3 ? BatchNorm2d : BatchNorm1d)(channels, options);
  fill(layer.weight, gamma);
  fill(layer.bias, beta);
  layer.loadStateDict({ running_mean: mean, running_var: variance }, { strict: false });
  return applied(node, layer, x);
};

function epsilon(node: NodeToRead): number {
  const eps = node.float('epsilon', 1e-5);
  if (!(eps >= 0 && eps < Infinity)) throw node.error(`epsilon must be a number of at least 0, got ${eps}`);
  return eps;
}

const layernorm: Reader = (node) => {
  const x = node.symbol(0);
  const axis = node.axis(node.int('axis', -1), x);
  const shape = x.shape.slice(axis - 1);
  const gamma = perChannel(node, 1, sizeOf(shape));
  if (gamma === null) throw node.error('the scale is missing');
  const layer = new LayerNorm(shape, { eps: epsilon(node), dtype: typeOf(gamma) });
  fill(layer.weight, gamma);
  const beta = perChannel(node, 2, sizeOf(shape));
  if (beta !== null) fill(layer.bias, beta);
  return node.apply(layer, [x], x.shape);
};

/** Group norm with scale and shift a channel. */
export function groupnorm(
  node: NodeToRead, x: SymbolicValue, groups: number, eps: number, gamma: Tensor, beta: Tensor,
): SymbolicValue {
  const [channels] = x.shape;
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0) throw node.error(`${groups} groups do not fit ${channels} channels`);
  const layer = new GroupNorm(groups, channels, { eps, dtype: typeOf(gamma) });
  fill(layer.weight, gamma);
  fill(layer.bias, beta);
  return applied(node, layer, x);
}

const groupNormalization: Reader = (node) => {
  const x = node.symbol(0, 3);
  const [channels] = x.shape;
  const groups = node.int('num_groups', 0);
  // before opset 21 there was one number a group
  const [gamma, beta] = [node.constant(1), node.constant(2)].map((values) => {
    if (values.size === channels) return values.reshape([channels]);
    if (values.size !== groups || channels % groups !== 0) throw node.error(`${values.size} scales do not fit ${channels} channels`);
    return zeros([groups, channels / groups], values.dtype).add(values.reshape([groups, 1])).reshape([channels]);
  });
  return groupnorm(node, x, groups, epsilon(node), gamma, beta);
};

/** Every channel by itself: a group norm of as many groups where x is an image. */
const instancenorm: Reader = (node) => {
  const x = node.symbol(0);
  const [channels, ...rest] = x.shape;
  const [gamma, beta] = [perChannel(node, 1, channels), perChannel(node, 2, channels)];
  if (gamma === null || beta === null || rest.length === 0) throw node.error('scale, shift or pixels are missing');
  const eps = epsilon(node);
  if (rest.length === 2) return groupnorm(node, x, channels, eps, gamma, beta);
  const axes = rest.map((_, i) => i + 2);
  const [scale, shift] = [gamma, beta].map((values) => values.reshape([channels, ...rest.map(() => 1)]));
  const normal = new Operation('InstanceNormalization', (given) => {
    const centred = given.sub(given.mean(axes, true));
    return centred.div(centred.square().mean(axes, true).add(eps).sqrt()).mul(scale).add(shift);
  }, [gamma, beta, zeros([], 'float64').add(eps)]);
  return node.apply(normal, [x], x.shape);
};

const pool = (average: boolean): Reader => (node) => {
  const image = node.symbol(0, 3);
  const kernel = node.pair('kernel_shape', [0, 0]);
  const strides = node.pair('strides', [1, 1]);
  if (node.pair('dilations', [1, 1]).some((each) => each !== 1)) throw node.error('dilated pooling is no layer here');
  if (node.outputs.length > 1 && node.outputs[1] !== '') throw node.error('the places of maxima are no output here');
  const countIncludePad = node.int('count_include_pad', 0) !== 0;
  const filler = average ? (countIncludePad ? 0 : null) : -Infinity;
  const half = kernel.map((size) => Math.floor(size / 2));
  const { padding, x } = windows(node, image, kernel, strides, half, filler);
  const options = { stride: strides, padding };
  const layer = average ? new AvgPool2d(kernel, { ...options, countIncludePad }) : new MaxPool2d(kernel, options);
  return applied(node, layer, x);
};

const globalPool = (average: boolean): Reader => (node) => {
  const x = node.symbol(0, 3);
  return applied(node, average ? new AdaptiveAvgPool2d(1) : new MaxPool2d([x.shape[1], x.shape[2]]), x);
};

/** Layers that take nothing but x. */
const plain = (make: (node: NodeToRead, x: SymbolicValue) => LayerModule): Reader => (node) => {
  const x = node.symbol(0);
  return applied(node, make(node, x), x);
};

const prelu: Reader = (node) => {
  const x = node.symbol(0);
  const slope = node.constant(1);
  const { shape } = slope;
  const channels = shape.findIndex((size) => size !== 1);
  const fits = slope.size === 1 || (slope.size === x.shape[0] && channels === shape.length - x.shape.length);
  if (!fits) throw node.error(`slopes ${shapeText(shape)} are not one a channel of examples of ${shapeText(x.shape)}`);
  const layer = new PReLU(slope.size, { dtype: typeOf(slope) });
  fill(layer.weight, slope.reshape([slope.size]));
  return applied(node, layer, x);
};

const softmax = plain((node, x) => {
  if (node.opset < 13 && x.shape.length > 1) throw node.error(`takes all axes as one in opset ${node.opset}`);
  return new Softmax(node.axis(node.int('axis', node.opset < 13 ? 1 : -1), x));
});

/** By operator. */
export const layerReaders: Readonly<Record<string, Reader>> = {
  Conv: conv,
  Gemm: gemm,
  BatchNormalization: batchnorm,
  LayerNormalization: layernorm,
  GroupNormalization: groupNormalization,
  InstanceNormalization: instancenorm,
  MaxPool: pool(false),
  AveragePool: pool(true),
  GlobalAveragePool: globalPool(true),
  GlobalMaxPool: globalPool(false),
  Relu: plain(() => new ReLU()),
  LeakyRelu: plain((node) => new LeakyReLU(node.float('alpha', 0.01))),
  Elu: plain((node) => new ELU(node.float('alpha', 1))),
  Sigmoid: plain(() => new Sigmoid()),
  Tanh: plain(() => new Tanh()),
  PRelu: prelu,
  Softmax: softmax,
  Gelu: plain((node) => {
    if (node.text('approximate', 'none') !== 'none') throw node.error('the approximation by tanh is no layer here');
    return new GELU();
  }),
};
