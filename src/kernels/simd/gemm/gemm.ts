/**
 * Matrix kernels on the host side: which operand is broadcast, what gets packed, and how the result is cut into tasks.
 */

import { bytesOf, type FloatKind } from '../../../wasm/index.ts';
import type { MatrixKernels } from '../../contract.ts';
import { floatKind, form, launch, launched, type Place, scratch } from '../launch.ts';
import { gemmTuning } from '../tuning.ts';
import { columnSums, edgeBytes, gemm, gemmPack, panelPadding, tileVectorsOf, vectorOperand } from './gemm-kernels.ts';
import { gemmFlags } from './strips.ts';

/** The size of each of so many parts, all but the last a multiple of `multiple`. There may turn out to be fewer. */
function evenShare(size: number, parts: number, multiple: number): number {
  return Math.ceil(size / parts / multiple) * multiple;
}

/** Cuts a side into more parts while there are too few of them times the other side's and they are not too short. */
function cutFurther(size: number, parts: number, otherParts: number, wanted: number): number {
  while (parts * otherParts < wanted && size / (parts + 1) >= gemmTuning.leastSide) parts++;
  return parts;
}

/** A product out = a b, or many of them: m, n and k, and the number of products, are at least 1. */
export interface Product {
  /** (m, k), or (k, m) where it is given transposed */
  readonly a: Place;
  /** (k, n), or (n, k) where it is given transposed */
  readonly b: Place;
  readonly out: Place;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** adds to out */
  readonly accumulate?: boolean;
  /** n numbers that are added to every row, where b is not transposed */
  readonly bias?: Place | null;
  /** m numbers that are added to every column, where b is not transposed */
  readonly rowBias?: Place | null;
  /** max(..., 0) at the end, where b is not transposed */
  readonly relu?: boolean;
  readonly many?: Many;
}

/** So many products, each such a distance of elements behind the last. */
export interface Many {
  readonly count: number;
  readonly a: number;
  readonly b: number;
  readonly out: number;
  /** so many, one after the other, are added up, and out is the distance of the sums; 1 where it is left out */
  readonly summed?: number;
}

