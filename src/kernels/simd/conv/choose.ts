/**
 * Which convolution takes which path (choose-halving.ts has that of windows that move by 2). The figures behind the
 * choice are repeated by `npm run bench:tune`.
 *
 * Winograd's products are a quarter of the direct ones, but its transforms cost the same whether there are many filters
 * and channels to share them or few. Forward, on one core, effective GFLOP/s of Winograd : direct: 3 -> 8 at 32x32
 * 32 : 27, 3 -> 16 35 : 27, 3 -> 64 30 : 24, 3 -> 64 with 5x5 38 : 27 (in the wide form 33 : 36, 42 : 38, 42 : 38, 48 :
 * 43), 16 -> 32 at 16x16 99 : 38, 32 -> 64 at 4x4 103 : 19, 64 -> 64 at 32x32 123 : 39.
 *
 * Under strict no convolution takes Winograd, halving, Toeplitz or the dense form: they multiply and add pixels that
 * the definition keeps apart, and so hand NaN and infinity to more outputs, or make NaN of infinity. Nor do scaled
 * convolutions become products of 1x1 windows then: those scale the filters first, which may overflow where the
 * definition does not.
 */

import { settings } from '../../../runtime/settings.ts';
import type { FloatArray } from '../../contract.ts';
import type { ConvGeometry, PoolGeometry } from '../../geometry.ts';

/** True when every output sees every channel, through a window without gaps: what the two indirect forms need. */
export function isPlain(g: ConvGeometry): boolean {
  return g.groups === 1 && g.dilationY === 1 && g.dilationX === 1;
}

/** True when every pixel meets a window: one that meets none would reach the outputs or gradients of its tile. */
function isMet(g: ConvGeometry): boolean {
  return g.height + g.padTop <= (g.outHeight - 1) * g.strideY + g.kernelHeight
    && g.width + g.padLeft <= (g.outWidth - 1) * g.strideX + g.kernelWidth;
}

/** True when every window meets a pixel, too: rows of more windows are longer than the room that their tiles have. */
export function isClose(g: ConvGeometry): boolean {
  return isMet(g) && g.padTop < g.kernelHeight && (g.outHeight - 1) * g.strideY < g.height + g.padTop
    && g.padLeft < g.kernelWidth && (g.outWidth - 1) * g.strideX < g.width + g.padLeft;
}

/** True when every channel is convolved by itself, with one filter, so that there is nothing to add over channels. */
export function takesDepthwise(g: ConvGeometry): boolean {
  return g.groups > 1 && g.groups === g.channels && g.groups === g.filters;
}

/**
 * The stride of a depthwise convolution of the usual form, 3x3 with a border of one pixel: 1, or 2 on even sizes; 0 for
 * all others.
 */
function usualStride(g: ConvGeometry): 0 | 1 | 2 {
  const { strideY: stride, outHeight, outWidth } = g;
  const isUsual = g.kernelHeight === 3 && g.kernelWidth === 3 && g.padTop === 1 && g.padLeft === 1
    && g.dilationY === 1 && g.dilationX === 1 && g.strideX === stride && (stride === 1 || stride === 2);
  const isWhole = outHeight * stride === g.height && outWidth * stride === g.width;
  return isUsual && isWhole ? stride : 0;
}

/**
 * The stride of the usual form where its output has rows of whole vectors, else 0 (see depthwise-row-kernels.ts,
 * depthwise-halving-kernels.ts).
 */
export function depthwiseStride(x: FloatArray, g: ConvGeometry): 0 | 1 | 2 {
  return (g.outWidth * x.BYTES_PER_ELEMENT) % 16 === 0 ? usualStride(g) : 0;
}

/** The same where its output is 2x2 float32, which are one vector, else 0 (see depthwise-quad-kernels.ts). */
export function depthwiseQuadStride(x: FloatArray, g: ConvGeometry): 0 | 1 | 2 {
  return g.outHeight === 2 && g.outWidth === 2 && x instanceof Float32Array ? usualStride(g) : 0;
}

/** Fewest channels times filters for which a 1x1 convolution is a product; below, the tiles would be mostly empty. */
const pointwiseLeastFilters = 256;
/**
 * Pixels of a plane from which on every image is a product of its own: 512 -> 512 at 4x4 gathered 35, by images 38
 * GFLOP/s; the gradient at the filters 34 and 30, because the sum goes to memory and back for every image
 */
export const pointwiseLeastPixels = 16;
export const pointwiseGradientLeastPixels = 64;

