/** Which convolutions with windows of 3x3 that move by 2 are made of transformed tiles, and in which pieces. */

import { settings } from '../../../runtime/settings.ts';
import type { FloatArray } from '../../contract.ts';
import type { ConvGeometry } from '../../geometry.ts';
import { isClose, isPlain } from './choose.ts';

/** Outputs of a tile in each direction where windows of 3x3 move by 2 (see halving-algebra.ts). */
const halvingTile = 4;
/** Bytes of transformed tiles that a task works on at a time. */
export const halvingChunkBytes: number = 512 * 1024;
/** Fewest tiles of a chunk, so that a transformed filter that was fetched is used often enough. */
export const halvingLeastTiles = 32;
/** Tiles whose products make up for one more sum of the gradient at the filters that is kept apart. */
export const halvingGroupTiles = 100;
/** Tiles, and tiles times channels times filters, from which on it is worth transforming the filters. */
const halvingWorthTiles = 16;
const halvingWorthProducts = 8192;
/**
 * Bytes that the transformed filters may take: they are 11 times the filters, and their gradient takes two sums of them
 * at least. 4 images of 512 channels are slower so, 1024 channels took 1.5 GB.
 */
const halvingMostFilterBytes = 64 * 1024 * 1024;
/** Bytes of an image's tiles up to which the gradient at the input is made so: its tasks take whole images. */
const halvingMostImageBytes = 4 * 1024 * 1024;

/** Tiles of an image. */
export function halvingTiles(g: ConvGeometry): number {
  return Math.ceil(g.outHeight / halvingTile) * Math.ceil(g.outWidth / halvingTile);
}

/** Bytes of a tile, transformed, and of its products. */
export function halvingTileBytes(g: ConvGeometry): number {
  return 4 * (81 * g.channels + 25 * g.filters);
}

/**
 * True when a convolution with windows of 3x3 that move by 2, and its gradient at the filters, are made of transformed
 * tiles. Forward and backward in milliseconds on two threads, direct and so, 100 images: 16 -> 32 channels at 32x32
 * 10.0 and 6.6, 32 -> 64 at 16x16 9.8 and 6.4, 64 -> 128 at 8x8 17.4 and 6.9, 8 -> 8 at 32x32 2.2 and 1.7; of one image
 * 16 -> 32 at 32x32 take the same both ways, 32 -> 64 at 16x16 a quarter more so.
 */
export function takesHalving(x: FloatArray, g: ConvGeometry): boolean {
  const isUsual = g.kernelHeight === 3 && g.kernelWidth === 3 && g.strideY === 2 && g.strideX === 2 && isPlain(g);
  const fits = isClose(g) && g.padTop >= 0 && g.padLeft >= 0;
  const isWhole = g.channels % 8 === 0 && g.filters % 8 === 0;
  const isSmall = 400 * g.channels * g.filters <= halvingMostFilterBytes; // 25 points, 4 kinds at most, 4 bytes
  const isFull = 4 * g.outHeight * g.outWidth >= 3 * halvingTile ** 2 * halvingTiles(g);
  const tiles = g.batch * halvingTiles(g);
  const isWorth = tiles >= halvingWorthTiles && tiles * g.channels * g.filters >= halvingWorthProducts;
  return isUsual && fits && isWhole && isSmall && isFull && isWorth && x instanceof Float32Array && !settings().strict;
}

/** True when its gradient at the input is made so, too. */
export function takesHalvingGradient(x: FloatArray, g: ConvGeometry): boolean {
  return takesHalving(x, g) && halvingTiles(g) * halvingTileBytes(g) <= halvingMostImageBytes;
}
