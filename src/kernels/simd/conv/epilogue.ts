/** The table of scales and biases that the convolution kernels end with. */

import type { FloatArray } from '../../contract.ts';
import { residentArray } from '../../memory/allocate.ts';

/** Bytes of zeros at the head of every table: what stands for filters that do not exist. */
export const nothingBytes = 64;

/** The tables of each element size by their blocks of 4 filters: in the heap where it has room. */
const tables: Readonly<Record<number, Map<number, FloatArray>>> = { 4: new Map(), 8: new Map() };
const mostTables = 64;

/**
 * 64 zero bytes, then for every block of 4 filters 4 scales and 4 biases; scale null counts as 1, bias null as 0, and
 * so do filters beyond `filters` up to a multiple of 8. The table is the same array at every call of one size.
 */
export function epilogueTable(
  like: FloatArray, filters: number, scale: FloatArray | null | undefined, bias: FloatArray | null,
): FloatArray {
  const head = nothingBytes / like.BYTES_PER_ELEMENT;
  const blocks = 2 * Math.ceil(filters / 8);
  const known = tables[like.BYTES_PER_ELEMENT];
  let table = known.get(blocks);
  if (table === undefined) {
    if (known.size >= mostTables) known.clear();
    table = residentArray(like instanceof Float32Array ? 'float32' : 'float64', head + blocks * 8) as FloatArray;
    known.set(blocks, table);
  }
  for (let filter = 0; filter < 4 * blocks; filter++) {
    const at = head + (filter >> 2) * 8 + (filter & 3);
    const exists = filter < filters;
    table[at] = exists && scale ? scale[filter] : 1;
    table[at + 4] = exists && bias !== null ? bias[filter] : 0;
  }
  return table;
}
