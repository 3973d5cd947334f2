/**
 * Packing: copying a block of an operand into the order in which the strips read it, so that it is contiguous, comes
 * from few memory pages, and cannot compete with itself for the sets of a cache (as rows 4096 bytes apart do).
 */

import {
  bytesOf, defineFunction, type FloatKind, type FunctionReference, lanesOf, load, type Local, type ModuleBuilder,
  vectorConstant, vectorOf,
} from '../../../wasm/index.ts';
import { transpose } from '../vectors.ts';

export interface Packing {
  /**
   * (source, step, panels, depth, to, panelStride): whole panels of an operand that is contiguous across, panel i to
   * to + i * panelStride. It goes along the rows of the source, because memory is read fastest in long runs.
   * vectorPanels are as wide as a tile, scalarPanels as high.
   */
  readonly vectorPanels: FunctionReference;
  readonly scalarPanels: FunctionReference;
  /**
   * (source, step, lanes, depth, to, toStep): one vector's width of an operand that is contiguous across: at every step
   * of the depth, `lanes` elements (of at most a vector's) from source + p * step to to + p * toStep, then zeros.
   */
  readonly across: FunctionReference;
  /**
   * (source, stride, lanes, depth, to, toStep): the same for an operand that is contiguous along the depth: element
   * (p, lane) comes from source + lane * stride + p * bytes.
   */
  readonly along: FunctionReference;
}

const parameters = new Array<'i32'>(6).fill('i32');

/** Adds the packing functions for one element type and tiles of so many rows and vectors to a module. */
export function emitPacking(module: ModuleBuilder, float: FloatKind, tileRows: number, tileVectors: number): Packing {
  const vector = vectorOf(float);
  const lanes = lanesOf(vector);
  const bytes = bytesOf(float);
  const zero = vectorConstant(vector, new Array<number>(lanes).fill(0));

  const partial = defineFunction(module, `${float}_gemm_pack_partial`, new Array<'i32'>(7).fill('i32'), [], (
    f, source, laneStride, step, count, depth, to, toStep,
  ) => {
    const [from, at, left] = f.locals('i32', 3);
    f.countdown(depth, () => {
      f.store(to, zero);
      f.set(from, source);
      f.set(at, to);
      f.set(left, count);
      f.countdown(left, () => {
        f.store(at, load(float, from));
        f.increase(from, laneStride);
        f.increase(at, bytes);
      });
      f.increase(source, step);
      f.increase(to, toStep);
    });
  });

  const panels = (vectors: number): FunctionReference => defineFunction(module,
    `${float}_gemm_pack_panels_${vectors * lanes}__simd128`, parameters, [], (f, source, step, count, depth, to, panelStride) => {
      const [from, at, left] = f.locals('i32', 3);
      const row = f.locals(vector, vectors);
      f.countdown(depth, () => {
        f.set(from, source);
        f.set(at, to);
        f.set(left, count);
        f.countdown(left, () => {
          row.forEach((each, j) => f.set(each, load(vector, from, 16 * j)));
          row.forEach((each, j) => f.store(at, each, 16 * j));
          f.increase(from, 16 * vectors);
          f.increase(at, panelStride);
        });
        f.increase(source, step);
        f.increase(to, 16 * vectors);
      });
    });

  const across = defineFunction(module, `${float}_gemm_pack_across__simd128`, parameters, [], (
    f, source, step, count, depth, to, toStep,
  ) => {
    f.if(count.eq(lanes), () => {
      f.countdown(depth, () => {
        f.store(to, load(vector, source));
        f.increase(source, step);
        f.increase(to, toStep);
      });
    }, () => f.call(partial, source, bytes, step, count, depth, to, toStep));
  });

  const along = defineFunction(module, `${float}_gemm_pack_along__simd128`, parameters, [], (
    f, source, stride, count, depth, to, toStep,
  ) => {
    f.if(count.eq(lanes), () => {
      const squares = f.let(depth.shrU(Math.log2(lanes)));
      f.repeat(squares, () => {
        const from: Local[] = [f.let(source)];
        for (let lane = 1; lane < lanes; lane++) from.push(f.let(from[lane - 1].add(stride)));
        const turned = transpose(f, from.map((address) => f.let(load(vector, address))));
        for (const each of turned) {
          f.store(to, each);
          f.increase(to, toStep);
        }
        f.increase(source, 16);
      });
      f.set(depth, depth.and(lanes - 1));
    });
    f.if(depth, () => f.call(partial, source, stride, bytes, count, depth, to, toStep));
  });
  return { vectorPanels: panels(tileVectors), scalarPanels: panels(tileRows / lanes), across, along };
}
