/** Models as ONNX files (onnx.ai, IR version 8, opset 17), which other systems run. */

import { Network } from '../../models/network.ts';
import { GraphModel } from '../../nn/graph.ts';
import { Module } from '../../nn/module.ts';
import { checkBoolean, checkInteger, checkOneOf, checkOptions, checkWritable, describe } from '../../runtime/check.ts';
import { checkTensor, shapeText } from '../../tensor/check.ts';
import { ones, tensorOf, zeros, type Values } from '../../tensor/creation.ts';
import { checkShape, type ShapeLike } from '../../tensor/shape.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { Bytes } from '../bytes.ts';
import { checkNamesEach } from '../classifier.ts';
import { under } from '../model-file.ts';
import { foldBatchnorms } from './fold.ts';
import type { FloatType } from './graph-writer.ts';
import { metadataEntries } from './metadata.ts';
import { encodeMessage } from './protobuf.ts';
import { dtypeOf, trace } from './trace.ts';

/** The version of ONNX's operators that is written. */
const writtenOpset = 17;
/** The version of the file format that goes with it. */
const irVersion = 8;

/** What is null is as if it were not given. */
export interface EncodeOnnxOptions {
  /** the shape of one example, without the batch; needed for modules, known of graphs and of the course's networks */
  inputShape?: ShapeLike | null;
  /** the same, one an input, for a module of several inputs */
  inputShapes?: readonly ShapeLike[];
  /**
   * 'keep' (the default) writes batchnorm out: decodeOnnx gives the same outputs then, and a reader may train on;
   * 'fold' makes it part of the convolution or linear layer before it, for systems that do not do so themselves, which
   * rounds the weights once more (outputs differ by up to 3e-6 of the largest in the deepest of the reference networks)
   */
  batchnorm?: 'keep' | 'fold';
  /** element type of the file, that of the model's parameters unless given */
  dtype?: 'float32' | 'float64';
  /** names of the classes in the order of the scores, for who reads the file */
  classNames?: readonly string[] | null;
  /**
   * what examples are prepared with, (x - mean) / std, for who reads the file: a number, one a channel, or a tensor
   * that fits an example; none unless given
   */
  mean?: Tensor | Values | null;
  std?: Tensor | Values | null;
  /** lets the graph do that to its (first) input, so that it takes examples as they are; false unless given */
  preprocessingInGraph?: boolean;
  /** where the sample input is drawn from that the file carries with its output; 0 unless given */
  sampleSeed?: number;
}

const known = [
  'inputShape', 'inputShapes', 'batchnorm', 'dtype', 'classNames', 'mean', 'std', 'preprocessingInGraph', 'sampleSeed',
];

/**
 * Encodes a model as it computes at test time: a module (a user's own as well, as far as it computes with layers and
 * variables), a graph, or a network of the course. Inputs are called input, input_1, ..., outputs output, output_1,
 * ..., the first axis of each input is the batch, of any length, and of each output whose examples are computed by
 * themselves. What crosses the batch, such as a sum over it, is written as well, but decodeOnnx does not read it.
 * Parameters keep their names in stateDict. The file carries in metadata_props a sample input with its output, class
 * names and preprocessing (see onnxMetadata, verifyOnnx).
 * Throws TypeError for arguments of the wrong kind, a missing inputShape, and, under its path, for a layer or operation
 * that has no form in ONNX; RangeError for shapes that do not fit and class names that are not as many as the outputs.
 */
