/**
 * The gradient at the filters of windows of 3x3 that move by 2, as jobs (see halving-algebra.ts, halving-tiles.ts): at
 * each of the 25 points dU = V^T Z summed over all tiles, then back to the taps, and the gradient at the bias.
 *
 *   dU   (25 points, kind, group of 4 channels, filter block, 4 channels, 8)
 */

import { type FunctionReference, load, type Local, type Value } from '../../../wasm/index.ts';
import { Kernel, type KernelBuilder } from '../kernel.ts';
import { eachOfEvenShare, shareOf } from '../vectors.ts';
import { halvingFilterGradient, halvingPlaces as places, meeting } from './halving-algebra.ts';
import type { HalvingGathers } from './halving-kernels.ts';
import { eachPoint, halvingPointCount, halvingSizes } from './halving-tiles.ts';
import { pixelShape, zero } from './winograd-transforms.ts';

const withInput: typeof halvingSizes & { readonly x: 'input' } = { ...halvingSizes, x: 'input' };
/** A group is some chunks, whose dU (`u`) and bias sums are added up one after another. */
const gradientArguments = {
  dout: 'input', chunks: 'i32', groups: 'i32', u: 'scratch', sums: 'scratch', scratch: 'perThread',
} as const;
export const halvingGradient: Kernel<typeof withInput & typeof gradientArguments> =
  new Kernel('f32_halving_gradient', { ...withInput, ...gradientArguments });

const reduceArguments = {
  channels: 'i32', filters: 'i32', uPointBytes: 'i32', groups: 'i32', u: 'scratch', sums: 'scratch', dw: 'output',
  db: 'output',
} as const;
export const halvingReduce: Kernel<typeof reduceArguments> = new Kernel('f32_halving_filter_gradient', reduceArguments);

/** Adds the kernels to the module; gathers come from emitHalving, product takes whole groups of channels. */
export function emitHalvingGradient(kernels: KernelBuilder, gathers: HalvingGathers, product: FunctionReference): void {
  emitGradient(kernels, gathers, product);
  emitReduce(kernels);
}

/** Task: a group of chunks, whose dU and bias sums are added up in order. */
function emitGradient(kernels: KernelBuilder, gathers: HalvingGathers, product: FunctionReference): void {
  const shape = pixelShape(kernels);
  kernels.define(halvingGradient, (f, s, task, leading) => {
    const du = f.let(s.u.add(task.mul(s.uPointBytes).mul(halvingPointCount)));
    const sums = f.let(s.sums.add(task.mul(s.filters).shl(2)));
    f.fill(du, 0, s.uPointBytes.mul(halvingPointCount));
    f.fill(sums, 0, s.filters.shl(2));
    const totalRows = f.let(s.batch.mul(s.tilesY));
    const channelGroups = f.let(s.channels.shrU(Math.log2(shape.lanes)));
    const filterBlocks = f.let(s.filters.shrU(3));
    const [vAt, zAt, duAt, tiles] = f.locals('i32', 4);
    eachOfEvenShare(f, task, s.groups, s.chunks, (chunk) => {
      const [firstRow, lastRow] = shareOf(f, chunk, s.rowsPerTask, totalRows);
      f.call(gathers.input, leading(withInput), firstRow, lastRow, s.scratch);
      f.call(gathers.gradient, leading(halvingSizes), s.dout, firstRow, lastRow, s.scratch, sums);
      f.set(tiles, lastRow.sub(firstRow).mul(s.tilesX));
      f.set(vAt, s.scratch);
      f.set(zAt, s.scratch.add(s.mOffset));
      f.set(duAt, du);
      eachPoint(f, (kinds) => {
        f.call(product, vAt, zAt, duAt, kinds.mul(channelGroups), filterBlocks, filterBlocks, tiles, s.groupBytes);
        f.increase(vAt, s.vPointBytes);
        f.increase(zAt, s.mPointBytes);
        f.increase(duAt, s.uPointBytes);
      });
    });
  });
}

/**
 * Task: the gradients at the filters of 4 channels; the groups' dU are added up in order. The first also adds up the
 * gradient at the bias.
 */
function emitReduce(kernels: KernelBuilder): void {
  kernels.define(halvingReduce, (f, s, task) => {
    const [filter, channel, at, left, to] = f.locals('i32', 5);
    const groupBytes = f.let(s.uPointBytes.mul(halvingPointCount));
    const filterBytes = f.let(s.filters.shl(2));
    const sum = f.local('f32x4');
    const addUp = (from: Value, apart: Local): Local => {
      f.set(sum, zero);
      f.set(at, from);
      f.set(left, s.groups);
      f.countdown(left, () => {
        f.set(sum, sum.add(load('f32x4', at)));
        f.increase(at, apart);
      });
      return f.let(sum);
    };
    f.if(task.eqz(), () => f.for(filter, 0, filterBytes, 16, () =>
      f.store(s.db.add(filter), addUp(s.sums.add(filter), filterBytes))));

    const first = f.let(task.shl(2));
    const kindBytes = f.let(filterBytes.mul(s.channels));
    const group = f.let(s.u.add(first.mul(filterBytes)));
    f.for(filter, 0, s.filters, 4, () => {
      const block = f.let(group.add(filter.shrU(3).shl(7)).add(filter.and(7).shl(2)));
      f.for(channel, 0, 4, 1, () => {
        const rows: Local[][] = [];
        for (let y = 0; y < places; y++) {
          rows.push(Array.from({ length: places }, (_, x) => {
            const { point, kind } = meeting(y, x);
            const place = kindBytes.mul(kind).add(s.uPointBytes.mul(point));
            return addUp(block.add(channel.shl(5)).add(place), groupBytes);
          }));
        }
        const halfway = rows.map((row) => halvingFilterGradient(f, row).map((value) => f.let(value)));
        f.set(to, s.dw.add(filter.mul(s.channels).add(first).add(channel).mul(36)));
        for (let x = 0; x < 3; x++) {
          const column = halvingFilterGradient(f, halfway.map((row) => row[x])).map((value) => f.let(value));
          for (let i = 0; i < 4; i++) {
            const at = f.let(to.add(s.channels.mul(36 * i)));
            column.forEach((tap, y) => f.storeLane(at, tap, i, (y * 3 + x) * 4));
          }
        }
      });
    });
  });
}
