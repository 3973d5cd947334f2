/** An ONNX file as the messages that it holds, and what it says of itself. */

import { checkBytes, formatHint } from '../bytes.ts';
import { type OnnxMetadata, readMetadata } from './metadata.ts';
import type { Message } from './messages.ts';
import { decodeMessage } from './protobuf.ts';

/** Reads the messages of a file. Throws TypeError unless bytes is a Uint8Array, RangeError for what is no ONNX file. */
export function readModel(fn: string, bytes: Uint8Array): { model: Message<'Model'>; graph: Message<'Graph'> } {
  checkBytes(fn, bytes);
  if (bytes.length === 0) throw new RangeError(`${fn}: the file is empty`);
  const hint = formatHint(bytes);
  if (hint !== '') throw new RangeError(`${fn}: not an ONNX file${hint}`);
  const model = decodeMessage(fn, 'Model', bytes);
  if (model.graph === undefined) throw new RangeError(`${fn}: the file is damaged or no ONNX file: it holds no graph`);
  return { model, graph: model.graph };
}

/**
 * What an ONNX file says of itself: class names, preprocessing, a sample input with its output. Of files that others
 * wrote only `entries` are known. Throws TypeError unless bytes is a Uint8Array, RangeError for a damaged file.
 */
export function onnxMetadata(bytes: Uint8Array): OnnxMetadata {
  const fn = 'onnxMetadata';
  return readMetadata(fn, readModel(fn, bytes).model.metadataProps ?? []);
}
