/** How operations on variables are written in ONNX's operators (opset 17): what modules compute beside their layers. */

import type { Indices } from '../../tensor/indexing.ts';
import { contiguousData } from '../../tensor/internal.ts';
import { padWidths, type PadWidth } from '../../tensor/joining.ts';
import type { Axes } from '../../tensor/reductions.ts';
import { normalizeAxis } from '../../tensor/shape.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { expandEllipsis, type Range } from '../../tensor/views.ts';
import { float, type GraphWriter, int, ints, notExported, type Value } from './graph-writer.ts';
import { gelu, perChannel } from './write-layers.ts';

/** What an operation is written from. */
export interface OperationToWrite {
  readonly graph: GraphWriter;
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly options: readonly unknown[];
  readonly shape: readonly number[];
  /** the elements of an input in the pass that is being written down */
  readonly tensor: (input: number) => Tensor;
}

type Writer = (operation: OperationToWrite) => Value;

const operator = (opType: string): Writer => ({ graph, inputs, shape }) => graph.add(opType, inputs, shape);

const withAlpha = (opType: string): Writer => ({ graph, inputs, options, shape }) =>
  graph.add(opType, inputs, shape, [float('alpha', options[0] as number)]);

/** The shape for Reshape: the batch stays free. */
function freeShape({ graph, inputs: [x], shape }: OperationToWrite): Value {
  const first = shape[0] === x.shape[0] ? 0 : -1;
  return graph.integers(x.free && shape.length > 0 ? [first, ...shape.slice(1)] : shape);
}

const reshape: Writer = (operation) =>
  operation.graph.add('Reshape', [operation.inputs[0], freeShape(operation)], operation.shape);

const transpose: Writer = ({ graph, inputs: [x], options, shape }) => {
  const axes = options[0] as readonly number[];
  const perm = axes.length === 0
    ? x.shape.map((_, i) => x.shape.length - 1 - i)
    : axes.map((axis) => normalizeAxis('transpose', axis, x.shape.length));
  return graph.add('Transpose', [x], shape, [ints('perm', perm)]);
};

/** Beyond every extent: the end of an axis. */
const end = 2 ** 31 - 1;

const slice: Writer = ({ graph, inputs: [x], options, shape, tensor }) => {
  const ranges = expandEllipsis(tensor(0), options[0] as readonly Range[]);
  const cuts = ranges.flatMap((range, axis) => {
    if (range === null || range === undefined) return [];
    if (typeof range === 'number') return [{ start: range, stop: range === -1 ? end : range + 1, step: 1, axis }];
    const [start, stop, by] = range;
    const step = by ?? 1;
    return [{ start: start ?? (step > 0 ? 0 : end), stop: stop ?? (step > 0 ? end : -end), step, axis }];
  });
  const lists = (['start', 'stop', 'axis', 'step'] as const).map((key) => graph.integers(cuts.map((cut) => cut[key])));
  const part = cuts.length === 0 ? x : graph.add('Slice', [x, ...lists], shape);
  const dropped = ranges.flatMap((range, axis) => (typeof range === 'number' ? [axis] : []));
  return dropped.length === 0 ? part : graph.add('Squeeze', [part, graph.integers(dropped)], shape);
};

const pad: Writer = ({ graph, inputs: [x], options: [width, value], shape, tensor }) => {
  const widths = padWidths(tensor(0), width as PadWidth);
  const pads = [...widths.map(([before]) => before), ...widths.map(([, behind]) => behind)];
  return graph.add('Pad', [x, graph.integers(pads), graph.scalar(value as number)], shape);
};

/** Over no axis it is the value itself: ONNX takes an empty list for all axes. */
const reduction = (opType: string): Writer => ({ graph, inputs: [x], options, shape }) => {
  const [axis, keep = false] = options as [Axes?, boolean?];
  const given = axis === undefined || axis === null ? x.shape.map((_, i) => i) : [axis].flat();
  if (given.length === 0) return x;
  const axes = given.map((each) => normalizeAxis(opType, each, x.shape.length));
  const keepdims = int('keepdims', keep ? 1 : 0);
  if (opType === 'ReduceSum') return graph.add(opType, [x, graph.integers(axes)], shape, [keepdims]);
  return graph.add(opType, [x], shape, [ints('axes', axes), keepdims]);
};

/** The parts at some indices of an axis; all in their order are the value itself. */
const take: Writer = ({ graph, inputs: [x], options, shape, name }) => {
  const [indices, axis] = options as [Indices, number];
  if (indices instanceof Tensor && indices.ndim !== 1) throw notExported(`the operation ${name} by such indices`);
  const list = Array.from(indices instanceof Tensor ? contiguousData(indices) : indices);
  if (list.length === x.shape.at(axis) && list.every((from, i) => from === i)) return x;
  return graph.add('Gather', [x, graph.integers(list)], shape, [int('axis', axis)]);
};

const clip: Writer = ({ graph, inputs: [x], options, shape }) => {
  const [low, high] = options as ReadonlyArray<number | null>;
  return graph.add('Clip', [x, graph.scalar(low ?? -Infinity), graph.scalar(high ?? Infinity)], shape);
};

const broadcastTo: Writer = ({ graph, inputs: [x], shape }) =>
  graph.add('Expand', [x, graph.integers(x.free && shape[0] === x.shape[0] ? [1, ...shape.slice(1)] : shape)], shape);

/** By the operation's name. */
const writers: Readonly<Record<string, Writer>> = {
  add: operator('Add'),
  sub: operator('Sub'),
  mul: operator('Mul'),
  div: operator('Div'),
  pow: operator('Pow'),
  maximum: operator('Max'),
  minimum: operator('Min'),
  matmul: operator('MatMul'),
  neg: operator('Neg'),
  exp: operator('Exp'),
  log: operator('Log'),
  sqrt: operator('Sqrt'),
  abs: operator('Abs'),
  sin: operator('Sin'),
  cos: operator('Cos'),
  sign: operator('Sign'),
  floor: operator('Floor'),
  ceil: operator('Ceil'),
  round: operator('Round'),
  relu: operator('Relu'),
  sigmoid: operator('Sigmoid'),
  tanh: operator('Tanh'),
  prelu: ({ graph, inputs: [x, slope], shape }) => graph.add('PRelu', [x, perChannel(graph, slope, shape)], shape),
  gelu: ({ graph, inputs: [x], shape }) => gelu({ graph, x, shape }),
  leakyRelu: withAlpha('LeakyRelu'),
  elu: withAlpha('Elu'),
  softmax: ({ graph, inputs, options, shape }) => graph.add('Softmax', inputs, shape, [int('axis', options[0] as number)]),
  square: ({ graph, inputs: [x], shape }) => graph.add('Mul', [x, x], shape),
  silu: ({ graph, inputs: [x], shape }) => graph.add('Mul', [x, graph.add('Sigmoid', [x], shape)], shape),
  clip,
  reshape,
  flatten: reshape,
  expandDims: reshape,
  squeeze: reshape,
  transpose,
  slice,
  take,
  pad,
  broadcastTo,
  concat: ({ graph, inputs, options, shape }) => graph.add('Concat', inputs, shape, [int('axis', options[0] as number)]),
  sum: reduction('ReduceSum'),
  mean: reduction('ReduceMean'),
  max: reduction('ReduceMax'),
  min: reduction('ReduceMin'),
};

/** Writes one operation. Throws TypeError for one that has no form in ONNX. */
export function writeOperation(operation: OperationToWrite): Value {
  if (!Object.hasOwn(writers, operation.name)) throw notExported(`the operation ${operation.name}`);
  return writers[operation.name](operation);
}
