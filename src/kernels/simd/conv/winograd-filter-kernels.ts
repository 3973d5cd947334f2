/**
 * U, the transformed filters of a Winograd convolution: as a job, as a function for threads that make one each, and
 * whether those of an earlier call still serve (see winograd-kernels.ts for the layouts).
 */

import {
  callValue, constant, defineFunction, type FunctionReference, load, loadZero, type Local,
  type ModuleBuilder,
} from '../../../wasm/index.ts';
import type { KernelBuilder } from '../kernel.ts';
import { eachOfShare, least, transpose } from '../vectors.ts';
import { type Taps, tileShape } from './winograd-algebra.ts';
import { type WinogradKernels, winogradKernels } from './winograd-kernels.ts';
import { pixelShape } from './winograd-transforms.ts';

const filterArguments = {
  filters: 'i32', channels: 'i32', channelGroups: 'i32', filterBlocks: 'i32', blocksPerTask: 'i32', uPointBytes: 'i32',
  outStride: 'i32', inStride: 'i32', rotated: 'flag',
  w: 'input', table: 'input',
  // arrays in the heap, which outlive the launch: the filters' copy, and U
  kept: 'input?', u: 'output',
} as const;
export const winogradFilters: WinogradKernels<typeof filterArguments> =
  winogradKernels('filters', filterArguments);

/** Adds the kernels to the module; gives for each size of filters the function that transforms a block of them. */
export function emitWinogradFilters(kernels: KernelBuilder): Readonly<Record<Taps, FunctionReference>> {
  const unchanged = emitUnchanged(kernels.module);
  const ofSize = (taps: Taps): FunctionReference => emitFilters(kernels, taps, unchanged);
  return { 3: ofSize(3), 4: ofSize(4), 5: ofSize(5) };
}

/**
 * unchanged(kept, filters, bytes): 1 where the filters are the very bits of the copy behind the flag at `kept`; else
 * clears the flag, makes the copy and gives 0. bytes is a multiple of 4.
 */
function emitUnchanged(module: ModuleBuilder): FunctionReference {
  return defineFunction(module, 'f32_winograd_filters_unchanged__simd128', ['i32', 'i32', 'i32'], ['i32'], (
    f, kept, filters, bytes,
  ) => {
    const [from, copy, left] = f.locals('i32', 3);
    f.block((differ) => {
      f.breakIf(differ, load('i32', kept).eqz());
      f.set(from, filters);
      f.set(copy, kept.add(keptFlagBytes));
      f.set(left, bytes);
      f.while(() => left.ge(64), () => {
        const differences = [0, 16, 32, 48].map((offset) =>
          load('i32x4', from, offset).xor(load('i32x4', copy, offset)));
        f.breakIf(differ, differences.reduce((all, one) => all.or(one)).anyTrue());
        for (const pointer of [from, copy]) f.increase(pointer, 64);
        f.set(left, left.sub(64));
      });
      f.while(() => left.gt(0), () => {
        f.breakIf(differ, load('i32', from).ne(load('i32', copy)));
        for (const pointer of [from, copy]) f.increase(pointer, 4);
        f.set(left, left.sub(4));
      });
      f.return(constant('i32', 1));
    });
    f.store(kept, constant('i32', 0));
    f.copy(kept.add(keptFlagBytes), filters, bytes);
    f.return(constant('i32', 0));
    f.trap();
  });
}

/** Bytes in front of the copy of a block of filters, of which the first 4 say that the copy's transform is finished. */
const keptFlagBytes = 16;

/** Bytes of a filter's taps for one channel. */
export function windowBytes(taps: Taps): number {
  return 4 * taps * taps;
}

/** Bytes of the flag and the copy of a block of 8 filters of so many channels. */
export function keptBlockBytes(channels: number, taps: Taps): number {
  return keptFlagBytes + 8 * windowBytes(taps) * channels;
}

/**
 * Task: U of so many blocks of 8 filters, all channels. Unless `kept` is 0, U is there from an earlier call, and is
 * left alone where the filters are still the same (only for filters that lie one behind the other). Gives the function
 * that does a block.
 */