/** True when the convolution is a product at every pixel (see pointwise.ts). One pixel is left to takesDense. */
export function takesPointwise(g: ConvGeometry): boolean {
  const isWhole = g.outHeight === g.height && g.outWidth === g.width;
  return isProduct(g) && isWhole && g.strideY === 1 && g.strideX === 1;
}

/**
 * True when it is one at every pixel that windows meet (see pointwise-stride.ts): 16 -> 32 channels on 32x32 pixels of
 * 100 images, forward and backward, take 1.84 in place of 3.28 ms on two threads, 32 -> 64 on 16x16 1.30 in place of
 * 2.36.
 */
export function takesStride(g: ConvGeometry): boolean {
  const isInside = (g.outHeight - 1) * g.strideY < g.height && (g.outWidth - 1) * g.strideX < g.width;
  return isProduct(g) && isInside && (g.strideY > 1 || g.strideX > 1);
}

/** What the two have in common. */
function isProduct(g: ConvGeometry): boolean {
  const isPoint = g.kernelHeight === 1 && g.kernelWidth === 1 && g.padTop === 0 && g.padLeft === 0;
  return isPoint && g.outHeight * g.outWidth > 1 && g.channels * g.filters >= pointwiseLeastFilters && g.groups === 1;
}

/** Pixels of the image, and of the output, up to which a convolution is a matrix product, and the batch it takes. */
const denseMostPixels = 4;
const denseLeastBatch = 16;

/**
 * True when the convolution is done as a matrix product: on 2x2 pixels a window of 3x3 with pad 1 meets them all, where
 * Winograd's tiles of 4x4 outputs would be three quarters empty. The matrix must be small beside the batch's work.
 */
export function takesDense(g: ConvGeometry): boolean {
  const isTiny = g.height * g.width <= denseMostPixels && g.outHeight * g.outWidth <= denseMostPixels;
  const isSquare = g.strideY === g.strideX && g.padTop === g.padLeft;
  return isTiny && isSquare && isPlain(g) && isClose(g) && g.batch >= denseLeastBatch && !settings().strict;
}

/** Fewest channels times filters for which 9 small products are worth it. */
const toeplitzLeastFilters = 256;

/**
 * True when the convolution is one of 2x2 pixels that is done in 9 products (see toeplitz-kernels.ts). Forward and
 * backward in microseconds on one thread, in the dense form, so and by Winograd's method: 64 -> 64 channels of 100
 * images 978, 544, 2994, of one 123, 36, 157; 16 -> 16 of 100 60, 42, 240; 256 -> 256 of 50 15 900, 4700, 28 300.
 */
export function takesToeplitz(x: FloatArray, g: ConvGeometry): boolean {
  const { channels, filters } = g;
  const isUsual = g.height === 2 && g.width === 2 && usualStride(g) === 1 && isPlain(g);
  const isWorth = channels % 4 === 0 && filters % 4 === 0 && channels * filters >= toeplitzLeastFilters;
  return isUsual && isWorth && x instanceof Float32Array && !settings().strict;
}

/** Fewest channels and filters for which Winograd is taken: those of an image, and most of a block of 8. */
const winogradLeastChannels = 3;
const winogradLeastFilters = 6;

/** True when the convolution and its gradients take Winograd's method; else the direct kernels. */
export function takesWinograd(x: FloatArray, g: ConvGeometry): boolean {
  const taps = g.kernelHeight;
  const isSquare = (taps === 3 || taps === 5) && g.kernelWidth === taps && g.strideY === 1 && g.strideX === 1;
  const fits = isSquare && isClose(g) && isPlain(g);
  const isWorth = g.channels >= winogradLeastChannels && g.filters >= winogradLeastFilters;
  return fits && isWorth && x instanceof Float32Array && !settings().strict;
}

/**
 * True when a convolution that takes Winograd's method can have relu and max pooling at its end: windows of 2x2 that
 * cover the output once. Its bands of output rows then hold whole windows, since they have two rows or four.
 */
export function takesPooledWinograd(x: FloatArray, g: ConvGeometry, pool: PoolGeometry): boolean {
  return isHalved(g, pool) && takesWinograd(x, g) && !takesToeplitz(x, g) && !takesDense(g);
}

/** True when pooling goes by windows of 2x2 that cover the convolution's output once. */
export function isHalved(g: ConvGeometry, pool: PoolGeometry): boolean {
  const isHalving = [pool.poolHeight, pool.poolWidth, pool.strideY, pool.strideX].every((each) => each === 2);
  return isHalving && pool.padTop === 0 && pool.padLeft === 0 && 2 * pool.outHeight === g.outHeight
    && 2 * pool.outWidth === g.outWidth;
}

