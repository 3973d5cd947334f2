/**
 * A trained network as one file: safetensors whose metadata say what the network is and how its input is prepared. So
 * it is taken up without knowing its class, and its tensors can be read by every program that reads safetensors.
 *
 *   metadata   format "tilegrad", version "1", architecture (JSON: see Architecture; for a course network its class and
 *              config), where they are known classNames and inputShape (JSON), and a checksum (see checksum.ts)
 *   tensors    a module's state under its names; a course network's parameters (W1, b1, ...) and its state under
 *              state/; input/mean and input/std; sample/input and sample/output, two examples drawn at random and what
 *              the network made of them when it was saved (of further inputs and outputs sample/input_1, ...)
 */

import { withinParameterBudget } from '../layers/parameter-budget.ts';
import { isNetworkName } from '../models/description.ts';
import { buildNetwork, describeNetwork, Network } from '../models/index.ts';
import {
  type Architecture, buildModule, describeModule, type LayerArchitecture, type Module, type StateDict,
} from '../nn/index.ts';
import { describe } from '../runtime/check.ts';
import { shapeText } from '../tensor/check.ts';
import { sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkBytes, type Bytes } from './bytes.ts';
import { decodeWithChecksum, encodeWithChecksum } from './checksum.ts';
import {
  checkNamesEach, checkPreprocessing, type Classifier, type ClassifierOptions, predict, type Preprocessing,
} from './classifier.ts';
import { parseJson } from './json.ts';
import type { SafetensorsContent } from './safetensors.ts';
import { type Sample, sampleOf, sampleTensors, withoutSample } from './sample.ts';

/** The version that is written; all up to it are read. */
const version = 1;
/** Characters of an architecture, a hundred for each of ten thousand layers and more. */
const longestArchitecture = 4_000_000;
/** Parameters that may be made beyond those in the file, so that what is missing can be named. */
const freeParameters = 2 ** 20;
/** Lists and objects in each other: 64 modules and what describes them. */
const deepest = 200;

const sampleName = (part: string): string => `sample/${part}`;

/** A model that was read, in test mode, and how it is used. */
export interface LoadedModel extends Classifier {
  readonly model: Module | Network;
}

/**
 * A network with all that is needed to use it, as one file. Class names, mean, std and the input's shape are as
 * `classifier` takes them; with a shape the file gets a sample, by which `verifyModel` tells whether it still computes
 * the same. Throws TypeError for what is no network, for options of the wrong kind and for modules that nobody has made
 * known (see registerLayer), RangeError for an input shape that the network does not take and for class names that are
 * not as many as its outputs, where its last layer or the input's shape tells how many these are.
 */
