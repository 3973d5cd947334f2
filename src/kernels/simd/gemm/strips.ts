/**
 * The innermost loops of matrix multiplication.
 *
 * The product R = S V, R (rows, columns), S (rows, depth), V (depth, columns), is computed in register tiles of 4 rows
 * by 2 vectors: at every step of the depth one element of each of 4 rows of S is broadcast and multiplied with 2
 * vectors of V. So S, the scalar operand, may lie in any order, while V, the vector operand, must be contiguous along
 * the columns.
 *
 * A strip is the column of tiles that share one panel of V (which stays in the first-level cache): one function call.
 * Strips exist for 1 to 4 rows and 1 or 2 vectors a tile (1 to 4 in the wide form). The blocking around them follows
 * K. Goto and R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008.
 */

import {
  type Body, bytesOf, defineFunction, type FloatKind, type FunctionReference, lanesOf, load, loadSplat, type Local,
  type ModuleBuilder, multiplyAdd, select, type Value, vectorConstant, vectorOf,
} from '../../../wasm/index.ts';
import type { KernelForm } from '../../team/part.ts';
import { transpose } from '../vectors.ts';

/** Bits of a strip's `flags`. */
export const gemmFlags = {
  /** add to the result instead of overwriting it */
  accumulate: 1,
  /** result = max(result, 0), as the last thing; NaN stays NaN */
  relu: 2,
  /** store element by element, by outRow and outColumn: for a few rows of a transposed result */
  scattered: 4,
  /** not for strips: fetch each block of the vector operand before it is worked on */
  touch: 8,
} as const;

/** The parameters of a strip, all i32; addresses and distances in bytes. */
const stripParameters = [
  /** tiles in the strip, at least 1 */
  'tiles',
  /** first row of S; distances from tile to tile, row to row, and along the depth */
  's', 'sTile', 'sRow', 'sStep',
  /** the panel of V, and its distance along the depth */
  'v', 'vStep', 'depth',
  /** where the sums begin: one number a row, or 0 */
  'start',
  /** where the result goes, and its distances from row to row and column to column */
  'out', 'outRow', 'outColumn',
  'flags',
  /** a vector to be added to every row, or 0 */
  'bias',
  /** how many columns of the panel exist: all of the tile's, but for the last vector, the rest of which is in vain */
  'columns',
  /** room for one tile, for results that cannot be stored as vectors */
  'edge',
] as const;

/** How a strip reads S and stores R. */
interface Form {
  readonly transposed: boolean;
  /** sRow and sStep are those of a packed tile, so that one pointer with constant offsets finds every row */
  readonly packed: boolean;
}

export interface Strips {
  /** by rows - 1 and vectors - 1 of the tile; results stored as rows of vectors */
  readonly straight: ReadonlyArray<readonly FunctionReference[]>;
  /** by vectors - 1, for 4 rows; results stored transposed: outRow is the size of an element */
  readonly transposed: readonly FunctionReference[];
  /** the same two for 4 rows of S that are packed: 15% faster on processors that take in six instructions a cycle */
  readonly packed: readonly FunctionReference[];
  readonly packedTransposed: readonly FunctionReference[];
}

/** Adds the strips for one element type to a module. */
export function emitStrips(
  module: ModuleBuilder, float: FloatKind, how: KernelForm, tileRows: number, tileVectors: number,
): Strips {
  const merge = emitMerge(module, float);
  const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
  const strips = (rows: number, form: Form): FunctionReference[] =>
    range(tileVectors).map((vectors) => emitStrip(module, float, how, rows, vectors, form, merge));
  return {
    straight: range(tileRows).map((rows) => strips(rows, { transposed: false, packed: false })),
    transposed: strips(tileRows, { transposed: true, packed: false }),
    packed: strips(tileRows, { transposed: false, packed: true }),
    packedTransposed: strips(tileRows, { transposed: true, packed: true }),
  };
}