/** Taps, in each direction, of the four blocks that a large window is cut into (see blocks.ts). */
export const blockTaps = 4;
/** Bytes that the four shifted copies of the images may take. */
const mostBlockBytes = 64 * 1024 * 1024;

/** Those that they take. */
export function blockBytes(g: ConvGeometry): number {
  return 16 * g.batch * g.channels * (g.outHeight + blockTaps - 1) * (g.outWidth + blockTaps - 1);
}

/**
 * True when the convolution, and its gradient at the filters, take Winograd's method in four blocks: 3 -> 32 channels
 * of four images, 7x7, take 0.96 in place of 1.41 ms forward, the gradient 1.56 in place of 2.72 (wide 0.54 in place of
 * 0.89, 0.65 in place of 1.40). The gradient at the input stays direct: images have few channels for it to fill.
 */
export function takesBlocks(x: FloatArray, g: ConvGeometry): boolean {
  const { kernelHeight, kernelWidth } = g;
  const isLarge = Math.min(kernelHeight, kernelWidth) >= 6 && Math.max(kernelHeight, kernelWidth) <= 8;
  const fits = isLarge && g.strideY === 1 && g.strideX === 1 && isPlain(g) && isMet(g);
  const isWorth = g.filters >= winogradLeastFilters && blockBytes(g) <= mostBlockBytes;
  return fits && isWorth && x instanceof Float32Array && !settings().strict;
}

/**
 * Bytes of transformed tiles that a Winograd task works on at a time: what stays in the second-level cache, of which a
 * neighbour may have half. On a Zen 3 core (512 KiB) network b with 100 images takes 0.96 of the time that it takes
 * with 384, ResNet-20 0.99; with 96 b takes as long as with this, with 160 c and f 0.98 to 0.99.
 */
export const winogradChunkBytes: number = 192 * 1024;
/** Fewest tiles of a chunk, so that a transformed filter that was fetched is used often enough: four times five. */
export const winogradLeastTiles = 20;
export const winogradGradientLeastTiles = 32;
/**
 * Filters for each tile of a group from which there are half as many groups, in two parts each: their sums are larger
 * then than what they are made of, and other cores fetch them. 32 -> 64 channels on 4x4 pixels, 100 images, take 295 in
 * place of 350 microseconds on two threads; with four filters a tile (128 -> 256 on 8x8) it would be 2% slower.
 */
export const winogradGradientFewTiles = 5;
/**
 * Tiles for which it is worth being a task: each fetches all transformed filters, for 64 -> 64 channels 590 KB, which
 * takes as long as four tiles' products. Eight images of 2x2 take 110 microseconds as one task and 313 as eight, of
 * 4x4 with 32 -> 64 channels 55 and 172; a step of network b with 10 images takes a tenth less.
 */
export const winogradTaskTiles = 8;
/**
 * Filters of one channel that a task transforms at least, which takes it 8 microseconds: on cores that share no cache
 * two threads took 31 microseconds for 64 -> 64 channels, in tasks of 512, where one took 16. Where there would be one
 * such task, every thread transforms them for itself: their transforms are four times their size, and on those cores
 * take longer to fetch than to make (a step of network b with 10 images 3 to 8%, of c 1 to 2%).
 */
export const winogradTaskFilters = 2048;
/**
 * Tasks below which a chunk is cut by filters too: network c on one image takes 79 in place of 94 microseconds on two
 * threads, 3% more on one. With 4 it takes 82 and 8% more: every part transforms the input anew.
 */
export const winogradLeastTasks = 2;

/** Bytes that the direct kernel's padded planes may take, before an image is cut into bands of rows. */
export const directPlaneBytes: number = 512 * 1024;

/** Tasks that a convolution is cut into at least, where its size allows: for any number of threads up to that. */
export const leastTasks = 8;

/** Sums of the filter gradient that are kept apart, one a group of images, and the bytes that all of them may take. */
export const gradientGroups = 8;
export const gradientGroupBytes: number = 40 * 1024 * 1024;

/**
 * Images up to which transformed filters are kept for the next call: with 8 that takes 7% off network d and 3% off c.
 * Training in such small batches changes them at every step, and copies them in vain.
 */
export const keptFiltersMostBatch = 8;

/** The gradients at the filters and the bias: part of convBackward. */
export type FilterGradient = (dout: FloatArray, x: FloatArray, dw: FloatArray, db: FloatArray, g: ConvGeometry) => void;
/** The gradient at x. */
export type InputGradient = (dout: FloatArray, w: FloatArray, dx: FloatArray, g: ConvGeometry) => void;
