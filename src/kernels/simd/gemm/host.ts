/**
 * Matrix kernels on the host side: which operand is broadcast, what gets packed, and how the result is cut into tasks.
 */

import type { FloatKind } from '../../../wasm/index.ts';
import type { MatrixKernels } from '../../contract.ts';
import { beginLaunch, floatKind, type Launch } from '../launch.ts';
import { kernelIndex, usesRelaxed } from '../module.ts';
import { gemmTileVectors, gemmTuning } from '../tuning.ts';
import { columnSumName, columnSumSlots, edgeBytes, gemmName, gemmSlots, panelPadding, vectorOperand } from './kernels.ts';
import { gemmFlags } from './strips.ts';

/** A product to launch: addresses instead of arrays, the rest as in MatrixKernels.gemm. */
export interface Product {
  readonly float: FloatKind;
  readonly a: number;
  readonly b: number;
  readonly out: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly accumulate: boolean;
  /** address of n elements that are added to every row, or 0 */
  readonly bias: number;
  readonly relu: boolean;
}

/** The size of each of so many parts, all but the last a multiple of `multiple`. There may turn out to be fewer. */
function evenShare(size: number, parts: number, multiple: number): number {
  return Math.ceil(size / parts / multiple) * multiple;
}

/** Into how many parts rows and columns are cut. Columns first: that repeats no packing where S is read directly. */
function cutIntoTasks(rows: number, columns: number, depth: number): { rowParts: number; columnParts: number } {
  const { taskRows, taskColumns, taskOperations, mostTasks, leastSide } = gemmTuning;
  let rowParts = Math.ceil(rows / taskRows);
  let columnParts = Math.ceil(columns / taskColumns);
  const wanted = Math.min(mostTasks, (2 * rows * columns * depth) / taskOperations);
  while (rowParts * columnParts < wanted) {
    if (columns / (columnParts + 1) >= leastSide) columnParts++;
    else if (rows / (rowParts + 1) >= leastSide) rowParts++;
    else break;
  }
  return { rowParts, columnParts };
}

/** Runs the jobs of a product inside a launch. m, n and k must be at least 1. */
export function launchProduct(launch: Launch, product: Product): void {
  const { float, transposeA, transposeB, m, n, k } = product;
  // The strips want an operand that is contiguous across the result. Where B is not (it is given transposed), the
  // product can be read as its transpose, out^T = op(b)^T op(a)^T, which makes A that operand; and if neither is
  // contiguous, the smaller one is packed by transposing.
  const swap = transposeB && (transposeA || m < n);
  const rows = swap ? n : m;
  const columns = swap ? m : n;
  const bytes = float === 'f32' ? 4 : 8;
  const aStride = bytes * (transposeA ? m : k);
  const bStride = bytes * (transposeB ? k : n);
  const [sStride, vStride] = swap ? [bStride, aStride] : [aStride, bStride];
  const sAlong = swap ? transposeB : !transposeA; // contiguous along the depth
  const vAlong = swap ? !transposeA : transposeB;

  const depthBlock = evenShare(k, Math.ceil(k / gemmTuning.depthBlock), 4);
  const tileBytes = 16 * gemmTileVectors(float, usesRelaxed());
  const { rowParts, columnParts } = cutIntoTasks(rows, columns, k);
  const rowsPerTask = Math.min(rows, evenShare(rows, rowParts, gemmTuning.tileRows));
  const columnsPerTask = evenShare(columns, columnParts, tileBytes / bytes);
  const rowTasks = Math.ceil(rows / rowsPerTask);
  const tasks = rowTasks * Math.ceil(columns / columnsPerTask);
  const packS = !sAlong && columns >= gemmTuning.leastColumnsForPacking;
  const packV = rows >= gemmTuning.leastRowsForPacking;
  const packedTiles = packS ? Math.ceil(rowsPerTask / gemmTuning.tileRows) : 0;
  const packedBytes = packedTiles * (depthBlock * gemmTuning.tileRows * bytes + panelPadding);
  const vOrder = vAlong ? vectorOperand.along : packV ? vectorOperand.across : vectorOperand.direct;
  const panelBytes = depthBlock * tileBytes + panelPadding;
  const panels = Math.ceil((columnsPerTask * bytes) / tileBytes);
  const blockBytes = vOrder === vectorOperand.across ? panels * panelBytes : 0;
  const scratchBytes = edgeBytes + depthBlock * gemmTuning.widestTile * 16 + blockBytes + packedBytes;

  const set = (name: Parameters<typeof gemmSlots.set>[1], value: number): void => gemmSlots.set(launch, name, value);
  set('s', swap ? product.b : product.a);
  set('sRow', sAlong ? sStride : bytes);
  set('sStep', sAlong ? bytes : sStride);
  set('packS', packS ? 1 : 0);
  set('v', swap ? product.a : product.b);
  set('vStride', vStride);
  set('vOrder', vOrder);
  set('out', product.out);
  set('outRow', swap ? bytes : n * bytes);
  set('outColumn', swap ? n * bytes : bytes);
  set('transposed', swap ? 1 : 0);
  set('bias', product.bias);
  set('flags', (product.accumulate ? gemmFlags.accumulate : 0) | (product.relu ? gemmFlags.relu : 0));
  set('rows', rows);
  set('columns', columns);
  set('depth', k);
  set('rowsPerTask', rowsPerTask);
  set('columnsPerTask', columnsPerTask);
  set('rowTasks', rowTasks);
  set('depthBlock', depthBlock);
  set('scratch', launch.scratchPerThread(scratchBytes, tasks));
  set('blockBytes', blockBytes);
  set('scratchBytes', Math.ceil(scratchBytes / 64) * 64);
  launch.run(kernelIndex(gemmName(float, usesRelaxed())), tasks);
}

