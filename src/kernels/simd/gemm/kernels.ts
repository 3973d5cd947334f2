/**
 * Matrix multiplication as jobs. A task computes a rectangle of the result over the whole depth:
 *
 *   for each block of the depth                                      (partial sums of the result wait in memory)
 *     pack the task's rows of S and columns of V, where that pays   (second-level cache)
 *     for each panel of columns of V                                 (first-level cache)
 *       for each tile of rows: the strip                             (registers)
 */

import {
  type Body, bytesOf, constant, type FloatKind, lanesOf, load, type Local, scale, select, type Value, vectorConstant,
  vectorOf,
} from '../../../wasm/index.ts';
import { ArgumentSlots, type KernelBuilder } from '../kernel-builder.ts';
import { gemmTileVectors, gemmTuning } from '../tuning.ts';
import { emitPacking, type Packing } from './packing.ts';
import { emitStrips, gemmFlags, type Strips } from './strips.ts';

/** How the vector operand reaches the strips. */
export const vectorOperand = {
  /** contiguous across and read where it lies; only a last, incomplete panel is packed */
  direct: 0,
  /** contiguous across, packed */
  across: 1,
  /** contiguous along the depth, packed by transposing */
  along: 2,
} as const;

const gemmArguments = [
  's', 'sRow', 'sStep', 'packS',
  'v', 'vStride', 'vOrder',
  'out', 'outRow', 'outColumn', 'transposed',
  'bias', 'flags',
  'rows', 'columns', 'depth', 'rowsPerTask', 'columnsPerTask', 'rowTasks', 'depthBlock',
  'scratch', 'scratchBytes', 'blockBytes',
] as const;
const columnSumArguments = ['x', 'out', 'rows', 'columns', 'columnsPerTask'] as const;

export const gemmSlots: ArgumentSlots<(typeof gemmArguments)[number]> = new ArgumentSlots(gemmArguments);
export const columnSumSlots: ArgumentSlots<(typeof columnSumArguments)[number]> = new ArgumentSlots(columnSumArguments);

/** Bytes between packed panels, so that they do not compete for the same sets of a cache. */
export const panelPadding = 64;

/** Room for the widest tile. */
export const edgeBytes: number = gemmTuning.tileRows * gemmTuning.widestTile * 16;

/** Adds the kernels of the family: gemm and column sums for float32 and float64. */
export function emitGemm(kernels: KernelBuilder): void {
  const { tileRows, widestTile } = gemmTuning;
  for (const float of ['f32', 'f64'] as const) {
    const strips = emitStrips(kernels.module, float, kernels.relaxed, tileRows, widestTile);
    const packing = emitPacking(kernels.module, float, tileRows, gemmTileVectors(float, kernels.relaxed));
    kernels.define(gemmName(float, kernels.relaxed), (f, args, task) => writeGemm(f, args, task, kernels, float, strips, packing));
    kernels.define(columnSumName(float), (f, args, task) => writeColumnSums(f, args, task, float));
  }
}

/** The name of the gemm kernel of a type. */
export function gemmName(float: FloatKind, relaxed: boolean): string {
  const columns = gemmTileVectors(float, relaxed) * lanesOf(vectorOf(float));
  return `${float}_gemm_${gemmTuning.tileRows}x${columns}__${relaxed ? 'relaxed' : 'simd128'}`;
}

/** The name of the kernel that sums columns. */
export function columnSumName(float: FloatKind): string {
  return `${float}_column_sums__simd128`;
}

function least(a: Value, b: Value): Value {
  return select(a.lt(b), a, b);
}

