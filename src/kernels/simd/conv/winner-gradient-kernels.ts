/**
 * The gradient at the filters of a convolution behind which relu and max pooling follow, from the windows' winners
 * alone. Pooling by windows of 2x2 hands the gradient to one output in four, relu to none where that output is not
 * positive. The others' is 0, so nothing need be multiplied with it,
 *
 *   dw[filter, channel, y, x] = sum over windows of g x[channel, row of the winner + y, column of the winner + x]
 *
 * and neither their gradient nor any transform of it is ever written. A pixel of four channels is one vector. So a
 * window is as many products as the filter has taps, 9 or 25, about what Winograd's F(4x4, 3x3), 9, and F(2x4, 5x5),
 * 24, need for its four outputs, and all the transforms are saved, which with few channels are most of the work.
 *
 * A task goes through bands of padded images. It lists the winners of every filter, then copies one group of four
 * channels after another into pixels (a strip, winograd-transforms.ts), and for each filter goes through its list once
 * for so many rows of taps as have their sums in registers.
 *
 * The winners may also be found in the gradient at the convolution's own output, where it comes from pooling that was
 * computed by itself: no window has two numbers that are not 0 then. Both ways give the same bits.
 *
 * Layouts: lists (filter, entry), the first entry being the address of the list's end, the others a window each: bytes
 * in the strip from the first pixel to that under the filter's first tap, and the gradient. Sums (group of images,
 * filter, vector): that of the gradient itself, by four lanes, then channel group by channel group those of the taps.
 */

import {
  callValue, constant, defineFunction, type FunctionReference, load, loadSplat, loadZero, multiplyAdd, select, shuffle,
  splat, type Value, vectorConstant,
} from '../../../wasm/index.ts';
import { type ArgumentTypes, Kernel, type KernelBuilder } from '../kernel.ts';
import { eachOfEvenShare, eachOfShare, least } from '../vectors.ts';
import { emitStrip, zero } from './winograd-transforms.ts';

/** Taps a side of the filters that there are kernels for, and the rows of taps whose sums are kept at a time. */
const rowsTogether = { 3: 3, 5: 2, 7: 1 } as const;
export type WinnerTaps = keyof typeof rowsTogether;

type WinnerKernels<Types extends ArgumentTypes> = Readonly<Record<WinnerTaps, Kernel<Types>>>;

function winnerKernels<Types extends ArgumentTypes>(name: string, types: Types): WinnerKernels<Types> {
  const kernel = (taps: WinnerTaps): Kernel<Types> => new Kernel(`f32_winner_${name}_${taps}x${taps}`, types);
  return { 3: kernel(3), 5: kernel(5), 7: kernel(7) };
}

const gradientArguments = {
  channels: 'i32', height: 'i32', width: 'i32', filters: 'i32', padTop: 'i32', padLeft: 'i32', outWidth: 'i32',
  // of a plane's windows; a band has so many rows of them
  windowRows: 'i32', windowColumns: 'i32', bandRows: 'i32', bands: 'i32',
  chunks: 'i32', groups: 'i32', channelGroups: 'i32', filterBytes: 'i32', listOffset: 'i32', listBytes: 'i32',
  // with argmax null dout is the gradient before pooling; a task that finds two winners in a window of it notes a 1
  x: 'input', dout: 'input', reluOut: 'input?', argmax: 'input?', failed: 'scratch', sums: 'scratch',
  scratch: 'perThread',
} as const;
/** Task: a group of the chunks, which are the bands of all images, whose sums are added up one after another. */
export const winnerGradient: WinnerKernels<typeof gradientArguments> = winnerKernels('gradient', gradientArguments);

const reduceArguments = {
  channels: 'i32', channelGroups: 'i32', filters: 'i32', filterBytes: 'i32', perTask: 'i32', groups: 'i32',
  sums: 'scratch', dw: 'output', db: 'output',
} as const;
/** Task: the gradients of perTask filters and their biases from the groups' sums. */
export const winnerReduce: WinnerKernels<typeof reduceArguments> = winnerKernels('reduce', reduceArguments);

/** Bytes of an entry of a list. */
export const entryBytes = 8;

