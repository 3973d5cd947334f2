/** Models from ONNX files, as far as they are made of what this library has. */

import { GraphModel } from '../../nn/graph.ts';
import { SymbolicValue } from '../../nn/symbol.ts';
import { checkOptions, describe } from '../../runtime/check.ts';
import { printable } from '../../runtime/text.ts';
import { checkShape, maxDimensions, type ShapeLike, shapeText } from '../../tensor/shape.ts';
import { product } from '../bytes.ts';
import { under } from '../model-file.ts';
import { type Verification, verifySample } from '../sample.ts';
import { withChains } from './chains.ts';
import { readModel } from './file.ts';
import type { Message } from './messages.ts';
import { readMetadata } from './metadata.ts';
import { Operation } from './operation.ts';
import { layerReaders } from './read-layers.ts';
import { NodeToRead, type Read, type Reading } from './read-node.ts';
import { operationReaders } from './read-operations.ts';
import { readTensor } from './read-tensor.ts';

/** Versions of ONNX's operators that are read. */
const [oldest, newest] = [7, 25];

export interface DecodeOnnxOptions {
  /** the shape of one example, without the batch, for a file that leaves it open */
  inputShape?: ShapeLike;
}

/**
 * Decodes an ONNX file into a graph of this library's layers with their parameters, in test mode: convolutions, linear
 * layers, normalisations, pools, activations, sums, concatenations and moves of elements, also in the patterns in which
 * PyTorch's exporter writes them. The first axis of every input is the batch. Constants of operators that
 * are no layer here (a product with a number, say) are no parameters.
 * Throws TypeError for arguments of the wrong kind, RangeError for a damaged file, for data in another file, and,
 * naming the node, for an operator or a setting that has no counterpart here. A hostile file takes no more memory than
 * a small multiple of its length.
 */
export function decodeOnnx(bytes: Uint8Array, options: DecodeOnnxOptions = {}): GraphModel {
  const fn = 'decodeOnnx';
  checkOptions(fn, options, ['inputShape']);
  const shape = options.inputShape === undefined ? null : checkShape(fn, options.inputShape, 'inputShape');
  return graphOf(fn, readModel(fn, bytes), shape);
}

/** The graph of a file whose messages were read. */
function graphOf(
  fn: string, { model, graph }: { model: Message<'Model'>; graph: Message<'Graph'> }, shape: readonly number[] | null,
): GraphModel {
  const version = model.opsetImport?.find(({ domain = '' }) => domain === '' || domain === 'ai.onnx')?.version;
  if (version === undefined || !(version >= oldest && version <= newest)) {
    throw new RangeError(`${fn}: the file uses opset ${version ?? 'none'}, ${oldest} to ${newest} are read`);
  }
  if (graph.sparseInitializer!.length > 0) throw new RangeError(`${fn}: sparse tensors are not read`);
  const reading = readingOf(fn, version, graph);
  const inputs = readInputs(reading, graph, shape);
  graph.node!.forEach((message, i) => readNode(reading, message, i));
  if (graph.output!.length === 0) throw new RangeError(`${fn}: the graph has no output`);
  const outputs = graph.output!.map(({ name = '' }) => {
    const value = reading.values.get(name);
    if (value === undefined) throw new RangeError(`${fn}: the output ${describe(name)} is not computed`);
    if (value instanceof SymbolicValue) return value;
    throw new RangeError(`${fn}: the output ${describe(name)} is constant`);
  });
  const made = new GraphModel(inputs, withChains(reading.made, outputs));
  if (made.layers.some((layer) => layer instanceof Operation && layer._name === 'Erf')) {
    const node = graph.node!.find(({ opType }) => opType === 'Erf')!;
    throw new RangeError(`${fn}: node ${describe(node.name ?? '')} (Erf): is read as part of GELU only`);
  }
  return made.eval();
}