function writeGemm(
  f: Body, args: Local, task: Local, kernels: KernelBuilder, float: FloatKind, strips: Strips, packing: Packing,
): void {
  const { tileRows, widestTile } = gemmTuning;
  const tileVectors = gemmTileVectors(float, kernels.relaxed);
  const bytes = bytesOf(float);
  const lanes = lanesOf(vectorOf(float));
  const panelColumns = tileVectors * lanes;
  const slot = gemmSlots.read(f, args, [
    's', 'sRow', 'sStep', 'packS', 'v', 'vStride', 'vOrder', 'out', 'outRow', 'outColumn', 'transposed', 'bias', 'flags',
    'rows', 'columns', 'depth', 'rowsPerTask', 'columnsPerTask', 'rowTasks', 'depthBlock', 'scratch', 'scratchBytes', 'blockBytes',
  ]);
  const [depthAt, depth, flags, bias, column, columnEnd, width, vectors, vAt, vStep, out, sAt, sTile, sRow, sStep] =
    f.locals('i32', 15);

  const edge = f.let(slot.scratch.add(kernels.participant().mul(slot.scratchBytes)));
  const panel = f.let(edge.add(edgeBytes));
  const blockV = f.let(panel.add(slot.depthBlock.mul(widestTile * 16)));
  const packedS = f.let(blockV.add(slot.blockBytes));

  const firstRow = f.let(task.remU(slot.rowTasks).mul(slot.rowsPerTask));
  const rows = f.let(least(slot.rowsPerTask, f.let(slot.rows.sub(firstRow))));
  const tiles = f.let(rows.shrU(Math.log2(tileRows)));
  const restRows = f.let(rows.and(tileRows - 1));
  const firstColumn = f.let(task.divU(slot.rowTasks).mul(slot.columnsPerTask));
  f.set(columnEnd, least(f.let(firstColumn.add(slot.columnsPerTask)), slot.columns));
  // Panels are as wide as the best tile, but for the last, which takes all that is left as soon as it can.
  const wideColumns = f.let(columnEnd.sub(firstColumn).sub(widestTile * lanes));
  const fullPanels = f.let(select(wideColumns.gt(0), wideColumns.add(panelColumns - 1).divU(panelColumns), 0));
  const sFirst = f.let(slot.s.add(firstRow.mul(slot.sRow)));

  f.set(depthAt, 0);
  f.doWhile(() => {
    f.set(depth, least(slot.depthBlock, f.let(slot.depth.sub(depthAt))));
    // The first block obeys the caller's accumulate, later ones add to it; bias and relu wait for the last.
    const last = f.let(depthAt.add(depth).eq(slot.depth));
    f.set(flags, select(depthAt, constant('i32', gemmFlags.accumulate), slot.flags.and(gemmFlags.accumulate))
      .or(select(last, slot.flags.and(gemmFlags.relu), 0)));
    f.set(bias, select(last.and(slot.bias.ne(0)), slot.bias.add(scale(firstColumn, bytes)), constant('i32', 0)));

    f.set(sAt, sFirst.add(depthAt.mul(slot.sStep)));
    f.set(sRow, slot.sRow);
    f.set(sStep, slot.sStep);
    f.set(sTile, sRow.mul(tileRows));
    f.if(slot.packS, () => {
      f.set(sTile, scale(depth, tileRows * bytes).add(panelPadding));
      packRowTiles();
      f.set(sAt, packedS);
      f.set(sRow, bytes);
      f.set(sStep, tileRows * bytes);
    });

    const blockPacked = f.let(slot.vOrder.eq(vectorOperand.across).and(fullPanels.gt(0)));
    const panelStride = f.let(depth.mul(tileVectors * 16).add(panelPadding));
    f.if(blockPacked, () => {
      const from = slot.v.add(depthAt.mul(slot.vStride)).add(scale(firstColumn, bytes));
      f.call(packing.vectorPanels, from, slot.vStride, fullPanels, depth, blockV, panelStride);
    });

    f.set(column, firstColumn);
    f.doWhile(() => {
      const left = f.let(columnEnd.sub(column));
      const full = f.let(left.gt(widestTile * lanes));
      f.set(vectors, select(full, constant('i32', tileVectors), left.add(lanes - 1).divU(lanes)));
      f.set(width, least(f.let(vectors.mul(lanes)), left));

      const across = f.let(slot.vOrder.ne(vectorOperand.along));
      f.set(vAt, slot.v.add(select(
        across,
        depthAt.mul(slot.vStride).add(scale(column, bytes)),
        scale(depthAt, bytes).add(column.mul(slot.vStride)),
      )));
      f.set(vStep, slot.vStride);
      f.if(full.and(blockPacked), () => {
        f.set(vAt, blockV.add(column.sub(firstColumn).divU(panelColumns).mul(panelStride)));
        f.set(vStep, tileVectors * 16);
      }, () => {
        f.if(slot.vOrder.or(width.ne(vectors.mul(lanes))), () => {
          packPanel(across);
          f.set(vAt, panel);
          f.set(vStep, vectors.shl(4));
        });
      });

      f.set(out, slot.out.add(firstRow.mul(slot.outRow)).add(column.mul(slot.outColumn)));
      f.switch(vectors.sub(1), Array.from({ length: widestTile }, (_, i) => () => runStrips(i)));
      f.if(bias, () => f.increase(bias, scale(width, bytes)));
      f.increase(column, width);
    }, () => column.lt(columnEnd));
    f.increase(depthAt, depth);
  }, () => depthAt.lt(slot.depth));

  /** Rows of S into tiles: element (p, i) of a tile at p * tileRows + i. */
  function packRowTiles(): void {
    f.if(tiles, () => f.call(packing.scalarPanels, sAt, slot.sStep, tiles, depth, packedS, sTile));
    const from = sAt.add(scale(tiles, tileRows * bytes));
    const to = packedS.add(tiles.mul(sTile));
    for (let row = 0; row < tileRows; row += lanes) {
      const here = f.let(least(constant('i32', lanes), f.let(restRows.sub(row))));
      f.if(here.gt(0), () => {
        f.call(packing.across, from.add(row * bytes), slot.sStep, here, depth, to.add(row * bytes), tileRows * bytes);
      });
    }
  }

  function packPanel(across: Local): void {
    const [from, to, left] = f.locals('i32', 3);
    f.set(from, vAt);
    f.set(to, panel);
    f.set(left, width);
    f.while(() => left.gt(0), () => {
      const here = f.let(least(constant('i32', lanes), left));
      f.if(across, () => {
        f.call(packing.across, from, slot.vStride, here, depth, to, vectors.shl(4));
        f.increase(from, 16);
      }, () => {
        f.call(packing.along, from, slot.vStride, here, depth, to, vectors.shl(4));
        f.increase(from, slot.vStride.mul(lanes));
      });
      f.increase(to, 16);
      f.increase(left, -lanes);
    });
  }

  /** The tiles of one panel: the full ones, then the rows that are left over. */
  function runStrips(index: number): void {
    f.if(tiles, () => {
      const parameters = [
        tiles, sAt, sTile, sRow, sStep, vAt, vStep, depth, out, slot.outRow, slot.outColumn, flags, bias, width, edge,
      ];
      f.if(slot.transposed,
        () => f.call(strips.transposed[index], ...parameters),
        () => f.call(strips.straight[tileRows - 1][index], ...parameters));
    });
    f.if(restRows, () => {
      const s = sAt.add(tiles.mul(sTile));
      const to = out.add(scale(tiles, tileRows).mul(slot.outRow));
      const how = f.let(select(slot.transposed, flags.or(gemmFlags.scattered), flags));
      f.switch(restRows.sub(1), Array.from({ length: tileRows - 1 }, (_, i) => () =>
        f.call(strips.straight[i][index],
          1, s, sTile, sRow, sStep, vAt, vStep, depth, to, slot.outRow, slot.outColumn, how, bias, width, edge)));
    });
  }
}