/** Adds the kernels to the module. */
export function emitWinnerGradient(kernels: KernelBuilder): void {
  // in any form one vector is a pixel
  const strip = emitStrip(kernels.module, { vectors: 1, lanes: 4, bytes: 16 });
  for (const taps of [3, 5, 7] as const) {
    emitGradient(kernels, taps, strip);
    emitReduce(kernels, taps);
  }
}

/**
 * products(list, count, from, rowBytes, sums): adds to the sums of `rows` rows of taps what the listed winners give, at
 * least one, whose pixels lie at their bytes from `from`, a row of the strip rowBytes further.
 */
function emitProducts(kernels: KernelBuilder, taps: WinnerTaps, rows: number): FunctionReference {
  const { module, relaxed } = kernels;
  return defineFunction(module, `f32_winner_products_${rows}x${taps}__simd128`, new Array<'i32'>(5).fill('i32'), [], (
    f, list, count, from, rowBytes, to,
  ) => {
    const sums = f.locals('f32x4', rows * taps);
    const gradient = f.local('f32x4');
    const row = f.local('i32');
    sums.forEach((sum) => f.set(sum, zero));
    f.countdown(count, () => {
      f.set(row, from.add(load('i32', list)));
      f.set(gradient, loadSplat('f32x4', list, 4));
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < taps; x++) {
          const sum = sums[y * taps + x];
          f.set(sum, multiplyAdd(gradient, load('f32x4', row, 16 * x), sum, relaxed));
        }
        if (y < rows - 1) f.increase(row, rowBytes);
      }
      f.increase(list, entryBytes);
    });
    sums.forEach((sum, i) => f.store(to, load('f32x4', to, 16 * i).add(sum), 16 * i));
  });
}

/**
 * list(dout, reluOut, argmax, rows, columns, width, first, list, sum) -> its end: the windows of some rows of a plane
 * whose output is positive. The winners of the first row are among the pixels from number `first` on of a plane as wide
 * as that. Their gradients are added to the vector at `sum`.
 */
function emitList(kernels: KernelBuilder, taps: WinnerTaps): FunctionReference {
  const name = `f32_winner_list_${taps}x${taps}__simd128`;
  return defineFunction(kernels.module, name, new Array<'i32'>(9).fill('i32'), ['i32'], (
    f, dout, reluOut, argmax, rows, columns, width, first, list, sumAt,
  ) => {
    const beyond = taps - 1; // pixels that a row of the strip has more than one of the output
    const [left, place, stripRow] = f.locals('i32', 3);
    const [sum, gradient] = f.locals('f32x4', 2);
    const [places, positive] = f.locals('i32x4', 2);
    const advance = (bytes: number): void => {
      for (const pointer of [dout, reluOut, argmax]) f.increase(pointer, bytes);
    };
    f.set(sum, zero);
    f.set(stripRow, 0);
    f.countdown(rows, () => {
      f.set(left, columns.shrU(2));
      f.repeat(left, () => {
        f.set(positive, load('f32x4', reluOut).gt(zero).as('i32x4'));
        f.set(gradient, load('f32x4', dout).and(positive));
        f.set(sum, sum.add(gradient));
        f.set(places, load('i32x4', argmax).sub(splat('i32x4', first)));
        const further = places.ge(splat('i32x4', width)).and(constant('i32x4', beyond));
        f.set(places, places.add(further).shl(4).add(splat('i32x4', stripRow)));
        for (const half of [0, 1]) {
          const lanes = half === 0 ? [0, 4, 1, 5] : [2, 6, 3, 7];
          const entries = f.let(shuffle(places.as('f32x4'), gradient, lanes).as('f64x2'));
          for (const lane of [0, 1]) { // each is written, but the next one over it unless it counts
            f.storeLane(list, entries, lane);
            f.increase(list, positive.lane(2 * half + lane).and(entryBytes));
          }
        }
        advance(16);
      });
      f.set(left, columns.and(3));
      f.repeat(left, () => {
        f.if(load('f32', reluOut).gt(0), () => {
          f.set(place, load('i32', argmax).sub(first));
          f.increase(place, select(place.ge(width), constant('i32', beyond), 0));
          f.store(list, place.shl(4).add(stripRow));
          f.store(list, load('f32', dout), 4);
          f.set(sum, sum.add(loadZero('f32x4', dout)));
          f.increase(list, entryBytes);
        });
        advance(4);
      });
      f.increase(first, width.shl(1));
      f.increase(stripRow, width.add(beyond).shl(5));
    });
    f.store(sumAt, load('f32x4', sumAt).add(sum));
    f.return(list);
    f.trap();
  });
}

