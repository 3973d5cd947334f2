/**
 * The products at one point that Winograd's convolutions and those of halving-tiles.ts share: transformed tiles times
 * transformed filters, and, for the gradient at the filters, transformed tiles times the transformed gradient. They
 * need no packing: a register tile of 4 or 5 tiles x 8 filters (8 x 8 in the wide form) broadcasts one channel of each
 * tile against a row of the transformed filters, one of 4 channels x 8 filters one of each channel against those of a
 * tile.
 */

import {
  type Body, constant, defineFunction, type FunctionReference, load, loadSplat, type Local, multiplyAdd, type Value,
} from '../../../wasm/index.ts';
import type { KernelForm } from '../../team/part.ts';
import type { KernelBuilder } from '../kernel.ts';
import { least } from '../vectors.ts';
import { pixelShape, zero } from './winograd-transforms.ts';

/** Tiles of which the arrays have room for whole blocks, a power of 2: the last of such a block may be missing. */
export function tilesTogether({ wide }: Pick<KernelForm, 'wide'>): number {
  return wide ? 8 : 4;
}

/** Tiles that a product best takes together. */
export function tilesBest(form: Pick<KernelForm, 'wide' | 'five'>): number {
  return form.five ? 5 : tilesTogether(form);
}

/**
 * Channels whose products are added up at a time, because the error of a sum grows with its length. In one chain
 * windows of 3x3 over 320 channels had 1.6 times the error allowed, 0.8 so; those that move by 2, with up to 4 products
 * for every channel, had 2.05 over 112, 0.97 so.
 */
const chainDepth = 64;

/**
 * Shares tiles among register tiles of five and four, as few of four as there can be: 13 are 5 + 4 + 4. Where there
 * are too few for that (1, 2, 3, 6, 7, 11) the last of four is filled up. Five are 7 loads for 10 products where four
 * are 6 for 8, which tells where another thread of the same core, or another machine on it, keeps the loads busy.
 * The 10 sums take 15 registers with what they are made of, so that an engine must not make all loads first: those of
 * Node 20 and 22 do, and take a quarter longer than with four.
 */
function shareTiles(f: Body, tiles: Value, fours: Local, fives: Local): void {
  f.set(fours, constant('i32', 5).sub(tiles.remU(5)).remU(5));
  const left = f.let(tiles.sub(fours.shl(2)));
  f.if(left.lt(0), () => {
    f.set(fours, tiles.add(3).shrU(2));
    f.set(fives, 0);
  }, () => f.set(fives, left.divU(5)));
}

/**
 * product(v, u, m, channels, filterBlocks, tiles, groupBytes): M = V U at one point, V (channel group, tile)
 * pixels, U (filter block, channel, 8), M (filter group, tile) pixels.
 */
export function emitTileProduct(kernels: KernelBuilder): FunctionReference {
  const { module, relaxed, wide, five } = kernels;
  const { lanes, bytes } = pixelShape(kernels);
  const together = tilesTogether(kernels);
  const parameters = new Array<'i32'>(7).fill('i32');
  return defineFunction(module, `f32_tile_product_${together}x8__simd128`, parameters, [], (
    f, v, u, m, channels, filterBlocks, tiles, groupBytes,
  ) => {
    const [vBlock, vAt, uAt, mAt, blocks, left, chain] = f.locals('i32', 7);
    const sums = f.locals('f32x4', 2 * tilesBest(kernels));
    const [b0, b1, a] = f.locals('f32x4', 3);
    // a constant takes 18 bytes of code each time; but Node 22's engine spills registers for a local in its place
    const none = five ? f.let(zero) : zero;
    const keepApart = (count: number): void =>
      f.if(chain.lt(0), () => sums.slice(0, 2 * count).forEach((sum) => f.set(sum, none)));
    const addChannel = (count: number, lane: number): void => {
      // Never so, but a branch that would change the sums keeps this channel's loads behind the products of the one
      // before: the engines of Node 20 and 22 make all loads of a group first otherwise, more than they have registers.
      if (lane > 0 && !wide) keepApart(count);
      f.set(b0, load('f32x4', uAt, lane * 32));
      f.set(b1, load('f32x4', uAt, lane * 32 + 16));
      // The engine computes an address for every offset of a splat that is new in the loop: all lanes share these.
      const at = lane === 0 ? vAt : f.let(vAt.add(4 * lane));
      for (let tile = 0; tile < count; tile++) {
        f.set(a, loadSplat('f32x4', at, tile * bytes));
        f.set(sums[2 * tile], multiplyAdd(a, b0, sums[2 * tile], relaxed));
        f.set(sums[2 * tile + 1], multiplyAdd(a, b1, sums[2 * tile + 1], relaxed));
      }
    };
    const addBlocks = (count: number): void => {
      const own = sums.slice(0, 2 * count);
      f.countdown(blocks, () => {
        f.set(vAt, vBlock);
        f.set(uAt, u);
        f.set(left, channels);
        f.doWhile(() => {
          const later = f.let(left.lt(channels));
          own.forEach((sum) => f.set(sum, none));
          f.set(chain, least(left, constant('i32', chainDepth)));
          f.set(left, left.sub(chain));
          const groups = f.let(chain.shrU(Math.log2(lanes)));
          f.repeat(groups, () => {
            for (let lane = 0; lane < lanes; lane++) addChannel(count, lane);
            f.increase(vAt, groupBytes);
            f.increase(uAt, 32 * lanes);
          });
          f.set(chain, chain.and(lanes - 1));
          f.repeat(chain, () => {
            addChannel(count, 0);
            f.increase(vAt, 4);
            f.increase(uAt, 32);
          });
          // a pair has one address: with another for its second vector the engine would join nothing here
          const second = wide ? mAt : f.let(mAt.add(groupBytes));
          const places = own.map((_, i): [Local, number] =>
            i % 2 === 0 ? [mAt, (i >> 1) * bytes] : [second, (i >> 1) * bytes + (wide ? 16 : 0)]);
          f.if(later, () => own.forEach((sum, i) => f.set(sum, sum.add(load('f32x4', ...places[i])))));
          own.forEach((sum, i) => f.store(places[i][0], sum, places[i][1]));
        }, () => left.gt(0));
        f.increase(vBlock, count * bytes);
        f.increase(mAt, count * bytes);
      });
    };
    const blockBytes = f.let(channels.add(lanes - 1).and(-lanes).shl(5));
    const [small, large] = f.locals('i32', 2);
    if (five) shareTiles(f, tiles, small, large);
    else f.set(small, tiles.add(together - 1).divU(together));
    f.countdown(filterBlocks, () => {
      f.set(vBlock, v);
      f.set(mAt, m);
      if (five) {
        f.set(blocks, large);
        f.if(blocks, () => addBlocks(5));
        f.set(blocks, small);
        f.if(blocks, () => addBlocks(together));
      } else {
        f.set(blocks, small);
        addBlocks(together);
      }
      f.increase(u, blockBytes);
      f.increase(m, groupBytes.mul(8 / lanes));
    });
  });
}

