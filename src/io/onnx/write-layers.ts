/** How each kind of layer is written in ONNX's operators (opset 17), at test time. */

import {
  avgPoolSizes, convSizes, poolSizes, type AvgPoolParam, type ConvParam, type PoolParam,
} from '../../layers/geometry.ts';
import type { LayerRecord } from '../../layers/record.ts';
import type { ScaleRecord } from '../../layers/records/elementwise.ts';
import type { BatchnormRecord } from '../../layers/records/normalization.ts';
import { full, tensor } from '../../tensor/creation.ts';
import { sizeOf } from '../../tensor/shape.ts';
import type { PoolGeometry } from '../../kernels/geometry.ts';
import type { DType } from '../../kernels/memory/allocate.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { float, type GraphWriter, int, ints, notExported, type Value } from './graph-writer.ts';

/** What a layer is written from. */
export interface LayerToWrite {
  readonly graph: GraphWriter;
  readonly record: LayerRecord;
  readonly x: Value;
  readonly parameters: readonly Value[];
  /** the shape that comes out, batch included */
  readonly shape: readonly number[];
  /** the type of the constants that the layer brings */
  readonly dtype: DType;
  /** a tensor that the layer holds beside its parameters, under this name */
  readonly buffer: (name: string, tensor: Tensor) => Value;
}

type Writer = (layer: LayerToWrite) => Value;

/** Layers that are one operator. */
const operator = (opType: string): Writer => ({ graph, x, shape }) => graph.add(opType, [x], shape);

/** Those that take a slope. */
const withAlpha = (opType: string): Writer => ({ graph, record, x, shape }) =>
  graph.add(opType, [x], shape, [float('alpha', setting(record, 'alpha'))]);

const setting = ({ settings }: LayerRecord, name: string): number => settings![name] as number;

/** Adds what an image has left of: padding behind it, as far as the last window reaches. */
function padsOf(geometry: Omit<PoolGeometry, 'planes' | 'poolHeight' | 'poolWidth'>, extentY: number, extentX: number): number[] {
  const behind = (out: number, stride: number, extent: number, size: number, before: number): number =>
    Math.max(0, (out - 1) * stride + extent - size - before);
  const { height, width, padTop, padLeft, outHeight, outWidth, strideY, strideX } = geometry;
  const below = behind(outHeight, strideY, extentY, height, padTop);
  return [padTop, padLeft, below, behind(outWidth, strideX, extentX, width, padLeft)];
}

const conv: Writer = ({ graph, record, x, parameters, shape }) => {
  const filters = parameters[0].shape;
  const g = convSizes('encodeOnnx', x.shape, filters, record.settings as ConvParam);
  const pads = padsOf(g, (g.kernelHeight - 1) * g.dilationY + 1, (g.kernelWidth - 1) * g.dilationX + 1);
  return graph.add('Conv', [x, ...parameters], shape, [
    ints('kernel_shape', filters.slice(2)), ints('strides', [g.strideY, g.strideX]), ints('pads', pads),
    ints('dilations', [g.dilationY, g.dilationX]), int('group', g.groups),
  ]);
};

const pool = (opType: string): Writer => ({ graph, record, x, shape }) => {
  const average = opType === 'AveragePool';
  const g = average
    ? avgPoolSizes('encodeOnnx', x.shape, record.settings as unknown as AvgPoolParam)
    : poolSizes('encodeOnnx', x.shape, record.settings as unknown as PoolParam);
  return graph.add(opType, [x], shape, [
    ints('kernel_shape', [g.poolHeight, g.poolWidth]), ints('strides', [g.strideY, g.strideX]),
    ints('pads', padsOf(g, g.poolHeight, g.poolWidth)),
    ...(average ? [int('count_include_pad', 'countIncludePad' in g && g.countIncludePad === false ? 0 : 1)] : []),
  ]);
};

/** Windows that cover the image evenly: ordinary ones where they are all alike, else products with their weights. */
const adaptivePool: Writer = ({ graph, record, x, shape, dtype }) => {
  const [, channels, height, width] = x.shape;
  const [rows, columns] = record.settings!.size as readonly number[];
  if (rows === 1 && columns === 1) return graph.add('GlobalAveragePool', [x], shape);
  if (height % rows === 0 && width % columns === 0) {
    const window = [height / rows, width / columns];
    return graph.add('AveragePool', [x], shape, [ints('kernel_shape', window), ints('strides', window)]);
  }
  const vertical = graph.unnamed(tensor(windowWeights(height, rows), [rows, height], dtype));
  const horizontal = graph.unnamed(tensor(windowWeights(width, columns), [columns, width], dtype).transpose().clone());
  const squeezed = graph.add('MatMul', [vertical, x], [x.shape[0], channels, rows, width]);
  return graph.add('MatMul', [squeezed, horizontal], shape);
};

/** (windows, extent): the weight of each place in each window. */
function windowWeights(extent: number, windows: number): number[] {
  return Array.from({ length: windows }, (_, i) => {
    const [from, to] = [Math.floor((i * extent) / windows), Math.ceil(((i + 1) * extent) / windows)];
    return Array.from({ length: extent }, (_place, at) => (at >= from && at < to ? 1 / (to - from) : 0));
  }).flat();
}