/**
 * find(dout, rows, columns, list, sum) -> the list's end, or 0 where a window has two numbers that are not 0: the same
 * from the gradient before pooling, whose rows have twice as many columns.
 */
function emitFind(kernels: KernelBuilder, taps: WinnerTaps): FunctionReference {
  const name = `f32_winner_find_${taps}x${taps}__simd128`;
  return defineFunction(kernels.module, name, new Array<'i32'>(5).fill('i32'), ['i32'], (
    f, dout, rows, columns, list, sumAt,
  ) => {
    const rowBytes = f.let(columns.shl(3));
    const stripRow = f.let(columns.shl(1).add(taps - 1).shl(4));
    const [left, place, at] = f.locals('i32', 3);
    const [sum, gradient] = f.locals('f32x4', 2);
    const [winners, steps] = f.locals('i32x4', 2);
    const none = constant('i32x4', 0);
    const down = f.let(splat('i32x4', stripRow));
    f.set(sum, zero);
    f.set(place, 0);
    /** Of four windows, or of one and three of zeros, the entries of the first `many`. */
    const entries = (load8: (from: Value) => readonly Value[], many: number): void => {
      const pixels = [dout, dout.add(rowBytes)].flatMap((from) => {
        const [first, second] = load8(from).map((half) => f.let(half));
        return [[0, 2, 4, 6], [1, 3, 5, 7]].map((lanes) => f.let(shuffle(first, second, lanes)));
      });
      f.set(winners, none);
      f.set(gradient, zero);
      f.set(steps, none);
      const right = constant('i32x4', 16);
      [none, right, down, down.add(right)].forEach((step, i) => {
        const mask = f.let(pixels[i].ne(zero).as('i32x4'));
        f.set(winners, winners.add(mask)); // -1 for each
        f.set(gradient, gradient.or(pixels[i].and(mask)));
        f.set(steps, steps.or(step.and(mask)));
      });
      f.if(winners.lt(constant('i32x4', -1)).anyTrue(), () => f.return(constant('i32', 0)));
      f.set(sum, sum.add(gradient));
      f.set(steps, steps.add(splat('i32x4', at)).add(vectorConstant('i32x4', [0, 32, 64, 96])));
      for (let lane = 0; lane < many; lane++) {
        const half = lane < 2 ? [0, 4, 1, 5] : [2, 6, 3, 7];
        f.storeLane(list, shuffle(steps.as('f32x4'), gradient, half).as('f64x2'), lane & 1);
        f.increase(list, winners.lane(lane).and(entryBytes));
      }
      f.increase(dout, 8 * many);
      f.increase(at, 32 * many);
    };
    f.countdown(rows, () => {
      f.set(at, place);
      f.set(left, columns.shrU(2));
      f.repeat(left, () => entries((from) => [load('f32x4', from), load('f32x4', from, 16)], 4));
      f.set(left, columns.and(3));
      f.repeat(left, () => entries((from) => [loadZero('f64x2', from).as('f32x4'), zero], 1));
      f.increase(dout, rowBytes);
      f.increase(place, stripRow.shl(1));
    });
    f.store(sumAt, load('f32x4', sumAt).add(sum));
    f.return(list);
    f.trap();
  });
}

