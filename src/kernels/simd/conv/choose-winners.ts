/** Which gradients at filters are made from pooling's winners alone (see winner-gradient-kernels.ts). */

import { settings } from '../../../runtime/settings.ts';
import type { FloatArray } from '../../contract.ts';
import type { ConvGeometry, PoolGeometry } from '../../geometry.ts';
import { isHalved, isPlain } from './choose.ts';

/**
 * Channels up to which the gradients at the filters are made from pooling's winners, by taps. With the gradient at the
 * input, where it is wanted, which is the same in both, backwards takes on one thread, in place of Winograd's method
 * (beside it on Node 20 and 22, whose engines keep fewer sums in registers): 3 -> 8 channels 0.50 (0.54), 8 -> 16 0.84
 * (0.91 to 0.98), 16 -> 32 at 8x8 0.93 (0.83 to 0.94), 32 -> 64 at 16x16 0.82 (1.11 to 1.16); 5x5, 3 -> 64 0.33,
 * 32 -> 32 0.82 (0.90), 64 -> 32 0.80 (0.91); 7x7, 3 -> 32, 0.5.
 */
const winnerMostChannels: Readonly<Record<number, number>> = { 3: 16, 5: 64, 7: 4 };
/** Windows of a plane from which it is worth it: with 4 of them, 32 -> 64 channels, it takes 1.08. */
const winnerLeastWindows = 16;
/** Windows of a row up to which it is done: their products are added up in one chain. */
const winnerMostColumns = 1024;
/** Bytes of padded pixels that a task works on at a time: what stays in the first-level cache beside its lists. */
export const winnerStripBytes: number = 24 * 1024;

/**
 * True when the gradients at the filters are made from winners where pooling by windows of 2x2 follows, whether it
 * hands them on or they must be found. Under strict they are not: the definition multiplies pixels with the zeros
 * between the winners, and makes NaN of infinity.
 */
export function mayHaveWinners(x: FloatArray, g: ConvGeometry): boolean {
  const { kernelHeight: taps, strideY, strideX } = g;
  const fits = g.kernelWidth === taps && strideY === 1 && strideX === 1 && isPlain(g);
  const isEven = g.outHeight % 2 === 0 && g.outWidth % 2 === 0;
  const windows = g.outHeight * g.outWidth / 4;
  const isWorth = g.channels <= (winnerMostChannels[taps] ?? 0) && windows >= winnerLeastWindows;
  const isShort = g.outWidth <= 2 * winnerMostColumns;
  return fits && isEven && isWorth && isShort && x instanceof Float32Array && !settings().strict;
}

/** True where such pooling follows as one with the convolution. */
export function takesWinners(x: FloatArray, g: ConvGeometry, pool: PoolGeometry): boolean {
  return isHalved(g, pool) && mayHaveWinners(x, g);
}