const flatten: Writer = ({ graph, x, shape }) =>
  (x.shape.length === 2 ? x : graph.add('Flatten', [x], shape, [int('axis', 1)]));

const affine: Writer = (layer) => {
  const { graph, x, parameters, shape } = layer;
  return graph.add('Gemm', [flatten({ ...layer, shape: [x.shape[0], sizeOf(x.shape.slice(1))] }), ...parameters], shape);
};

const batchnorm: Writer = ({ graph, record, x, parameters, shape, buffer }) => {
  const { param: { runningMean, runningVar, eps = 1e-5 } } = record as BatchnormRecord;
  if (runningMean === undefined || runningVar === undefined) {
    throw notExported('a batchnorm before its first training pass', 'has no running averages to be written');
  }
  const averages = [buffer('running_mean', runningMean), buffer('running_var', runningVar)];
  return graph.add('BatchNormalization', [x, ...parameters, ...averages], shape, [float('epsilon', eps)]);
};

const layernorm: Writer = ({ graph, record, x, parameters, shape }) =>
  graph.add('LayerNormalization', [x, ...parameters], shape, [int('axis', -1), float('epsilon', setting(record, 'eps'))]);

/** Each group as one channel of an instance norm, as PyTorch's exporter writes it; then scale and shift a channel. */
const groupnorm: Writer = ({ graph, record, x, parameters: [gamma, beta], shape, dtype }) => {
  const groups = setting(record, 'groups');
  const parts = [x.shape[0], groups, sizeOf(shape.slice(1)) / groups];
  const cut = graph.add('Reshape', [x, graph.integers([0, groups, -1])], parts);
  const [one, zero] = [1, 0].map((value) => graph.unnamed(full([groups], value, dtype)));
  const eps = float('epsilon', setting(record, 'eps'));
  const normal = graph.add('InstanceNormalization', [cut, one, zero], parts, [eps]);
  const whole = graph.add('Reshape', [normal, graph.integers([0, ...shape.slice(1)])], shape);
  const scaled = graph.add('Mul', [whole, perChannel(graph, gamma, shape)], shape);
  return graph.add('Add', [scaled, perChannel(graph, beta, shape)], shape);
};

/** One number a channel, in a form that is stretched over the other axes. */
export function perChannel(graph: GraphWriter, value: Value, { length }: readonly number[]): Value {
  if (length <= 2 || value.shape[0] === 1) return value;
  const shape = [value.shape[0], ...Array.from({ length: length - 2 }, () => 1)];
  return graph.add('Reshape', [value, graph.integers(shape)], shape);
}

const maxout: Writer = ({ graph, record, x, shape }) => {
  const cut = [x.shape[0], shape[1], setting(record, 'k'), ...x.shape.slice(2)];
  const parts = graph.add('Reshape', [x, graph.integers([0, ...cut.slice(1)])], cut);
  return graph.add('ReduceMax', [parts], shape, [ints('axes', [2]), int('keepdims', 0)]);
};

/** x times the share of a normal distribution below x: 0.5 x (1 + erf(x / sqrt(2))). */
export function gelu({ graph, x, shape }: Pick<LayerToWrite, 'graph' | 'x' | 'shape'>): Value {
  const error = graph.add('Erf', [graph.add('Div', [x, graph.scalar(Math.SQRT2)], shape)], shape);
  const share = graph.add('Mul', [x, graph.add('Add', [error, graph.scalar(1)], shape)], shape);
  return graph.add('Mul', [share, graph.scalar(0.5)], shape);
}

const silu: Writer = ({ graph, x, shape }) => graph.add('Mul', [x, graph.add('Sigmoid', [x], shape)], shape);

/** By the record's kind. */
const writers: Readonly<Record<string, Writer>> = {
  conv,
  affine,
  batchnorm,
  layernorm,
  groupnorm,
  maxPool: pool('MaxPool'),
  avgPool: pool('AveragePool'),
  adaptiveAvgPool: adaptivePool,
  flatten,
  maxout,
  gelu,
  silu,
  relu: operator('Relu'),
  sigmoid: operator('Sigmoid'),
  tanh: operator('Tanh'),
  'leaky relu': withAlpha('LeakyRelu'),
  elu: withAlpha('Elu'),
  prelu: ({ graph, x, parameters: [slope], shape }) => graph.add('PRelu', [x, perChannel(graph, slope, shape)], shape),
  softmax: ({ graph, record, x, shape }) => graph.add('Softmax', [x], shape, [int('axis', setting(record, 'axis'))]),
  scale: ({ graph, record, x, shape }) => graph.add('Mul', [x, graph.scalar((record as ScaleRecord).factor)], shape),
  dropout: ({ x }) => x,
  'channels first': ({ graph, x, shape }) => graph.add('Transpose', [x], shape, [ints('perm', [0, 3, 1, 2])]),
};

/** Writes one layer. Throws TypeError for one that has no form in ONNX. */
export function writeLayer(layer: LayerToWrite): Value {
  const { kind } = layer.record;
  if (!Object.hasOwn(writers, kind)) throw notExported(`a layer of kind '${kind}'`);
  return writers[kind](layer);
}
