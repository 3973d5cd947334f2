/** What an exported file says of itself beside the graph: class names, preprocessing, and a sample to verify it by. */

import { describe } from '../../runtime/check.ts';
import { sizeOf } from '../../tensor/shape.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { contiguousData } from '../../tensor/internal.ts';
import { elementBytes, readElements } from '../elements.ts';
import { parseJson } from '../json.ts';
import type { Sample } from '../sample.ts';
import type { Message } from './messages.ts';

export interface OnnxMetadata {
  /** the names of the classes in the order of the scores; null where the file has none */
  readonly classNames: readonly string[] | null;
  /** what examples are prepared with, (x - mean) / std: one number, one a channel, or as many as an example has */
  readonly mean: Tensor | null;
  readonly std: Tensor | null;
  /** whether the graph itself does that */
  readonly preprocessingInGraph: boolean;
  /** an input and the output that the exported model had for it; null where the file has none */
  readonly sample: Sample | null;
  /** all entries of the file by key, as text */
  readonly entries: Readonly<Record<string, string>>;
}

const keys = {
  classNames: 'tilegrad.class_names', mean: 'tilegrad.mean', std: 'tilegrad.std',
  inGraph: 'tilegrad.preprocessing_in_graph', inputs: 'tilegrad.sample_inputs', outputs: 'tilegrad.sample_outputs',
} as const;

/** A tensor as JSON: its shape, its type, and its elements little-endian as base64. */
function tensorText(t: Tensor): { shape: readonly number[]; dtype: string; data: string } {
  const bytes = elementBytes(contiguousData(t));
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return { shape: t.shape, dtype: t.dtype, data: btoa(text) };
}

/** The entries of metadata_props for what was given. */
export function metadataEntries(
  given: Pick<OnnxMetadata, 'classNames' | 'mean' | 'std' | 'preprocessingInGraph' | 'sample'>,
): Array<Message<'Entry'>> {
  const { classNames, mean, std, preprocessingInGraph, sample } = given;
  const values: Array<[key: string, value: unknown]> = [];
  if (classNames !== null) values.push([keys.classNames, classNames]);
  if (mean !== null) values.push([keys.mean, tensorText(mean)]);
  if (std !== null) values.push([keys.std, tensorText(std)]);
  if (preprocessingInGraph) values.push([keys.inGraph, true]);
  if (sample !== null) {
    values.push([keys.inputs, sample.inputs.map(tensorText)], [keys.outputs, sample.outputs.map(tensorText)]);
  }
  return values.map(([key, value]) => ({ key, value: JSON.stringify(value) }));
}

/** What the entries say. Throws RangeError for one of ours that is not as it is written. */
export function readMetadata(fn: string, list: ReadonlyArray<Message<'Entry'>>): OnnxMetadata {
  const entries = Object.fromEntries(list.map(({ key = '', value = '' }) => [key, value]));
  const read = <T>(key: string, make: (value: unknown, where: string) => T): T | null => {
    const where = `${fn}: metadata ${key}`;
    return Object.hasOwn(entries, key) ? make(parseJson(where, entries[key], 3), where) : null;
  };
  const inputs = read(keys.inputs, (value, where) => listOf(value, where).map((each) => readTensor(each, where)));
  const outputs = read(keys.outputs, (value, where) => listOf(value, where).map((each) => readTensor(each, where)));
  return {
    classNames: read(keys.classNames, (value, where) => listOf(value, where).map((name) => {
      if (typeof name !== 'string') throw new RangeError(`${where} must be names, got ${describe(name)}`);
      return name;
    })),
    mean: read(keys.mean, readTensor),
    std: read(keys.std, readTensor),
    preprocessingInGraph: read(keys.inGraph, (value) => value === true) ?? false,
    sample: inputs === null || outputs === null ? null : { inputs, outputs },
    entries,
  };
}

function listOf(value: unknown, where: string): unknown[] {
  if (!Array.isArray(value)) throw new RangeError(`${where} must be a list, got ${describe(value)}`);
  return value;
}

function readTensor(value: unknown, where: string): Tensor {
  const { shape, dtype, data } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const good = Array.isArray(shape) && shape.every((size) => Number.isSafeInteger(size) && size >= 0) &&
    shape.length <= 32 && (dtype === 'float32' || dtype === 'float64') && typeof data === 'string';
  if (!good) throw new RangeError(`${where} must hold tensors of float32 or float64 with shape and data`);
  let text: string;
  try {
    text = atob(data);
  } catch {
    throw new RangeError(`${where} has data that are not base64`);
  }
  const sizes = shape as number[];
  if (text.length !== sizeOf(sizes) * (dtype === 'float32' ? 4 : 8)) {
    throw new RangeError(`${where} has ${text.length} bytes for the shape [${sizes}]`);
  }
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  return new Tensor(readElements(where, bytes, dtype, true), sizes);
}