function emitFilters(kernels: KernelBuilder, taps: Taps, unchanged: FunctionReference): FunctionReference {
  const transform = emitTransform(kernels, taps);
  kernels.define(winogradFilters[taps], (f, s, task) => {
    const kept = f.local('i32');
    eachOfShare(f, task, s.blocksPerTask, s.filterBlocks, (number) => f.block((next) => {
      f.set(kept, 0);
      f.if(s.kept, () => {
        const present = least(f.let(s.filters.sub(number.shl(3))), constant('i32', 8));
        f.set(kept, s.kept.add(number.mul(s.channels.mul(8 * windowBytes(taps)).add(keptFlagBytes))));
        const first = s.w.add(number.shl(3).mul(s.outStride));
        f.breakIf(next, callValue(unchanged, 'i32', kept, first, present.mul(s.outStride)));
      });
      f.call(transform, s.u, number, s.w, s.outStride, s.inStride, s.rotated, s.table, s.filters, s.channels,
        s.channelGroups, s.uPointBytes);
      f.if(kept, () => f.store(kept, constant('i32', 1)));
    }));
  });
  return transform;
}

/**
 * transform(u, block, w, outStride, inStride, rotated, table, filters, channels, channelGroups, uPointBytes): U of one
 * block of 8 filters, all channels. Filter f's taps for channel c are the floats at f * outStride + c * inStride. The
 * table begins with zeros, which stand for filters beyond the last. Rotated, filters are turned by 180 degrees, as the
 * gradient at the input needs them.
 */
function emitTransform(kernels: KernelBuilder, taps: Taps): FunctionReference {
  const { lanes: groupLanes } = pixelShape(kernels);
  const { inputRows, down, across } = tileShape(taps);
  const name = `f32_winograd_filter_block_${taps}x${taps}__simd128`;
  return defineFunction(kernels.module, name, new Array<'i32'>(11).fill('i32'), [], (
    f, u, block, w, outStride, inStride, rotated, table, filters, channels, channelGroups, uPointBytes,
  ) => {
    const first = f.let(u.add(block.mul(channelGroups).mul(32 * groupLanes)));
    const [half, channel, filter, padded, to] = f.locals('i32', 5);
    const sources = f.locals('i32', 4);
    const strides = f.locals('i32', 4);
    f.set(padded, channelGroups.mul(groupLanes));
    f.for(half, 0, 2, 1, () => {
      for (let lane = 0; lane < 4; lane++) {
        f.set(filter, block.shl(3).add(half.shl(2)).add(lane));
        f.if(filter.lt(filters), () => {
          f.set(sources[lane], w.add(filter.mul(outStride)));
          f.set(strides[lane], inStride);
        }, () => {
          f.set(sources[lane], table);
          f.set(strides[lane], 0);
        });
      }
      f.set(channel, 0);
      f.for(channel, 0, padded, 1, () => {
        f.if(channel.eq(channels), () => sources.forEach((source, lane) => {
          f.set(source, table);
          f.set(strides[lane], 0);
        }));
        const all: Local[] = [];
        for (let at = 0; at < windowBytes(taps); at += 16) { // in vectors; of the last only one is left
          const vectors = sources.map((source) =>
            f.let((at + 16 <= windowBytes(taps) ? load : loadZero)('f32x4', source, at)));
          all.push(...transpose(f, vectors));
        }
        const filter = all.slice(0, taps * taps);
        f.if(rotated, () => {
          for (let at = 0; at < filter.length >> 1; at++) {
            const [tap, opposite] = [filter[at], filter[filter.length - 1 - at]];
            const kept = f.let(tap);
            f.set(tap, opposite);
            f.set(opposite, kept);
          }
        });
        sources.forEach((source, lane) => f.increase(source, strides[lane]));
        const columns = Array.from({ length: taps }, (_, x) =>
          down.filter(f, filter.filter((_, at) => at % taps === x)).map((value) => f.let(value)));
        f.set(to, first.add(channel.shl(5)).add(half.shl(4)));
        for (let y = 0; y < inputRows; y++) {
          for (const value of across.filter(f, columns.map((column) => column[y]))) {
            f.store(to, value);
            f.increase(to, uPointBytes);
          }
        }
      });
    });
  });
}