/**
 * gradientProduct(v, z, du, channelGroups, blocks, roomBlocks, tiles, groupBytes): dU += V^T Z at one point, for the
 * first `rows` channels of each group (all of them, where it is left out) and so many blocks of filters, where dU has
 * room for so many. Z (filter group, tile) pixels, dU (group of 4 channels, filter block, 4 channels, 8). The sum over
 * the tiles is made apart and then added: one long chain through all chunks would lose precision.
 */
export function emitGradientProduct(
  kernels: KernelBuilder, rows: number = pixelShape(kernels).lanes,
): FunctionReference {
  const { module, relaxed, wide } = kernels;
  const { lanes, bytes } = pixelShape(kernels);
  return defineFunction(module, `f32_gradient_product_${rows}x8__simd128`, new Array<'i32'>(8).fill('i32'), [], (
    f, v, z, du, channelGroups, blocks, roomBlocks, tiles, groupBytes,
  ) => {
    const [vAt, z0, z1, zBlock, blocksLeft, left, duAt, duNext] = f.locals('i32', 8);
    const blockBytes = f.let(roomBlocks.shl(7));
    const sums = f.locals('f32x4', 2 * rows);
    const [b0, b1, a] = f.locals('f32x4', 3);
    f.countdown(channelGroups, () => {
      f.set(zBlock, z);
      f.set(blocksLeft, blocks);
      f.set(duAt, du);
      f.countdown(blocksLeft, () => {
        sums.forEach((sum) => f.set(sum, zero));
        f.set(vAt, v);
        f.set(z0, zBlock);
        f.set(z1, wide ? zBlock.add(16) : zBlock.add(groupBytes));
        f.set(left, tiles);
        f.countdown(left, () => {
          f.set(b0, load('f32x4', z0));
          f.set(b1, wide ? load('f32x4', z0, 16) : load('f32x4', z1));
          for (let lane = 0; lane < rows; lane++) {
            f.set(a, loadSplat('f32x4', vAt, lane * 4));
            f.set(sums[2 * lane], multiplyAdd(a, b0, sums[2 * lane], relaxed));
            f.set(sums[2 * lane + 1], multiplyAdd(a, b1, sums[2 * lane + 1], relaxed));
          }
          for (const pointer of wide ? [vAt, z0] : [vAt, z0, z1]) f.increase(pointer, bytes);
        });
        f.set(duNext, duAt);
        for (let channel = 0; channel < rows; channel += 4) {
          const added = sums.slice(2 * channel, 2 * channel + 8);
          added.forEach((sum, i) => f.set(sum, sum.add(load('f32x4', duNext, i * 16))));
          added.forEach((sum, i) => f.store(duNext, sum, i * 16));
          f.increase(duNext, blockBytes);
        }
        f.increase(duAt, 128);
        f.increase(zBlock, groupBytes.mul(8 / lanes));
      });
      f.increase(v, groupBytes);
      f.increase(du, blockBytes.mul(lanes / 4));
    });
  });
}
