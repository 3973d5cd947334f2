/** The table of scales and biases that the convolution kernels end with. */

import { roundUp } from '../../../runtime/numbers.ts';
import type { FloatArray } from '../../contract.ts';

/** Bytes of zeros at the head of every table: what stands for the taps (up to 5x5) of filters that do not exist. */
export const nothingBytes = 128;

const tables: Map<string, FloatArray> = new Map();
const mostTables = 64;

/**
 * Zeros, then for every block of 4 filters 4 scales and 4 biases; scale null counts as 1, bias null as 0, and
 * so do filters beyond a group's up to a multiple of 8, with which every group ends. The table is the same array at
 * every call of one size.
 */
export function epilogueTable(
  like: FloatArray, filters: number, scale: FloatArray | null | undefined, bias: FloatArray | null, groups: number = 1,
): FloatArray {
  const head = nothingBytes / like.BYTES_PER_ELEMENT;
  const perGroup = filters / groups;
  const rounded = roundUp(perGroup, 8);
  const blocks = groups * rounded / 4;
  const key = `${like.BYTES_PER_ELEMENT} ${blocks}`;
  let table = tables.get(key);
  if (table === undefined) {
    if (tables.size >= mostTables) tables.clear();
    const length = head + blocks * 8;
    table = like instanceof Float32Array ? new Float32Array(length) : new Float64Array(length);
    tables.set(key, table);
  }
  for (let i = 0; i < 4 * blocks; i++) {
    const at = head + (i >> 2) * 8 + (i & 3);
    const exists = i % rounded < perGroup;
    const filter = Math.floor(i / rounded) * perGroup + i % rounded;
    table[at] = exists && scale ? scale[filter] : 1;
    table[at + 4] = exists && bias !== null ? bias[filter] : 0;
  }
  return table;
}
