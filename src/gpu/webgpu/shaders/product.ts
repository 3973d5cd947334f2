/**
 * The tiled product, from which matrix products and convolutions are made.
 *
 * out = left right has rows * columns elements, each a sum of `inner` products. If every invocation fetched what it
 * needs, each element of left would be fetched `columns` times. So a workgroup of 8 x 8 invocations computes a tile of
 * 32 x 32 elements together. It walks along the inner axis in stretches of 16; each time it brings a strip of left and
 * one of right into the workgroup's shared memory, where all invocations find what they need:
 *
 *   for each stretch of 16 along the inner axis:
 *     bring 32 rows of left and 32 columns of right, 8 elements an invocation   | barrier: both strips are complete
 *     block += products of the strips                                           | barrier: nobody still reads them
 *
 * An invocation computes a block of 4 x 4 elements: 8 numbers from shared memory then serve 16 products, and every
 * element that was fetched from afar serves 32.
 *
 * What left and right are is said by three functions. For a matrix product they read arrays. For a convolution, right
 * is the matrix of all windows (im2col), which is never written anywhere: its elements are gathered from the image as
 * they are asked for. The products of one stretch are summed by themselves before they join the others, which keeps the
 * rounding errors of long sums small.
 */

import { type Access, type Groups, mostGroups, type Shader, shader } from '../shader.ts';

/** Rows and columns of a workgroup's tile, of an invocation's block, and the length of a stretch. */
const tile = 32;
const block = 4;
const stretch = 16;
const side = tile / block;

/** What a product is made of: WGSL functions of row, column, place p on the inner axis, and of `part`. */
export interface ProductParts<Buffer extends string, Size extends string> {
  readonly name: string;
  readonly buffers: Readonly<Record<Buffer, Access>>;
  readonly sizes: readonly Size[];
  /** returns the element of left at (row, p) */
  readonly left: string;
  /** returns the element of right at (p, column) */
  readonly right: string;
  /** stores `sum`, the element of out at (row, column) */
  readonly store: string;
}

type ProductSize = 'rows' | 'columns' | 'inner';

/** `parts` independent products of equal sizes are computed by one dispatch, one for each group of a convolution. */
export function productShader<Buffer extends string, Size extends string>(
  { name, buffers, sizes, left, right, store }: ProductParts<Buffer, Size>,
): Shader<Buffer, Size | ProductSize> {
  return shader({
    name, buffers, sizes: ['rows', 'columns', 'inner', ...sizes] as const,
    code: `
fn left(part: i32, row: i32, p: i32) -> f32 {
  ${left}
}
fn right(part: i32, p: i32, column: i32) -> f32 {
  ${right}
}
fn store(part: i32, row: i32, column: i32, sum: f32) {
  ${store}
}

var<workgroup> leftStrip: array<f32, ${tile * stretch}>;
var<workgroup> rightStrip: array<f32, ${tile * stretch}>;

@compute @workgroup_size(${side}, ${side})
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) index: u32,
) {
  let part = i32(group.z);
  let firstRow = i32(group.y) * ${tile};
  let blockRow = i32(local.y) * ${block};
  let blockColumn = i32(local.x) * ${block};
  // there may be more tiles along the columns than a dispatch may have workgroups
  for (var firstColumn = i32(group.x) * ${tile}; firstColumn < g.columns; firstColumn += i32(groups.x) * ${tile}) {
    var sums = mat4x4f(); // sums[i][j] is the element at row i and column j of the block
    for (var start = 0; start < g.inner; start += ${stretch}) {
      for (var k = i32(index); k < ${tile * stretch}; k += ${side * side}) {
        let row = firstRow + k / ${stretch};
        let leftPlace = start + k % ${stretch};
        var element = 0.0;
        if (row < g.rows && leftPlace < g.inner) { element = left(part, row, leftPlace); }
        leftStrip[k % ${stretch} * ${tile} + k / ${stretch}] = element;
        let column = firstColumn + k % ${tile};
        let rightPlace = start + k / ${tile};
        element = 0.0;
        if (column < g.columns && rightPlace < g.inner) { element = right(part, rightPlace, column); }
        rightStrip[k] = element;
      }
      workgroupBarrier();
      var short = mat4x4f();
      for (var p = 0; p < ${stretch}; p++) {
        let l = p * ${tile} + blockRow;
        let r = p * ${tile} + blockColumn;
        let columns = vec4f(rightStrip[r], rightStrip[r + 1], rightStrip[r + 2], rightStrip[r + 3]);
        short += mat4x4f(
          leftStrip[l] * columns, leftStrip[l + 1] * columns, leftStrip[l + 2] * columns, leftStrip[l + 3] * columns,
        );
      }
      sums += short;
      workgroupBarrier();
    }
    for (var i = 0; i < ${block}; i++) {
      for (var j = 0; j < ${block}; j++) {
        let row = firstRow + blockRow + i;
        let column = firstColumn + blockColumn + j;
        if (row < g.rows && column < g.columns) { store(part, row, column, sums[i][j]); }
      }
    }
  }
}`,
  });
}

/** The workgroups of a product. */
export function productGroups(rows: number, columns: number, parts: number = 1): Groups {
  return [Math.min(Math.ceil(columns / tile), mostGroups), Math.ceil(rows / tile), parts];
}