function emitStrip(
  module: ModuleBuilder, float: FloatKind, { relaxed, wide }: KernelForm, rows: number, vectors: number,
  { transposed, packed }: Form, merge: FunctionReference,
): FunctionReference {
  const vector = vectorOf(float);
  const lanes = lanesOf(vector);
  const bytes = bytesOf(float);
  const zero = vectorConstant(vector, new Array<number>(lanes).fill(0));
  const form = `${packed ? '_packed' : ''}${transposed ? '_transposed' : ''}`;
  const name = `${float}_gemm_strip_${rows}x${vectors * lanes}${form}__simd128`;
  return defineFunction(module, name, stripParameters.map(() => 'i32' as const), [], (f, ...parameters) => {
    const [tiles, s, sTile, sRow, sStep, v, vStep, depth, start, out, outRow, outColumn, flags, bias, columns, edge] =
      parameters;
    const sums = Array.from({ length: rows }, () => f.locals(vector, vectors));
    const vs = f.locals(vector, vectors);
    const element = f.local(vector);
    const sAt = f.locals('i32', packed ? 1 : rows);
    const [vAt, left] = f.locals('i32', 2);

    f.countdown(tiles, () => {
      sAt.forEach((at, row) => f.set(at, row === 0 ? s : sAt[row - 1].add(sRow)));
      f.set(vAt, v);
      for (const row of sums) for (const sum of row) f.set(sum, zero);
      f.if(start, () => {
        sums.forEach((row, i) => {
          f.set(element, loadSplat(vector, start.add(i * bytes)));
          for (const sum of row) f.set(sum, element);
        });
        f.increase(start, rows * bytes);
      });
      f.set(left, depth);
      // Not unrolled: the processor overlaps turns by itself, and older V8s spill registers in long blocks.
      f.countdown(left, () => {
        vs.forEach((each, j) => f.set(each, load(vector, vAt, 16 * j)));
        sums.forEach((row, i) => {
          f.set(element, packed ? loadSplat(vector, sAt[0], i * bytes) : loadSplat(vector, sAt[i]));
          if (!packed) f.increase(sAt[i], sStep);
          row.forEach((sum, j) => f.set(sum, multiplyAdd(element, vs[j], sum, relaxed)));
        });
        // Moved on last: in front of the products it costs 4% on a Zen 5 core.
        f.increase(vAt, vStep);
        if (packed) f.increase(sAt[0], rows * bytes);
      });

      if (transposed) storeTransposed(f, sums, { out, outColumn, flags, columns, edge });
      else {
        f.if(flags.and(gemmFlags.scattered), () => mergeVectors(0), () => {
          f.if(columns.eq(vectors * lanes), () => storeStraight(vectors), () => {
            // Only the last vector of a panel can be incomplete. Pairs go the same way, in every store.
            const complete = wide ? (vectors - 1) & ~1 : vectors - 1;
            if (complete > 0) storeStraight(complete);
            mergeVectors(complete);
          });
        });
      }
      f.increase(s, sTile);
      f.increase(out, transposed ? rows * bytes : outRow.mul(rows));
    });

    /** Stores the first vectors of every row, with the epilogue. */
    function storeStraight(count: number): void {
      const rowAt = sums.map(() => f.local('i32'));
      rowAt.forEach((at, i) => f.set(at, i === 0 ? out : rowAt[i - 1].add(outRow)));
      const each = (change: (sum: Local, i: number, j: number) => Value): void =>
        sums.forEach((row, i) => row.slice(0, count).forEach((sum, j) => f.set(sum, change(sum, i, j))));
      f.if(flags.and(gemmFlags.accumulate), () => each((sum, i, j) => sum.add(load(vector, rowAt[i], 16 * j))));
      f.if(bias, () => each((sum, _, j) => sum.add(load(vector, bias, 16 * j))));
      f.if(flags.and(gemmFlags.relu), () => each((sum) => sum.pmax(zero)));
      sums.forEach((row, i) => row.slice(0, count).forEach((sum, j) => f.store(rowAt[i], sum, 16 * j)));
    }

    /** Stores the existing columns of the vectors from `first` on, one by one. */
    function mergeVectors(first: number): void {
      const count = vectors - first;
      sums.forEach((row, i) => row.slice(first).forEach((sum, j) => f.store(edge, sum, (i * count + j) * 16)));
      f.call(merge, edge, rows, columns.sub(first * lanes), count * 16, out.add(outColumn.mul(first * lanes)), outRow,
        outColumn, flags, select(bias, bias.add(first * 16), 0));
    }
  });

  /**
   * Stores square groups of lanes x lanes with rows and columns exchanged. Bias and relu come with straight ones only.
   */
  function storeTransposed(
    f: Body, sums: Local[][],
    { out, outColumn, flags, columns, edge }: Record<'out' | 'outColumn' | 'flags' | 'columns' | 'edge', Local>,
  ): void {
    const at = f.let(out);
    // Pairs are taken apart in memory.
    if (wide) sums.forEach((row, i) => row.forEach((sum, j) => f.store(edge, sum, (i * vectors + j) * 16)));
    const sumAt = (i: number, j: number): Value =>
      wide ? f.let(load(vector, edge, (i * vectors + j) * 16)) : sums[i][j];
    for (let j = 0; j < vectors; j++) {
      const groups: Local[][] = [];
      for (let i = 0; i < rows; i += lanes) {
        groups.push(transpose(f, Array.from({ length: lanes }, (_, k) => sumAt(i + k, j))));
      }
      for (let lane = 0; lane < lanes; lane++) {
        const storeColumn = (): void => {
          f.if(flags.and(gemmFlags.accumulate), () => {
            groups.forEach((group, i) => f.set(group[lane], group[lane].add(load(vector, at, 16 * i))));
          });
          groups.forEach((group, i) => f.store(at, group[lane], 16 * i));
          f.increase(at, outColumn);
        };
        if (j < vectors - 1 || lane === 0) storeColumn();
        else f.if(columns.gt(j * lanes + lane), storeColumn);
      }
    }
  }
}

/**
 * merge(tile, rows, columns, tileRow, out, outRow, outColumn, flags, bias): moves a tile's existing columns to the
 * result one by one, in any order of it, with the same epilogue.
 */
function emitMerge(module: ModuleBuilder, float: FloatKind): FunctionReference {
  const bytes = bytesOf(float);
  return defineFunction(module, `${float}_gemm_merge`, new Array<'i32'>(9).fill('i32'), [], (
    f, tile, rows, columns, tileRow, out, outRow, outColumn, flags, bias,
  ) => {
    const [from, to, biasAt, left] = f.locals('i32', 4);
    const value = f.local(float);
    f.countdown(rows, () => {
      f.set(from, tile);
      f.set(to, out);
      f.set(biasAt, bias);
      f.set(left, columns);
      f.countdown(left, () => {
        f.set(value, load(float, from));
        f.if(flags.and(gemmFlags.accumulate), () => f.set(value, value.add(load(float, to))));
        f.if(bias, () => {
          f.set(value, value.add(load(float, biasAt)));
          f.increase(biasAt, bytes);
        });
        f.if(flags.and(gemmFlags.relu), () => f.if(value.lt(0), () => f.set(value, 0)));
        f.store(to, value);
        f.increase(from, bytes);
        f.increase(to, outColumn);
      });
      f.increase(tile, tileRow);
      f.increase(out, outRow);
    });
  });
}
