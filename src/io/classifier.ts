/** Asking a trained network what is on pictures: preparing them as the training did, scores, labels. */

import { fitPicture } from '../data/fit-picture.ts';
import { type Picture, pictureToTensor } from '../data/picture.ts';
import { normalizeImages } from '../data/preprocess.ts';
import { isSoftmax } from '../layers/softmax.ts';
import { Network } from '../models/index.ts';
import { GraphModel, type LayerGraph, layerGraph, Linear, Module } from '../nn/index.ts';
import { checkInteger, checkNumber, checkOptions, describe } from '../runtime/check.ts';
import { checkTensor, shapeText } from '../tensor/check.ts';
import { ones, tensor, zeros } from '../tensor/creation.ts';
import { contiguousDataAs } from '../tensor/internal.ts';
import { stack } from '../tensor/joining.ts';
import { checkShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { outputsOf } from './sample.ts';

/** What one needs to know of a network beside its weights. What is null is as if it were not given. */
export interface ClassifierOptions {
  /** the classes in the order of the scores; "0", "1", ... unless given */
  classNames?: readonly string[] | null;
  /**
   * what is subtracted from the pixels (0 to 255): a number a channel, or a tensor (C, 1, 1) or (C, H, W) such as
   * prepareImages gives; nothing unless given
   */
  mean?: Tensor | readonly number[] | null;
  /** what they are divided by then: a number a channel, or a tensor (C, 1, 1); 1 unless given */
  std?: Tensor | readonly number[] | null;
  /** the shape of one example: [channels, height, width], or [numbers]; course networks and graphs know theirs */
  inputShape?: readonly number[] | null;
}

export interface Label {
  readonly label: string;
  /** its number */
  readonly index: number;
  /** 0 to 1 */
  readonly probability: number;
}

/** What a network says of one picture: the likeliest class, and the `top` likeliest, the first of equals first. */
export interface Prediction extends Label {
  readonly top: readonly Label[];
}

export interface PredictOptions {
  /** how many of the likeliest classes to give, 1 unless given; at most all */
  top?: number;
}

/** Pictures of whatever size: uint8 tensors (C, H, W), and what decodePicture gives. */
export type AnyPicture = Tensor | Picture;

export interface Classifier {
  /** null where they were not given */
  readonly classNames: readonly string[] | null;
  /** null where it is not known: then pictures must come in the size that the network takes */
  readonly inputShape: readonly number[] | null;
  readonly mean: Tensor | null;
  readonly std: Tensor | null;
  /**
   * The labels of one picture or of many, an entry a picture. uint8 pictures, (C, H, W) or (N, C, H, W), a Picture or a
   * list of either, are prepared as the training images were: the middle in the network's proportions, resized with
   * antialiasing, minus mean, divided by std. A float tensor, one example or (N, ...), is taken to be prepared already;
   * a network that takes plain numbers has them as they lie in it.
   * A network that ends in a Softmax gives probabilities, every other scores, of which the softmax is taken. Throws
   * TypeError for what are no pictures, RangeError for examples of another shape and for scores that are not finite.
   */
  predict(pictures: AnyPicture | readonly AnyPicture[], options?: PredictOptions): Prediction[];
}

/** Pictures that are scored together. */
const batchSize = 64;
/** Numbers of an example that a network may say it takes: a picture of 4,000 by 4,000 pixels in colour has fewer. */
const mostNumbers = 2 ** 26;

/** The layers that give as many scores as they get. */
const keepingLayers: ReadonlySet<string> = new Set([
  'ReLU', 'LeakyReLU', 'ELU', 'GELU', 'SiLU', 'PReLU', 'Sigmoid', 'Tanh', 'Softmax', 'Scale', 'Dropout', 'BatchNorm1d',
  'LayerNorm',
]);

/** The options with what the model itself knows, checked. */
export interface Preprocessing {
  readonly classNames: readonly string[] | null;
  readonly inputShape: readonly number[] | null;
  readonly mean: Tensor | null;
  readonly std: Tensor | null;
}

/** Throws TypeError or RangeError, under the caller's name, for what is no model or no such option. */
export function checkPreprocessing(fn: string, model: Module | Network, options: ClassifierOptions): Preprocessing {
  if (!(model instanceof Module || model instanceof Network)) {
    throw new TypeError(`${fn}: model must be a Module or a network of tilegrad/models, got ${describe(model)}`);
  }
  checkOptions(fn, options, ['classNames', 'mean', 'std', 'inputShape']);
  const { classNames = null, mean = null, std = null, inputShape = null } = options;
  if (classNames !== null && !(Array.isArray(classNames) && classNames.every((name) => typeof name === 'string'))) {
    throw new TypeError(`${fn}: classNames must be an array of strings, got ${describe(classNames)}`);
  }
  const outputs = outputCount(model);
  if (outputs !== null) checkNamesEach(fn, classNames, outputs);
  const shape = inputShape === null ? shapeTakenBy(model) : checkShape(fn, inputShape, 'inputShape');
  if (shape !== null && shape.reduce((a, b) => a * b, 1) > mostNumbers) {
    throw new RangeError(`${fn}: inputShape must have at most ${mostNumbers} numbers, got ${shapeText(shape)}`);
  }
  return {
    classNames, inputShape: shape,
    mean: checkStatistic(fn, 'mean', mean, shape),
    std: checkStatistic(fn, 'std', std, shape === null ? null : shape.map((size, axis) => (axis > 0 ? 1 : size))),
  };
}

/** Throws RangeError where there are names, but not one an output. */
export function checkNamesEach(fn: string, classNames: readonly string[] | null, outputs: number): void {
  if (classNames === null || classNames.length === outputs) return;
  throw new RangeError(`${fn}: classNames must name each of the model's ${outputs} outputs, got ${classNames.length} names`);
}

/** How many scores a model gives, as far as its layers tell without an example: null where they do not. */
function outputCount(model: Module | Network): number | null {
  if (model instanceof Network) return model.numClasses;
  const graph = knownGraph(model);
  let node = graph?.nodes[graph.outputs[0] - graph.inputs];
  while (node !== undefined && keepingLayers.has(node.layer)) node = graph!.nodes[node.inputs[0] - graph!.inputs];
  return node?.module instanceof Linear ? node.module.weight.shape[1] : null;
}

/** The layers of a module; null where one is of a class that nobody has made known. */
function knownGraph(module: Module): LayerGraph | null {
  try {
    return layerGraph(module);
  } catch {
    return null;
  }
}

/** The shape of one example as the model itself knows it. */
function shapeTakenBy(model: Module | Network): readonly number[] | null {
  if (model instanceof Network) {
    const { inputDim } = model.config;
    return Array.isArray(inputDim) ? inputDim as number[] : model.inputShape;
  }
  return model instanceof GraphModel ? model._graph.inputs[0].shape : null;
}

/** mean or std as a tensor of this shape, or with one number a channel. */
function checkStatistic(
  fn: string, name: string, given: Tensor | readonly number[] | null, shape: readonly number[] | null,
): Tensor | null {
  if (given === null) return null;
  const found = Array.isArray(given)
    ? tensor(given.map((value: unknown, c) => checkNumber(fn, `${name}[${c}]`, value)), [given.length, 1, 1])
    : checkTensor(fn, name, given as Tensor);
  // a network that takes plain numbers gets those of pictures, whose shape it does not know
  const known = shape !== null && shape.length === 3 ? shape : [found.shape[0], found.shape[1], found.shape[2]];
  if (found.ndim !== 3 || !found.shape.every((size, axis) => size === known[axis] || (axis > 0 && size === 1))) {
    const [channels] = known;
    const shapes = [...new Set([`${channels}x1x1`, known.join('x')])].join(' or ');
    throw new RangeError(`${fn}: ${name} must have shape ${shapes}, got ${shapeText(found.shape)}`);
  }
  const least = name === 'std' ? Number.MIN_VALUE : -Number.MAX_VALUE;
  const odd = contiguousDataAs(found, 'float64').find((value) => !(value >= least && value < Infinity));
  if (odd !== undefined) {
    throw new RangeError(`${fn}: ${name} must hold finite numbers${name === 'std' ? ' above 0' : ''}, got ${odd}`);
  }
  return found;
}

/**
 * A network ready to be asked what is on pictures. Throws TypeError for what is no network and for options of the wrong
 * kind, RangeError for statistics that do not fit its input or that no image can have.
 */
export function classifier(model: Module | Network, options: ClassifierOptions = {}): Classifier {
  const fn = 'classifier';
  const preprocessing = checkPreprocessing(fn, model, options);
  return { ...preprocessing, predict: (pictures, given = {}) => predict(model, preprocessing, pictures, given) };
}

/** Classifier.predict. */
export function predict(
  model: Module | Network, preprocessing: Preprocessing, pictures: AnyPicture | readonly AnyPicture[],
  options: PredictOptions,
): Prediction[] {
  const fn = 'predict';
  checkOptions(fn, options, ['top']);
  const top = checkInteger(fn, 'top', options.top ?? 1, 1);
  const examples = examplesOf(fn, pictures, preprocessing.inputShape);
  const given = pictures instanceof Tensor ? shapeText(pictures.shape) : null;
  const found: Prediction[] = [];
  for (let start = 0; start < examples.length; start += batchSize) {
    const prepared = examples.slice(start, start + batchSize)
      .map((example) => prepare(fn, example, preprocessing, given));
    const odd = prepared.findIndex(({ shape }) => shapeText(shape) !== shapeText(prepared[0].shape));
    if (odd >= 0) {
      const shapes = [prepared[0], prepared[odd]].map(({ shape }) => shapeText(shape)).join(' and ');
      throw new RangeError(`${fn}: pictures must be of one size for a network without inputShape, got ${shapes}`);
    }
    const [scores] = outputsOf(model, [stack(prepared)]);
    const { classNames } = preprocessing;
    if (scores.ndim !== 2 || (classNames !== null && classNames.length !== scores.shape[1])) {
      const wanted = classNames === null ? 'scores' : `${classNames.length} scores`;
      throw new RangeError(`${fn}: the network must give ${wanted} a picture, got ${shapeText(scores.shape.slice(1))}`);
    }
    const [, classes] = scores.shape;
    const values = contiguousDataAs(scores, 'float64') as Float64Array;
    for (let i = 0; i < prepared.length; i++) {
      const row = values.subarray(i * classes, (i + 1) * classes);
      if (!row.every(Number.isFinite)) throw new RangeError(`${fn}: picture ${start + i} has scores that are not finite`);
      const labels = ranked(isSoftmax(scores) ? row : softmax(row), classNames, top);
      found.push({ ...labels[0], top: labels });
    }
  }
  return found;
}

/** Single examples: uint8 where they are pictures still to be prepared. */
function examplesOf(
  fn: string, pictures: AnyPicture | readonly AnyPicture[], inputShape: readonly number[] | null,
): Tensor[] {
  if (Array.isArray(pictures)) {
    return (pictures as readonly AnyPicture[]).map((each, i) => oneExample(fn, `pictures[${i}]`, each));
  }
  if (!(pictures instanceof Tensor)) return [oneExample(fn, 'pictures', pictures as Picture)];
  const example = pictures.dtype === 'uint8' ? 3 : inputShape?.length ?? 3;
  // a network that takes plain numbers takes them in whatever shape, as its loss does
  const isFlat = example === 1 && inputShape !== null && pictures.ndim > 0;
  if (!isFlat && pictures.ndim !== example && pictures.ndim !== example + 1) {
    throw new RangeError(`${fn}: pictures must have ${example} or ${example + 1} axes, got ${shapeText(pictures.shape)}`);
  }
  if (pictures.ndim === example || (isFlat && pictures.size === inputShape[0])) return [pictures];
  return Array.from({ length: pictures.shape[0] }, (_, i) => pictures.slice(i));
}

function oneExample(fn: string, name: string, given: AnyPicture): Tensor {
  if (given instanceof Tensor) return given;
  if (typeof given !== 'object' || given === null || !('data' in given)) {
    throw new TypeError(`${fn}: ${name} must be a Tensor or a Picture, got ${describe(given)}`);
  }
  try {
    return pictureToTensor(given);
  } catch (error) {
    if (error instanceof Error) error.message = `${fn}: ${name}: ${error.message}`;
    throw error;
  }
}

/** An example as the network takes it; given: the shape of what was asked about, where it is one tensor. */
function prepare(
  fn: string, example: Tensor, { inputShape, mean, std }: Preprocessing, given: string | null,
): Tensor {
  let x = example;
  const got = given ?? shapeText(example.shape);
  if (example.dtype === 'uint8') {
    const isFitted = inputShape?.length === 3;
    checkChannelsFirst(fn, example, isFitted ? inputShape : (mean ?? std)?.shape, isFitted, got);
    x = inputShape?.length === 3 ? fitPicture(example, inputShape as [number, number, number]) : example;
    const [channels] = x.shape;
    x = normalizeImages(x.expandDims(0), mean ?? zeros([channels, 1, 1]), std ?? ones([channels, 1, 1])).slice(0);
    if (inputShape?.length === 1) x = x.reshape(-1);
  } else if (!/^float/.test(example.dtype)) {
    throw new TypeError(`${fn}: pictures must be uint8, or float where they are prepared, got ${example.dtype}`);
  } else if (inputShape?.length === 1 && x.size === inputShape[0]) {
    x = x.reshape(-1);
  }
  if (inputShape !== null && shapeText(x.shape) !== shapeText(inputShape)) {
    const whole = got === shapeText(x.shape) ? '' : ` (of pictures ${got})`;
    throw new RangeError(
      `${fn}: a prepared example must have shape ${shapeText(inputShape)}, got ${shapeText(x.shape)}${whole}`,
    );
  }
  return x;
}

/** Throws RangeError for a picture whose channels cannot be made those of a shape (C, ...), or must be them. */
function checkChannelsFirst(
  fn: string, { ndim, shape: [channels] }: Tensor, form: readonly number[] | undefined, isFitted: boolean, got: string,
): void {
  if (ndim !== 3 || form === undefined || channels === form[0]) return;
  if (isFitted && (form[0] === 1 || form[0] === 3) && channels >= 1 && channels <= 4) return;
  const size = isFitted ? shapeText(form) : `${form[0]}xHxW`;
  throw new RangeError(`${fn}: pictures must be ${size} or Nx${size}, channels first, got ${got}`);
}

function softmax(scores: Float64Array): Float64Array {
  const most = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = scores.map((score) => Math.exp(score - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

function ranked(probabilities: Float64Array, classNames: readonly string[] | null, top: number): Label[] {
  return Array.from(probabilities, (probability, index): Label =>
    ({ label: classNames?.[index] ?? String(index), index, probability }))
    .sort((a, b) => b.probability - a.probability || a.index - b.index)
    .slice(0, top);
}