/** Computes a product inside a launch. */
export function launchProduct(float: FloatKind, product: Product): void {
  const { a, b, out, m, n, k, transposeA = false, transposeB = false, accumulate = false, many } = product;
  // The strips want an operand that is contiguous across the result. Where B is not (it is given transposed), the
  // product can be read as its transpose, out^T = op(b)^T op(a)^T, which makes A that operand; and if neither is
  // contiguous, the smaller one is packed by transposing.
  const swap = transposeB && (transposeA || m < n);
  const rows = swap ? n : m;
  const columns = swap ? m : n;
  const bytes = bytesOf(float);
  const aStride = bytes * (transposeA ? m : k);
  const bStride = bytes * (transposeB ? k : n);
  const sStride = swap ? bStride : aStride;
  const sAlong = swap ? transposeB : !transposeA; // contiguous along the depth
  const vAlong = swap ? !transposeA : transposeB;

  const depthBlock = evenShare(k, Math.ceil(k / gemmTuning.depthBlock), 4);
  const tileBytes = 16 * tileVectorsOf(form());
  // Columns are cut first: that repeats no packing where S is read directly.
  const { count: products = 1, summed = 1 } = many ?? {};
  const sums = Math.ceil(products / summed);
  const operations = 2 * rows * columns * k;
  const wanted = summed > 1 ? 1 : Math.min(gemmTuning.mostTasks / sums, operations / gemmTuning.taskOperations);
  const fewestRowParts = Math.ceil(rows / gemmTuning.taskRows);
  const columnParts = cutFurther(columns, Math.ceil(columns / gemmTuning.taskColumns), fewestRowParts, wanted);
  const rowParts = cutFurther(rows, fewestRowParts, columnParts, wanted);
  const rowsPerTask = Math.min(rows, evenShare(rows, rowParts, gemmTuning.tileRows));
  const columnsPerTask = evenShare(columns, columnParts, tileBytes / bytes);
  const rowTasks = Math.ceil(rows / rowsPerTask);
  const sumTasks = rowTasks * Math.ceil(columns / columnsPerTask);
  const vStride = swap ? aStride : bStride;
  const spread = vStride % 4096 === 0 ? 'oneSet' : vStride % 512 === 0 ? 'fewSets' : 'manySets';
  const packV = rows >= gemmTuning.leastRowsForPacking[spread];
  const vOrder = vAlong ? vectorOperand.along : packV ? vectorOperand.across : vectorOperand.direct;
  const touch = vOrder === vectorOperand.direct && spread === 'manySets' && rows >= gemmTuning.leastRowsForTouching
    && k * vStride >= gemmTuning.leastBytesForTouching;
  const panelBytes = depthBlock * tileBytes + panelPadding;
  const panels = Math.ceil((columnsPerTask * bytes) / tileBytes);
  const blockBytes = vOrder === vectorOperand.across ? panels * panelBytes : 0;

  // S is packed once where all products share it.
  let s = swap ? b : a;
  const sNext = (swap ? many?.b : many?.a) ?? 0;
  const enough = sAlong ? gemmTuning.leastColumnsForPackingRows : gemmTuning.leastColumnsForPacking;
  const packed = sNext === 0 && columns * products >= enough && rows >= gemmTuning.tileRows;
  const packHere = !packed && columnsPerTask >= enough;
  const packedTile = (packed ? k : depthBlock) * gemmTuning.tileRows * bytes + panelPadding;
  if (packed) {
    const tiles = Math.ceil(rows / gemmTuning.tileRows);
    const tilesPerTask = Math.ceil(gemmTuning.packedPerTask / (k * gemmTuning.tileRows));
    const to = scratch(tiles * packedTile);
    launch(gemmPack[float]).s(s).stride(sStride).along(sAlong).rows(rows).depth(k).to(to).packedTile(packedTile)
      .tilesPerTask(tilesPerTask).run(Math.ceil(tiles / tilesPerTask));
    s = to;
  }
  const packedBytes = packHere ? Math.ceil(rowsPerTask / gemmTuning.tileRows) * packedTile : 0;
  launch(gemm[float])
    .s(s).sRow(sAlong ? sStride : bytes).sStep(sAlong ? bytes : sStride).packed(packed).packHere(packHere)
    .packedTile(packedTile)
    .v(swap ? a : b).vStride(vStride).vOrder(vOrder)
    .out(out, accumulate).outRow(swap ? bytes : n * bytes).outColumn(swap ? n * bytes : bytes).transposed(swap)
    .bias(product.bias ?? null).rowBias(product.rowBias ?? null)
    .flags((accumulate ? gemmFlags.accumulate : 0) | (product.relu ? gemmFlags.relu : 0)
      | (touch ? gemmFlags.touch : 0))
    .rows(rows).columns(columns).depth(k).depthBlock(depthBlock).blockBytes(blockBytes)
    .rowsPerTask(rowsPerTask).columnsPerTask(columnsPerTask).rowTasks(rowTasks)
    .sumTasks(sumTasks).products(products).summed(summed).sNext(sNext * bytes)
    .vNext(((swap ? many?.a : many?.b) ?? 0) * bytes).outNext((many?.out ?? 0) * bytes)
    .scratch(edgeBytes + depthBlock * tileBytes + blockBytes + packedBytes)
    .run(sums * sumTasks);
}

/** out (columns) = column sums of x (rows, columns), inside a launch. */
export function launchColumnSums(float: FloatKind, x: Place, out: Place, rows: number, columns: number): void {
  const columnsPerTask = evenShare(columns, Math.ceil(columns / Math.max(64, 65_536 / rows)), 16);
  launch(columnSums[float]).x(x).out(out).rows(rows).columns(columns).columnsPerTask(columnsPerTask)
    .run(Math.ceil(columns / columnsPerTask));
}

export const gemmKernels: MatrixKernels = {
  gemm: launched((a, b, out, m, n, k, transposeA, transposeB, accumulate) => {
    if (m === 0 || n === 0) return;
    if (k > 0) launchProduct(floatKind(out), { a, b, out, m, n, k, transposeA, transposeB, accumulate });
    else if (!accumulate) out.fill(0);
  }),

  affineForward: launched((x, w, b, out, n, d, m, epilogue) => {
    if (n === 0 || m === 0) return;
    const relu = epilogue.relu === true;
    if (d > 0) return launchProduct(floatKind(out), { a: x, b: w, out, m: n, n: m, k: d, bias: b, relu });
    for (let i = 0; i < n; i++) out.set(b, i * m);
    if (relu) out.forEach((value, i) => (out[i] = value < 0 ? 0 : value));
  }),

  affineBackward: launched((dout, x, w, dx, dw, db, n, d, m) => {
    if (n === 0 || d === 0 || m === 0) {
      dx?.fill(0);
      dw.fill(0);
      db.fill(0);
      return;
    }
    const float = floatKind(dw);
    launchColumnSums(float, dout, db, n, m);
    launchProduct(float, { a: x, b: dout, out: dw, m: d, n: m, k: n, transposeA: true });
    if (dx !== null) launchProduct(float, { a: dout, b: w, out: dx, m: n, n: d, k: m, transposeB: true });
  }),
};
