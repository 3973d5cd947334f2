/**
 * Matrix multiplication as jobs. A task computes a rectangle of the result over the whole depth:
 *
 *   for each block of the depth                                      (partial sums of the result wait in memory)
 *     pack the task's columns of V, where that pays                 (second-level cache)
 *     for each panel of columns of V                                 (first-level cache)
 *       for each tile of rows: the strip                             (registers)
 *
 * Before that, where it pays, a job of its own packs S into tiles, which all tasks read.
 *
 * Products of many matrices of one size are one job. Each has tasks of its own; or every task goes through several and
 * adds them up, and packs its rows of S itself, a block at a time.
 */

import {
  type Body, bytesOf, constant, defineFunction, type FloatKind, type FunctionReference, lanesOf, load, type Local,
  type ModuleBuilder, scale, select, vectorOf,
} from '../../../wasm/index.ts';
import type { KernelForm } from '../../team/part.ts';
import { type Arguments, type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import { gemmTuning } from '../tuning.ts';
import { eachPiece, least, shareOf, zero } from '../vectors.ts';
import { emitPacking, type Packing } from './packing.ts';
import { emitStrips, gemmFlags, type Strips } from './strips.ts';

const { tileRows } = gemmTuning;

/** How many vectors a tile of this form of the kernels has across. */
export function tileVectorsOf({ wide }: Pick<KernelForm, 'wide'>): number {
  return wide ? gemmTuning.tileVectors.wide : gemmTuning.tileVectors.plain;
}

/** How the vector operand reaches the strips. */
export const vectorOperand = {
  /** contiguous across and read where it lies; only a last, incomplete panel is packed */
  direct: 0,
  /** contiguous across, packed */
  across: 1,
  /** contiguous along the depth, packed by transposing */
  along: 2,
} as const;

const gemmArguments = {
  /** the scalar operand, and its distances from row to row and along the depth */
  s: 'input', sRow: 'i32', sStep: 'i32',
  /** packed: it comes in tiles, so far apart; packHere: tasks are to pack it into such tiles */
  packed: 'flag', packHere: 'flag', packedTile: 'i32',
  /** the vector operand, the distance of its rows (of its columns, where it is contiguous along the depth) */
  v: 'input', vStride: 'i32', vOrder: 'i32',
  /** transposed: rows of the product are columns of the result */
  out: 'inout', outRow: 'i32', outColumn: 'i32', transposed: 'flag',
  /** what is added to every row of the product: one number a column; or to every column: one number a row */
  bias: 'input?', rowBias: 'input?', flags: 'i32',
  rows: 'i32', columns: 'i32', depth: 'i32', depthBlock: 'i32',
  rowsPerTask: 'i32', columnsPerTask: 'i32', rowTasks: 'i32',
  /** tasks of one sum, products of all and of one sum, the distances from product to product and from sum to sum */
  sumTasks: 'i32', products: 'i32', summed: 'i32', sNext: 'i32', vNext: 'i32', outNext: 'i32',
  /** blockBytes: those that packed panels of V take of it */
  scratch: 'perThread', blockBytes: 'i32',
} as const;
export const gemm: FloatKernels<typeof gemmArguments> = floatKernels('gemm', gemmArguments);

const packArguments = {
  /** along: rows of S are contiguous, so the distance is from row to row; else along the depth */
  s: 'input', stride: 'i32', along: 'flag', rows: 'i32', depth: 'i32', to: 'scratch', packedTile: 'i32',
  tilesPerTask: 'i32',
} as const;
/** Packs S into tiles: element (p, i) of a tile at p * tileRows + i. */
export const gemmPack: FloatKernels<typeof packArguments> = floatKernels('gemm_pack', packArguments);

const columnSumArguments = { x: 'input', out: 'output', rows: 'i32', columns: 'i32', columnsPerTask: 'i32' } as const;
export const columnSums: FloatKernels<typeof columnSumArguments> = floatKernels('column_sums', columnSumArguments);

/** Bytes between packed panels, so that they do not compete for the same sets of a cache. */
export const panelPadding = 64;

/** Room for the widest tile of any form. */
export const edgeBytes: number = tileRows * gemmTuning.tileVectors.wide * 16;

/** Adds the kernels of the family: gemm and column sums for float32 and float64. */
export function emitGemm(kernels: KernelBuilder): void {
  const { module } = kernels;
  const tileVectors = tileVectorsOf(kernels);
  for (const float of ['f32', 'f64'] as const) {
    const strips = emitStrips(module, float, kernels, tileRows, tileVectors);
    const packing = emitPacking(module, float, tileRows, tileVectors);
    const packRows = emitPackRows(module, float, packing);
    // Task: tilesPerTask tiles.
    kernels.define(gemmPack[float], (f, a, task) => {
      const [row, end] = shareOf(f, task, scale(a.tilesPerTask, tileRows), a.rows);
      const from = a.s.add(row.mul(select(a.along, a.stride, constant('i32', bytesOf(float)))));
      const to = a.to.add(task.mul(a.tilesPerTask).mul(a.packedTile));
      f.call(packRows, from, a.stride, a.along, end.sub(row), a.depth, to, a.packedTile);
    });
    kernels.define(gemm[float], (f, a, task) =>
      writeGemm(f, a, task, float, tileVectors, { strips, packing, packRows }));
    kernels.define(columnSums[float], (f, a, task) => writeColumnSums(f, a, task, float));
  }
}

/** packRows(s, stride, along, rows, depth, to, packedTile): rows of S into tiles, the last of which may lack some. */
function emitPackRows(module: ModuleBuilder, float: FloatKind, packing: Packing): FunctionReference {
  const bytes = bytesOf(float);
  const lanes = lanesOf(vectorOf(float));
  const parameters = new Array<'i32'>(7).fill('i32');
  return defineFunction(module, `${float}_gemm_pack_rows`, parameters, [], (
    f, s, stride, along, rows, depth, to, packedTile,
  ) => {
    const rowBytes = f.let(select(along, stride, constant('i32', bytes)));
    f.if(along.eq(0), () => {
      const full = f.let(rows.shrU(Math.log2(tileRows)));
      f.if(full, () => {
        f.call(packing.scalarPanels, s, stride, full, depth, to, packedTile);
        f.increase(s, scale(full, tileRows * bytes));
        f.increase(to, full.mul(packedTile));
        f.set(rows, rows.and(tileRows - 1));
      });
    });
    f.while(() => rows.gt(0), () => {
      for (let lane = 0; lane < tileRows; lane += lanes) {
        const here = f.let(least(constant('i32', lanes), f.let(rows.sub(lane))));
        f.if(here.gt(0), () => {
          const from = s.add(rowBytes.mul(lane));
          const values = [from, stride, here, depth, to.add(lane * bytes), constant('i32', tileRows * bytes)];
          f.if(along, () => f.call(packing.along, ...values), () => f.call(packing.across, ...values));
        });
      }
      f.increase(s, rowBytes.mul(tileRows));
      f.increase(to, packedTile);
      f.increase(rows, -tileRows);
    });
  });
}

/**
 * Writes the product. The loops take for granted that a task has at least one row and one column, that the depth and
 * the number of summed products are at least 1 (its host sees to it), that rowsPerTask is a multiple of a tile's rows
 * wherever a task is not the last of its column, and that columnsPerTask is a multiple of a tile's columns.
 */
function writeGemm(
  f: Body, a: Arguments<typeof gemmArguments>, task: Local, float: FloatKind, tileVectors: number,
  { strips, packing, packRows }: { strips: Strips; packing: Packing; packRows: FunctionReference },
): void {
  const bytes = bytesOf(float);
  const lanes = lanesOf(vectorOf(float));
  const panelColumns = tileVectors * lanes;

  // The thread's scratch: room for a tile, a packed panel of V, a packed block of V, packed tiles of S.
  const edge = a.scratch;
  const panelRoom = f.let(edge.add(edgeBytes));
  const blockV = f.let(panelRoom.add(a.depthBlock.mul(tileVectors * 16)));

  const packedS = f.let(blockV.add(a.blockBytes));

  const sum = f.let(task.divU(a.sumTasks));
  const share = f.let(task.remU(a.sumTasks));
  const [product, productEnd] = shareOf(f, sum, a.summed, a.products);
  const firstProduct = f.let(product);
  const inTiles = f.let(a.packed.or(a.packHere));
  const [s, v] = [f.let(a.s.add(product.mul(a.sNext))), f.let(a.v.add(product.mul(a.vNext)))];
  const result = f.let(a.out.add(sum.mul(a.outNext)));

  // The task's rectangle: rows firstRow.., in whole tiles and a rest, and columns firstColumn to columnEnd.
  const [firstRow, rowEnd] = shareOf(f, share.remU(a.rowTasks), a.rowsPerTask, a.rows);
  const rows = f.let(rowEnd.sub(firstRow));
  const tiles = f.let(rows.shrU(Math.log2(tileRows)));
  const restRows = f.let(rows.and(tileRows - 1));
  const [firstColumn, columnEnd] = shareOf(f, share.divU(a.rowTasks), a.columnsPerTask, a.columns);
  const fullPanels = f.let(columnEnd.sub(firstColumn).divU(panelColumns));

  // The block of the depth that is worked on; what its strips begin with, an address or 0; how they end: flags, and the
  // panel's bias or 0.
  const [depthAt, depth, start, flags, bias] = f.locals('i32', 5);
  // S as the strips read it in this block: where it lies, its distances from tile to tile, row to row, along the depth.
  const [sAt, sTile, sRow, sStep] = f.locals('i32', 4);
  // The panel: its first column, how many it has, in how many vectors; where the strips find V, and where the result.
  const [column, width, vectors, vAt, vStep, out] = f.locals('i32', 6);

  f.doWhile(() => {
    f.set(depthAt, 0);
    f.doWhile(addBlock, () => depthAt.lt(a.depth));
    f.increase(s, a.sNext);
    f.increase(v, a.vNext);
    f.increase(product, 1);
  }, () => product.lt(productEnd));

  /** Adds what one block of the depth contributes. */
  function addBlock(): void {
    f.set(depth, least(a.depthBlock, f.let(a.depth.sub(depthAt))));
    chooseEnding();
    placeS();
    const blockPacked = f.let(a.vOrder.eq(vectorOperand.across).and(fullPanels.gt(0)));
    const panelStride = f.let(depth.mul(tileVectors * 16).add(panelPadding));
    f.if(blockPacked, () => {
      const from = v.add(depthAt.mul(a.vStride)).add(scale(firstColumn, bytes));
      f.call(packing.vectorPanels, from, a.vStride, fullPanels, depth, blockV, panelStride);
    });
    f.if(a.flags.and(gemmFlags.touch), touchBlock);
    f.set(column, firstColumn);
    f.doWhile(() => {
      placePanel(blockPacked, panelStride);
      f.set(out, result.add(firstRow.mul(a.outRow)).add(column.mul(a.outColumn)));
      f.switch(vectors.sub(1), Array.from({ length: tileVectors }, (_, i) => () => runStrips(i)));
      f.if(bias, () => f.increase(bias, scale(width, bytes)));
      f.increase(column, width);
    }, () => column.lt(columnEnd));
    f.increase(depthAt, depth);
  }

  /** Loads something from every cache line of the task's columns of V. */
  function touchBlock(): void {
    const row = f.let(v.add(depthAt.mul(a.vStride)).add(scale(firstColumn, bytes)));
    const length = f.let(scale(columnEnd.sub(firstColumn), bytes).sub(4));
    const left = f.let(depth);
    const [at, last] = f.locals('i32', 2);
    f.countdown(left, () => {
      f.set(at, row);
      f.set(last, row.add(length));
      f.doWhile(() => {
        f.drop(load('i32', at));
        f.increase(at, 64);
      }, () => at.ltU(last));
      f.drop(load('i32', last));
      f.increase(row, a.vStride);
    });
  }

  /** The first block obeys the caller's accumulate, later ones add to it; bias and relu wait for the last. */
  function chooseEnding(): void {
    const later = f.let(depthAt.or(product.ne(firstProduct)));
    const last = f.let(depthAt.add(depth).eq(a.depth).and(product.add(1).eq(productEnd)));
    f.set(start, select(later.eq(0).and(a.rowBias.ne(0)), a.rowBias.add(scale(firstRow, bytes)), constant('i32', 0)));
    f.set(flags, select(later, constant('i32', gemmFlags.accumulate), a.flags.and(gemmFlags.accumulate))
      .or(select(last, a.flags.and(gemmFlags.relu), 0)));
    f.set(bias, select(last.and(a.bias.ne(0)), a.bias.add(scale(firstColumn, bytes)), constant('i32', 0)));
  }

  /** S of this block: where it lies, or in tiles. */
  function placeS(): void {
    f.set(sAt, s.add(firstRow.mul(a.sRow)).add(depthAt.mul(a.sStep)));
    f.set(sTile, a.sRow.mul(tileRows));
    f.set(sRow, a.sRow);
    f.set(sStep, a.sStep);
    f.if(a.packHere, () => {
      const along = f.let(a.sStep.eq(bytes));
      f.call(packRows, sAt, select(along, sRow, sStep), along, rows, depth, packedS, a.packedTile);
      f.set(sAt, packedS);
    });
    f.if(a.packed, () => {
      const tile = firstRow.shrU(Math.log2(tileRows)).mul(a.packedTile);
      f.set(sAt, s.add(tile).add(scale(depthAt, tileRows * bytes)));
    });
    f.if(inTiles, () => {
      f.set(sTile, a.packedTile);
      f.set(sRow, bytes);
      f.set(sStep, tileRows * bytes);
    });
  }

  /** The panel's width, and V of it: in the packed block, packed now, or where it lies. */
  function placePanel(blockPacked: Local, panelStride: Local): void {
    const left = f.let(columnEnd.sub(column));
    const full = f.let(left.ge(panelColumns));
    f.set(vectors, select(full, constant('i32', tileVectors), left.add(lanes - 1).divU(lanes)));
    f.set(width, least(f.let(vectors.mul(lanes)), left));
    const across = f.let(a.vOrder.ne(vectorOperand.along));
    f.set(vAt, v.add(select(
      across,
      depthAt.mul(a.vStride).add(scale(column, bytes)),
      scale(depthAt, bytes).add(column.mul(a.vStride)),
    )));
    f.set(vStep, a.vStride);
    f.if(full.and(blockPacked), () => {
      f.set(vAt, blockV.add(column.sub(firstColumn).divU(panelColumns).mul(panelStride)));
      f.set(vStep, tileVectors * 16);
    }, () => {
      f.if(a.vOrder.or(width.ne(vectors.mul(lanes))), () => {
        packPanel(across);
        f.set(vAt, panelRoom);
        f.set(vStep, vectors.shl(4));
      });
    });
  }

  /** Columns of V into the panel's room, a vector's width at a time. */
  function packPanel(across: Local): void {
    const [from, to, left] = [f.let(vAt), f.let(panelRoom), f.let(width)];
    f.while(() => left.gt(0), () => {
      const here = f.let(least(constant('i32', lanes), left));
      f.if(across, () => {
        f.call(packing.across, from, a.vStride, here, depth, to, vectors.shl(4));
        f.increase(from, 16);
      }, () => {
        f.call(packing.along, from, a.vStride, here, depth, to, vectors.shl(4));
        f.increase(from, a.vStride.mul(lanes));
      });
      f.increase(to, 16);
      f.increase(left, -lanes);
    });
  }

  /** The tiles of one panel of index + 1 vectors: the full ones, then the rows that are left over. */
  function runStrips(index: number): void {
    f.if(tiles, () => {
      const parameters = [
        tiles, sAt, sTile, sRow, sStep, vAt, vStep, depth, start, out, a.outRow, a.outColumn, flags, bias, width,
        edge,
      ];
      const full = (straight: FunctionReference, transposed: FunctionReference): void =>
        f.if(a.transposed, () => f.call(transposed, ...parameters), () => f.call(straight, ...parameters));
      f.if(inTiles, () => full(strips.packed[index], strips.packedTransposed[index]),
        () => full(strips.straight[tileRows - 1][index], strips.transposed[index]));
    });
    f.if(restRows, () => {
      const rest = sAt.add(tiles.mul(sTile));
      const restStart = select(start, start.add(scale(tiles, tileRows * bytes)), constant('i32', 0));
      const to = out.add(scale(tiles, tileRows).mul(a.outRow));
      const how = f.let(select(a.transposed, flags.or(gemmFlags.scattered), flags));
      f.switch(restRows.sub(1), Array.from({ length: tileRows - 1 }, (_, i) => () => f.call(strips.straight[i][index],
        1, rest, sTile, sRow, sStep, vAt, vStep, depth, restStart, to, a.outRow, a.outColumn, how, bias, width, edge)));
    });
  }
}

/** Vectors of columns that are summed side by side: what a row has of them then comes in whole cache lines. */
const columnVectors = 8;

/** Sums over the rows of x (rows, columns), in groups of 64 rows so that rounding errors stay small. */
function writeColumnSums(
  f: Body, { x, out, rows, columns, columnsPerTask }: Arguments<typeof columnSumArguments>, task: Local,
  float: FloatKind,
): void {
  const bytes = bytesOf(float);
  const vector = vectorOf(float);
  const [column, end] = shareOf(f, task, columnsPerTask, columns);
  const rowBytes = f.let(scale(columns, bytes));
  for (const [kind, parts] of [[vector, columnVectors], [vector, 1], [float, 1]] as const) {
    const width = parts * lanesOf(kind);
    f.while(() => column.add(width).le(end), () => {
      const [totals, groups] = [f.locals(kind, parts), f.locals(kind, parts)];
      const at = f.let(x.add(scale(column, bytes)));
      for (const total of totals) f.set(total, zero(kind));
      eachPiece(f, rows, (inGroup) => {
        for (const group of groups) f.set(group, zero(kind));
        f.countdown(inGroup, () => {
          groups.forEach((group, i) => f.set(group, group.add(load(kind, at, 16 * i))));
          f.increase(at, rowBytes);
        });
        totals.forEach((total, i) => f.set(total, total.add(groups[i])));
      }, constant('i32', 64));
      totals.forEach((total, i) => f.store(out.add(scale(column, bytes)), total, 16 * i));
      f.increase(column, width);
    });
  }
}