export function saveModel(model: Module | Network, options: ClassifierOptions = {}): Bytes {
  const fn = 'saveModel';
  const preprocessing = checkPreprocessing(fn, model, options);
  return under(fn, () => {
    const { classNames, inputShape, mean, std } = preprocessing;
    const tensors: Record<string, Tensor> = model instanceof Network ? networkTensors(model) : model.stateDict();
    const reserved = Object.keys(tensors).find((name) => /^(input|sample)\//.test(name));
    if (reserved !== undefined) throw new RangeError(`a parameter cannot be named ${describe(reserved)}`);
    if (mean !== null) tensors['input/mean'] = mean;
    if (std !== null) tensors['input/std'] = std;
    if (inputShape !== null) {
      const sample = sampleOf(model, inputShape);
      const [{ ndim, shape: [, outputs] }] = sample.outputs;
      if (ndim === 2) checkNamesEach(fn, classNames, outputs);
      Object.assign(tensors, sampleTensors(sample, sampleName));
    }
    return encodeWithChecksum(tensors, {
      format: 'tilegrad', version: String(version), architecture: JSON.stringify(architectureOf(model)),
      ...(classNames === null ? {} : { classNames: JSON.stringify(classNames) }),
      ...(inputShape === null ? {} : { inputShape: JSON.stringify(inputShape) }),
    });
  });
}

/** A model's architecture: of a course network its class and config. */
export function architectureOf(model: Module | Network): LayerArchitecture {
  return model instanceof Network ? describeNetwork(model) : describeModule(model);
}

function networkTensors(network: Network): Record<string, Tensor> {
  const state = Object.entries(network.state()).map(([name, value]) => [`state/${name}`, value]);
  return { ...network.params, ...Object.fromEntries(state) as Record<string, Tensor> };
}

/**
 * The model in a file that saveModel or `tilegrad train` has written: the network itself, in test mode, and `predict`.
 * Nothing in the file is executed. Throws TypeError unless bytes is a Uint8Array, RangeError or TypeError for what is
 * no such file, for one that was damaged or is of a newer version, for layers that are not known, and for tensors that
 * are missing, superfluous or of another shape. What it takes is bounded by the file's length.
 */
export function loadModel(bytes: Uint8Array): LoadedModel {
  const fn = 'loadModel';
  checkBytes(fn, bytes);
  return under(fn, () => {
    const { model, preprocessing } = readModel(bytes);
    const ask: Classifier['predict'] = (pictures, options = {}) => predict(model, preprocessing, pictures, options);
    return { model, ...preprocessing, predict: ask };
  });
}

export interface ReadModel {
  readonly model: Module | Network;
  readonly preprocessing: Preprocessing;
  /** what the file carries; null where it has none */
  readonly sample: Sample | null;
}

/** What is in a model file. Throws as loadModel does, without its name. */
export function readModel(bytes: Uint8Array): ReadModel {
  const content = decodeWithChecksum(bytes);
  const [architecture, settings] = readHeader(content);
  const [tensors, sample] = withoutSample(content.tensors, sampleName);
  const { 'input/mean': mean, 'input/std': std, ...state } = tensors as Partial<typeof tensors>;
  const model = buildWith(architecture, state as StateDict);
  const preprocessing = checkPreprocessing('the file', model, {
    ...settings, ...(mean === undefined ? {} : { mean }), ...(std === undefined ? {} : { std }),
  });
  return { model, preprocessing, sample };
}

/** Architecture, class names and input shape. */
function readHeader({ metadata }: SafetensorsContent): [Architecture, Pick<ClassifierOptions, 'classNames' | 'inputShape'>] {
  const json = (name: string): unknown => parseJson(`the ${name} in the file`, metadata[name], deepest);
  const settings = {
    ...(Object.hasOwn(metadata, 'classNames') ? { classNames: json('classNames') as string[] } : {}),
    ...(Object.hasOwn(metadata, 'inputShape') ? { inputShape: json('inputShape') as number[] } : {}),
  };
  // before there was a version, course networks alone were stored
  if (!Object.hasOwn(metadata, 'format') && Object.hasOwn(metadata, 'model') && Object.hasOwn(metadata, 'config')) {
    return [{ layer: metadata.model, settings: json('config') as LayerArchitecture['settings'] }, settings];
  }
  if (metadata.format !== 'tilegrad' || !Object.hasOwn(metadata, 'architecture')) {
    throw new RangeError('the file holds tensors, but not the network that they are of: it was not written by saveModel');
  }
  const found = Number(metadata.version);
  if (!Number.isInteger(found) || found < 1) {
    throw new RangeError(`the file must have a version, got ${describe(metadata.version)}`);
  }
  if (found > version) {
    throw new RangeError(`the file is of version ${found}, this tilegrad reads those up to ${version}: a newer one is needed`);
  }
  if (metadata.architecture.length > longestArchitecture) {
    throw new RangeError(`the file's architecture has ${metadata.architecture.length} characters, at most ${longestArchitecture} are read`);
  }
  return [json('architecture') as Architecture, settings];
}

/** A model of this architecture with these tensors. Throws where they do not fit each other. */
export function buildWith(architecture: Architecture, tensors: StateDict): Module | Network {
  const numbers = Object.values(tensors).reduce((sum, { size }) => sum + size, 0);
  return withinParameterBudget(numbers + freeParameters, () => {
    if (isNetworkName((Object(architecture) as LayerArchitecture).layer)) {
      const network = buildNetwork(architecture as LayerArchitecture);
      fillNetwork(network, tensors);
      return network;
    }
    const module = buildModule(architecture);
    module.loadStateDict(tensors);
    return module.eval();
  });
}

function fillNetwork(network: Network, tensors: StateDict): void {
  const state: Record<string, Tensor> = {};
  for (const [name, value] of Object.entries(tensors)) {
    if (name.startsWith('state/')) state[name.slice(6)] = value;
    else if (!Object.hasOwn(network.params, name)) throw new TypeError(`the file has a tensor too many, ${describe(name)}`);
  }
  for (const [name, parameter] of Object.entries(network.params)) {
    if (!Object.hasOwn(tensors, name)) throw new TypeError(`the file lacks the tensor ${name}`);
    if (!sameShape(tensors[name].shape, parameter.shape)) {
      throw new RangeError(`${name} must have shape ${shapeText(parameter.shape)}, got ${shapeText(tensors[name].shape)}`);
    }
    parameter.assign(tensors[name]);
  }
  network.loadState(state);
}

/** Runs fn; what it throws gets the caller's name in front of its message. */
export function under<T>(name: string, fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    if (error instanceof Error && !`: ${error.message}`.includes(`: ${name}:`)) error.message = `${name}: ${error.message}`;
    throw error;
  }
}
