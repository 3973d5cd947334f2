/** The sizes that kernels are told, and what backends ask about them before they choose a form for a call. */

/**
 * Sizes of a 2-d convolution: x (batch, channels, height, width), w (filters, channels / groups, kernelHeight,
 * kernelWidth). Tap (ky, kx) of the window at output pixel (oy, ox) lies over row oy strideY - padTop + ky dilationY
 * and column ox strideX - padLeft + kx dilationX; outside the image pixels are 0. Padding below and on the right is
 * what the output's size asks for. Of `groups` equal parts of the filters, the i-th sees the i-th part of the channels.
 */
export interface ConvGeometry {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly filters: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideY: number;
  readonly strideX: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly dilationY: number;
  readonly dilationX: number;
  readonly groups: number;
  readonly outHeight: number;
  readonly outWidth: number;
}

/**
 * Sizes of 2-d pooling; a plane is one channel of one example, so planes = batch * channels. The window at output pixel
 * (oy, ox) begins at row oy strideY - padTop and column ox strideX - padLeft; every window meets the image, and what of
 * it lies outside does not take part.
 */
export interface PoolGeometry {
  readonly planes: number;
  readonly height: number;
  readonly width: number;
  readonly poolHeight: number;
  readonly poolWidth: number;
  readonly strideY: number;
  readonly strideX: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly outHeight: number;
  readonly outWidth: number;
}

export interface AvgPoolGeometry extends PoolGeometry {
  /** what lies outside the image counts as zeros, so that every window is divided by its whole size */
  readonly countIncludePad: boolean;
}

/** Sizes of pooling to any output size: window i of n over m rows is rows floor(i m / n) to ceil((i + 1) m / n). */
export interface AdaptivePoolGeometry {
  readonly planes: number;
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
}

/**
 * An array seen as (outer, channels, inner) and normalised per channel over outer and inner: batchnorm on (N, D) is
 * (N, D, 1), spatial batchnorm on (N, C, H, W) is (N, C, H*W).
 */
export interface ChannelGeometry {
  readonly outer: number;
  readonly channels: number;
  readonly inner: number;
}

/**
 * An array seen as (batch, groups, channelsPerGroup, inner) and normalised per (example, group) over the last two;
 * gamma and beta have groups * channelsPerGroup elements. Layernorm on (N, D) is (N, 1, D, 1).
 */
export interface GroupGeometry {
  readonly batch: number;
  readonly groups: number;
  readonly channelsPerGroup: number;
  readonly inner: number;
}

/** Sizes of a batch of images (batch, channels, height, width). */
export interface ImageGeometry {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** True when no window of a pooling overhangs the image, so that every one has all its pixels. */
export function windowsInside(g: PoolGeometry): boolean {
  return g.padTop === 0 && g.padLeft === 0 && (g.outHeight - 1) * g.strideY + g.poolHeight <= g.height
    && (g.outWidth - 1) * g.strideX + g.poolWidth <= g.width;
}

/** Pixels of a padded plane below which padding costs nothing worth a thought, and how often it may hold the image. */
const harmlessPlane = 2 ** 20;
const mostPadding = 32;

/**
 * True when a padded plane would be nearly all padding, and large: a pad in the thousands around a small image, with a
 * stride that skips it again. Kernels that copy images into padded planes leave such calls to the plain loops, which
 * skip what lies outside; the plane might not even be addressable.
 */
export function isMostlyPadding(g: ConvGeometry): boolean {
  const height = Math.max(g.padTop + g.height, (g.outHeight - 1) * g.strideY + (g.kernelHeight - 1) * g.dilationY + 1);
  const width = Math.max(g.padLeft + g.width, (g.outWidth - 1) * g.strideX + (g.kernelWidth - 1) * g.dilationX + 1);
  const plane = height * width;
  return plane > harmlessPlane && plane > mostPadding * (g.height * g.width + g.outHeight * g.outWidth);
}