/** Sums over the rows of x (rows, columns), in groups of 64 rows so that rounding errors stay small. */
function writeColumnSums(f: Body, args: Local, task: Local, float: FloatKind): void {
  const bytes = bytesOf(float);
  const vector = vectorOf(float);
  const lanes = lanesOf(vector);
  const { x, out, rows, columns, columnsPerTask } = columnSumSlots.read(f, args, ['x', 'out', 'rows', 'columns', 'columnsPerTask']);
  const column = f.let(task.mul(columnsPerTask));
  const end = f.let(least(f.let(column.add(columnsPerTask)), columns));
  const rowBytes = f.let(scale(columns, bytes));
  const sumFrom = (kind: 'f32' | 'f64' | 'f32x4' | 'f64x2', width: number): void => {
    const zero = kind === vector ? vectorConstant(vector, new Array<number>(lanes).fill(0)) : constant(kind, 0);
    const [total, group] = f.locals(kind, 2);
    const [at, left, inGroup] = f.locals('i32', 3);
    f.set(total, zero);
    f.set(at, x.add(scale(column, bytes)));
    f.set(left, rows);
    f.doWhile(() => {
      f.set(group, zero);
      f.set(inGroup, least(left, constant('i32', 64)));
      f.increase(left, constant('i32', 0).sub(inGroup));
      f.countdown(inGroup, () => {
        f.set(group, group.add(load(kind, at)));
        f.increase(at, rowBytes);
      });
      f.set(total, total.add(group));
    }, () => left.gt(0));
    f.store(out.add(scale(column, bytes)), total);
    f.increase(column, width);
  };
  f.while(() => column.add(lanes).le(end), () => sumFrom(vector, lanes));
  f.while(() => column.lt(end), () => sumFrom(float, 1));
}