function emitGradient(kernels: KernelBuilder, taps: WinnerTaps, strip: FunctionReference): void {
  const together = rowsTogether[taps];
  const [list, find] = [emitList(kernels, taps), emitFind(kernels, taps)];
  const products = emitProducts(kernels, taps, together);
  const rest = taps % together === 0 ? products : emitProducts(kernels, taps, taps % together);
  kernels.define(winnerGradient[taps], (f, s, task) => {
    const stripWidth = f.let(s.outWidth.add(taps - 1));
    const rowBytes = f.let(stripWidth.shl(4));
    const planeBytes = f.let(s.height.mul(s.width).shl(2));
    const windowBytes = f.let(s.windowRows.mul(s.windowColumns).shl(2));
    const lists = f.let(s.scratch.add(s.listOffset));
    const sums = f.let(s.sums.add(task.mul(s.filters).mul(s.filterBytes)));
    const [image, firstRow, filter, group, from, lanes, at, sumAt, count, end] = f.locals('i32', 10);
    f.fill(sums, 0, s.filters.mul(s.filterBytes));
    const failed = f.let(s.failed.add(task.shl(2)));
    f.store(failed, constant('i32', 0));
    const eachFilter = (write: () => void): void => {
      f.set(at, lists);
      f.set(filter, s.filters);
      f.countdown(filter, () => {
        write();
        f.increase(sumAt, s.filterBytes);
        f.increase(at, s.listBytes);
      });
    };
    eachOfEvenShare(f, task, s.groups, s.chunks, (chunk) => {
      f.set(image, chunk.divU(s.bands));
      f.set(firstRow, chunk.sub(image.mul(s.bands)).mul(s.bandRows));
      const rows = f.let(least(s.bandRows, f.let(s.windowRows.sub(firstRow))));
      f.set(from, image.mul(s.filters).mul(windowBytes).add(firstRow.mul(s.windowColumns).shl(2)));
      f.set(sumAt, sums);
      eachFilter(() => {
        f.if(s.argmax, () => {
          f.set(end, callValue(list, 'i32', s.dout.add(from), s.reluOut.add(from), s.argmax.add(from), rows,
            s.windowColumns, s.outWidth, firstRow.mul(s.outWidth).shl(1), at.add(entryBytes), sumAt));
        }, () => {
          f.set(end, callValue(find, 'i32', s.dout.add(from.shl(2)), rows, s.windowColumns, at.add(entryBytes), sumAt));
          f.if(end.eqz(), () => {
            f.store(failed, constant('i32', 1));
            f.return();
          });
        });
        f.store(at, end);
        f.increase(from, windowBytes);
      });

      f.set(from, s.x.add(image.mul(s.channels).mul(planeBytes)));
      f.set(lanes, s.channels);
      f.for(group, 0, s.channelGroups, 1, () => {
        f.call(strip, from, planeBytes, lanes, firstRow.shl(1).sub(s.padTop), rows.shl(1).add(taps - 1), s.height,
          s.width, s.padLeft, s.scratch, stripWidth);
        f.set(sumAt, sums.add(16).add(group.mul(16 * taps * taps)));
        eachFilter(() => {
          f.set(count, load('i32', at).sub(at).shrU(Math.log2(entryBytes)).sub(1));
          f.if(count, () => {
            for (let row = 0; row < taps; row += together) {
              f.call(row + together <= taps ? products : rest, at.add(entryBytes), count,
                s.scratch.add(rowBytes.mul(row)), rowBytes, sumAt.add(16 * taps * row));
            }
          });
        });
        f.increase(from, planeBytes.shl(2));
        f.set(lanes, lanes.sub(4));
      });
    });
  });
}

function emitReduce(kernels: KernelBuilder, taps: WinnerTaps): void {
  const tapCount = taps * taps;
  kernels.define(winnerReduce[taps], (f, s, task) => {
    const groupBytes = f.let(s.filters.mul(s.filterBytes));
    const [from, to, at, left, tap, channel, group] = f.locals('i32', 7);
    const sum = f.local('f32x4');
    const addGroups = (): void => {
      f.set(sum, zero);
      f.set(at, from);
      f.set(left, s.groups);
      f.countdown(left, () => {
        f.set(sum, sum.add(load('f32x4', at)));
        f.increase(at, groupBytes);
      });
      f.increase(from, 16);
    };
    eachOfShare(f, task, s.perTask, s.filters, (filter) => {
      f.set(from, s.sums.add(filter.mul(s.filterBytes)));
      f.set(to, s.dw.add(filter.mul(s.channels).mul(4 * tapCount)));
      addGroups();
      f.set(channel, s.channels);
      f.store(s.db.add(filter.shl(2)), sum.lane(0).add(sum.lane(1)).add(sum.lane(2)).add(sum.lane(3)));
      f.for(group, 0, s.channelGroups, 1, () => {
        f.set(tap, tapCount);
        f.countdown(tap, () => {
          addGroups();
          f.set(at, to);
          for (let lane = 0; lane < 4; lane++) {
            f.if(channel.gt(lane), () => f.storeLane(at, sum, lane));
            f.increase(at, 4 * tapCount);
          }
          f.increase(to, 4);
        });
        f.increase(to, 12 * tapCount);
        f.set(channel, channel.sub(4));
      });
    });
  });
}
