/**
 * State as a tree: objects and lists with tensors, numbers, text, booleans and null at their ends. Everything that a
 * checkpoint holds is one such tree. It becomes a safetensors file: the tensors under the names of their paths
 * (`params/W1`), the rest as JSON in the metadata, with a reference where a tensor was. The last tensor is a checksum:
 * the last four bytes of the file are the CRC-32 of all before them, so that a file altered anywhere is refused.
 */

import type { Bytes } from '../io/bytes.ts';
import { crc32 } from '../io/crc32.ts';
import { decodeFor, encodeSafetensors } from '../io/safetensors.ts';
import { checkStructure, parseJson } from '../io/json.ts';
import type { StateTree } from '../models/model.ts';
import { describe } from '../runtime/check.ts';
import { printable } from '../runtime/text.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Deeper nesting is refused: it stops objects that contain themselves. */
const maxDepth = 32;

/** How JSON refers to a tensor of the file, and to the numbers that it has no notation for. */
const tensorKey = '$tensor';
const numberKey = '$number';
const specialNumbers: ReadonlyMap<string, number> = new Map([
  ['NaN', NaN], ['Infinity', Infinity], ['-Infinity', -Infinity], ['-0', -0],
]);

/** The tensor of the checksum, uint8 (4). Its elements are the smallest there are, so it lies last if it comes last. */
const checksumName = 'crc32';
const checksumBytes = 4;

/** A copy that shares no memory with the tree: later training does not change it. */
export function copyTree<T extends StateTree>(tree: T): T {
  return mapTree(tree as StateTree, (leaf) => (leaf instanceof Tensor ? leaf.clone() : leaf)) as T;
}

/**
 * Encodes a tree, with further texts for the metadata. `label` says what the file is, and is verified by `decodeTree`.
 * Throws TypeError, with fn in front, for anything that a tree cannot hold (functions, class instances, itself).
 */
export function encodeTree(
  fn: string, label: string, tree: StateTree, metadata: Readonly<Record<string, string>> = {},
): Bytes {
  const tensors: Record<string, Tensor> = {};
  const json = mapTree(tree, (leaf, path) => {
    if (leaf instanceof Tensor) {
      const name = freeName(tensors, path.join('/'));
      tensors[name] = leaf;
      return { [tensorKey]: name };
    }
    if (typeof leaf === 'number' && !(Number.isFinite(leaf) && !Object.is(leaf, -0))) {
      return { [numberKey]: Object.is(leaf, -0) ? '-0' : String(leaf) };
    }
    return leaf;
  }, fn);
  const text = JSON.stringify(json);
  checkStructure(`${fn}: the ${label}`, text, maxDepth + 1); // what is written can be read
  tensors[freeName(tensors, checksumName)] = new Tensor(new Uint8Array(checksumBytes));
  const file = encodeSafetensors(tensors, { ...metadata, [label]: text });
  checksumOf(file).setUint32(0, crc32(file.subarray(0, -checksumBytes)), true);
  return file;
}

/** The file's last four bytes. */
function checksumOf(file: Uint8Array): DataView {
  return new DataView(file.buffer, file.byteOffset + file.length - checksumBytes, checksumBytes);
}

/** Two paths may join to one name ('a/b' and 'a' with 'b'). */
function freeName(tensors: Record<string, Tensor>, wanted: string): string {
  let name = wanted;
  for (let n = 2; name in tensors; n++) name = `${wanted}#${n}`;
  return name;
}

/**
 * Decodes what encodeTree wrote under the same label. Throws TypeError unless bytes is a Uint8Array, RangeError for a
 * file in which any byte was altered, one of another label, and references that lead nowhere.
 */
export function decodeTree(fn: string, label: string, bytes: Uint8Array): StateTree {
  const { tensors, metadata } = decodeFor(fn, bytes);
  if (!Object.hasOwn(metadata, label)) throw new RangeError(`${fn}: the file is not a ${label}`);
  if (checksumOf(bytes).getUint32(0, true) !== crc32(bytes.subarray(0, -checksumBytes))) {
    throw new RangeError(`${fn}: the ${label} is damaged (its checksum does not match its contents)`);
  }
  // A reference to a tensor is one level more.
  const json = parseJson(`${fn}: the ${label} is damaged: its metadata`, metadata[label], maxDepth + 1) as StateTree;
  return mapTree(json, (leaf) => leaf, fn, (object) => {
    const [[key, value], ...more] = Object.entries(object);
    if (more.length > 0 || typeof value !== 'string') return undefined;
    if (key === tensorKey && Object.hasOwn(tensors, value)) return tensors[value];
    if (key === numberKey) return specialNumbers.get(value);
    return undefined;
  });
}

/**
 * Copies a tree with every leaf, met with the keys that lead to it, replaced by what `leaf` makes of it. `resolve` may
 * turn a whole object into a leaf; undefined leaves it alone.
 */
export function mapTree(
  tree: StateTree, leaf: (value: StateTree, path: readonly string[]) => StateTree, fn: string = 'copyTree',
  resolve: (object: Record<string, StateTree>) => StateTree = () => undefined,
): StateTree {
  const visit = (value: StateTree, path: readonly string[]): StateTree => {
    if (path.length > maxDepth) throw new RangeError(`${fn}: state is nested deeper than ${maxDepth} levels`);
    if (Array.isArray(value)) {
      return (value as readonly StateTree[]).map((item, i) => visit(item, [...path, String(i)]));
    }
    if (isPlainObject(value)) {
      const resolved = Object.keys(value).length === 0 ? undefined : resolve(value);
      if (resolved !== undefined) return resolved;
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item, [...path, key])]));
    }
    const plain = value === null || ['number', 'string', 'boolean', 'undefined'].includes(typeof value);
    if (!plain && !(value instanceof Tensor)) {
      throw new TypeError(`${fn}: state must hold tensors and plain data, got ${describe(value)} at ${printable(path.join('/'))}`);
    }
    return leaf(value, path);
  };
  return visit(tree, []);
}

/** True for an object literal: not a list, a tensor or an instance of a class. */
export function isPlainObject(value: unknown): value is Record<string, StateTree> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