function readingOf(fn: string, opset: number, graph: Message<'Graph'>): Reading {
  const uses = new Map<string, number>();
  const use = (name: string): void => { uses.set(name, (uses.get(name) ?? 0) + 1); };
  for (const { input } of graph.node!) input!.forEach(use);
  for (const { name = '' } of graph.output!) use(name);
  const reading: Reading = { fn, opset, values: new Map(), uses, names: new Map(), elements: 0, made: [] };
  for (const message of graph.initializer!) {
    const { name = '' } = message;
    define(reading, name, readTensor(`${fn}: tensor ${describe(name)}`, message));
  }
  return reading;
}

/** Gives a name its value. Throws RangeError where it has one. */
function define({ fn, values, names }: Reading, name: string, value: Read): void {
  if (name === '') throw new RangeError(`${fn}: a value has no name`);
  if (values.has(name)) throw new RangeError(`${fn}: ${describe(name)} is made twice`);
  values.set(name, value);
  if (value instanceof SymbolicValue && !names.has(value)) names.set(value, name);
}

/** Symbols for the inputs that are no initial values of parameters (as old files list them too). */
function readInputs(reading: Reading, graph: Message<'Graph'>, given: readonly number[] | null): SymbolicValue[] {
  const { fn } = reading;
  const open = graph.input!.filter(({ name = '' }) => !reading.values.has(name));
  if (open.length === 0) throw new RangeError(`${fn}: the graph has no input`);
  if (given !== null && open.length > 1) throw new RangeError(`${fn}: inputShape is for graphs of one input, this one has ${open.length}`);
  return open.map(({ name = '', type }) => {
    const where = `${fn}: the input ${describe(name)}`;
    const tensor = type?.tensorType;
    if (tensor === undefined || ![1, 11].includes(tensor.elemType ?? 0)) {
      throw new RangeError(`${where} must be of float32 or float64 (element type ${tensor?.elemType ?? 'none'})`);
    }
    const dims = (tensor.shape?.dim ?? []).slice(1).map(({ dimValue = 0 }) => dimValue);
    const said = tensor.shape !== undefined && tensor.shape.dim!.length > 0 ? dims : null;
    const shape = given ?? said;
    const whole = shape?.every((size) => Number.isSafeInteger(size) && size > 0) ?? false;
    if (shape === null || shape.length >= maxDimensions || !whole) {
      throw new RangeError(`${where} leaves the shape of an example open; give inputShape`);
    }
    const fits = given === null || said === null ||
      (said.length === given.length && said.every((size, i) => size <= 0 || size === given[i]));
    if (!fits) throw new RangeError(`${where} has examples of ${shapeText(said!)}, inputShape is ${shapeText(given!)}`);
    reading.elements += product(shape);
    if (!(reading.elements <= 2 ** 28)) throw new RangeError(`${where} has examples of ${shapeText(shape)}, more than 2^28 numbers`);
    const symbol = new SymbolicValue(shape, null, []);
    define(reading, name, symbol);
    return symbol;
  });
}

function readNode(reading: Reading, message: Message<'Node'>, index: number): void {
  const node = new NodeToRead(reading, message, index);
  const { domain = '', opType = '' } = message;
  if (domain !== '' && domain !== 'ai.onnx') throw node.error(`operators of ${describe(domain)} are not read`);
  const read = Object.hasOwn(layerReaders, opType) ? layerReaders[opType] : operationReaders[opType];
  if (read === undefined || (!Object.hasOwn(layerReaders, opType) && !Object.hasOwn(operationReaders, opType))) {
    throw node.error(`the operator ${printable(opType, 40)} has no counterpart here`);
  }
  const [output = '', ...others] = node.outputs;
  if (others.some((name) => name !== '' && (reading.uses.get(name) ?? 0) > 0)) throw node.error('only the first output is read');
  define(reading, output, node.read(read));
}

/**
 * Decodes a file that carries a sample (as encodeOnnx writes it), computes the sample's outputs anew, and says how far
 * off they are. Throws as decodeOnnx does, and RangeError for a file without a sample or with one of other shapes.
 */
export function verifyOnnx(bytes: Uint8Array): Verification {
  const fn = 'verifyOnnx';
  const file = readModel(fn, bytes);
  const { sample } = readMetadata(fn, file.model.metadataProps!);
  return under(fn, () => verifySample(graphOf(fn, file, null), sample));
}