/** Runs the job out (columns) = column sums of x (rows, columns) inside a launch; both are addresses. */
export function launchColumnSums(
  launch: Launch, float: FloatKind, x: number, out: number, rows: number, columns: number,
): void {
  const columnsPerTask = evenShare(columns, Math.ceil(columns / Math.max(64, 65_536 / rows)), 16);
  columnSumSlots.set(launch, 'x', x);
  columnSumSlots.set(launch, 'out', out);
  columnSumSlots.set(launch, 'rows', rows);
  columnSumSlots.set(launch, 'columns', columns);
  columnSumSlots.set(launch, 'columnsPerTask', columnsPerTask);
  launch.run(kernelIndex(columnSumName(float)), Math.ceil(columns / columnsPerTask));
}

export const gemmKernels: MatrixKernels = {
  gemm(a, b, out, m, n, k, transposeA, transposeB, accumulate) {
    if (m === 0 || n === 0) return;
    if (k === 0) {
      if (!accumulate) out.fill(0);
      return;
    }
    const launch = beginLaunch();
    try {
      launchProduct(launch, {
        float: floatKind(out), a: launch.input(a), b: launch.input(b),
        out: accumulate ? launch.inout(out) : launch.output(out),
        m, n, k, transposeA, transposeB, accumulate, bias: 0, relu: false,
      });
    } finally {
      launch.finish();
    }
  },

  affineForward(x, w, b, out, n, d, m, epilogue) {
    if (n === 0 || m === 0) return;
    if (d === 0) {
      for (let i = 0; i < n; i++) out.set(b, i * m);
      if (epilogue.relu === true) out.forEach((value, i) => (out[i] = value < 0 ? 0 : value));
      return;
    }
    const launch = beginLaunch();
    try {
      launchProduct(launch, {
        float: floatKind(out), a: launch.input(x), b: launch.input(w), out: launch.output(out),
        m: n, n: m, k: d, transposeA: false, transposeB: false, accumulate: false,
        bias: launch.input(b), relu: epilogue.relu === true,
      });
    } finally {
      launch.finish();
    }
  },

  affineBackward(dout, x, w, dx, dw, db, n, d, m) {
    if (n === 0 || d === 0 || m === 0) {
      dx?.fill(0);
      dw.fill(0);
      db.fill(0);
      return;
    }
    const launch = beginLaunch();
    try {
      const float = floatKind(dw);
      const doutAt = launch.input(dout);
      const plain = { float, accumulate: false, bias: 0, relu: false };
      launchColumnSums(launch, float, doutAt, launch.output(db), n, m);
      launchProduct(launch, {
        ...plain, a: launch.input(x), b: doutAt, out: launch.output(dw), m: d, n: m, k: n, transposeA: true, transposeB: false,
      });
      if (dx !== null) {
        launchProduct(launch, {
          ...plain, a: doutAt, b: launch.input(w), out: launch.output(dx), m: n, n: d, k: m, transposeA: false, transposeB: true,
        });
      }
    } finally {
      launch.finish();
    }
  },
};