export function encodeOnnx(model: Module | Network, options: EncodeOnnxOptions = {}): Bytes {
  const fn = 'encodeOnnx';
  if (!(model instanceof Module || model instanceof Network)) {
    throw new TypeError(`${fn}: model must be a Module or one of the course's networks, got ${describe(model)}`);
  }
  checkOptions(fn, options, known);
  if (model instanceof Module) checkWritable(fn, 'model', model, ['training']);
  const shapes = inputShapes(fn, model, options);
  const batchnorm = checkOneOf(fn, 'batchnorm', options.batchnorm ?? 'keep', ['keep', 'fold']);
  const float = checkOneOf(fn, 'dtype', options.dtype ?? dtypeOf(model), ['float32', 'float64']);
  const inGraph = checkBoolean(fn, 'preprocessingInGraph', options.preprocessingInGraph ?? false);
  const classNames = checkNames(fn, options.classNames ?? null);
  const [mean, std] = (['mean', 'std'] as const).map((name) => prepared(fn, name, options[name] ?? null, shapes[0], float));
  const seed = checkInteger(fn, 'sampleSeed', options.sampleSeed ?? 0, 0, 2 ** 32 - 2);
  const preprocessing = !inGraph ? null : { mean: mean ?? zeros([], float), std: std ?? ones([], float) };

  const { graph, inputs, outputs, sample } = under(fn, () => trace(model, shapes, float, seed, preprocessing));
  const [{ ndim, shape: [, count] }] = sample.outputs;
  if (ndim === 2) checkNamesEach(fn, classNames, count);
  if (batchnorm === 'fold') foldBatchnorms(graph, outputs.map(({ name }) => name!));
  const cast = (list: readonly Tensor[]): Tensor[] => list.map((t) => t.astype(float));
  return encodeMessage('Model', {
    irVersion,
    producerName: 'tilegrad',
    graph: {
      name: model instanceof Network ? model.name : model.constructor.name,
      node: graph.nodes,
      initializer: graph.initializers(),
      input: inputs,
      output: outputs,
    },
    opsetImport: [{ domain: '', version: writtenOpset }],
    metadataProps: metadataEntries({
      classNames, mean, std, preprocessingInGraph: inGraph,
      sample: { inputs: cast(sample.inputs), outputs: cast(sample.outputs) },
    }),
  });
}

/** The shape of an example of each input. */
function inputShapes(fn: string, model: Module | Network, options: EncodeOnnxOptions): number[][] {
  const { inputShape = null } = options;
  const given = options.inputShapes ?? (inputShape === null ? null : [inputShape]);
  if (given !== null && !Array.isArray(given)) {
    throw new TypeError(`${fn}: inputShapes must be a list of shapes, got ${describe(given)}`);
  }
  const shapes = given?.map((shape: ShapeLike, i) => checkShape(fn, shape, `inputShapes[${i}]`).slice()) ?? null;
  const own = model instanceof Network
    ? [[model.config.inputDim as number | readonly number[]].flat()]
    : model instanceof GraphModel ? model.inputShapes.map((shape) => [...shape]) : null;
  if (shapes === null && own === null) {
    throw new TypeError(`${fn}: inputShape must be given: the shape of one example, such as [3, 32, 32]`);
  }
  if (shapes !== null && own !== null && String(shapes) !== String(own)) {
    throw new RangeError(`${fn}: inputShape must be the model's, ${own.map(shapeText).join(', ')}, got ${shapes.map(shapeText).join(', ')}`);
  }
  return (own ?? shapes)!;
}

function checkNames(fn: string, names: unknown): readonly string[] | null {
  if (names === null) return null;
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw new TypeError(`${fn}: classNames must be a list of strings, got ${describe(names)}`);
  }
  return names;
}

/** Numbers of the preprocessing in a form that is stretched over an example. */
function prepared(
  fn: string, name: string, given: Tensor | Values | null, example: readonly number[], float: FloatType,
): Tensor | null {
  if (given === null) return null;
  const numbers = (given instanceof Tensor ? checkTensor(fn, name, given) : tensorOf(fn, given)).astype(float);
  const perChannel = numbers.ndim === 1 && example.length === 3 && numbers.size === example[0];
  const fitting = perChannel ? numbers.reshape([numbers.size, 1, 1]) : numbers;
  const fits = fitting.ndim <= example.length &&
    fitting.shape.every((size, i) => size === 1 || size === example[example.length - fitting.ndim + i]);
  if (!fits) {
    throw new RangeError(`${fn}: ${name} must be a number, one a channel or fit an example of ${shapeText(example)}, got ${shapeText(numbers.shape)}`);
  }
  return fitting;
}
