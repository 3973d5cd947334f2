/**
 * Every tuning constant of the typed-array backend. Chosen by measuring on x86-64 with Node 20 and 24; they change
 * speed, never meaning. The tile's own size is part of its micro-kernel (micro-kernel.ts).
 */

/**
 * Depth of a block of a matrix product: a 4-wide float64 panel of this depth takes 8 KiB, so that one panel of each
 * side stays in the first-level cache.
 */
export const blockDepth = 256;

/** Rows of the left matrix packed at a time: with blockDepth, 256 KiB, which stays in the second-level cache. */
export const blockRows = 128;

/** Columns of the right matrix packed at a time: with blockDepth, 1 MiB. */
export const blockColumns = 512;

/**
 * Output pixels that a convolution handles together. Small images are grouped until they have as many, since the
 * filter gradient sums over pixels: a deep layer with 4 x 4 pixels would otherwise run the micro-kernel for 16 steps
 * at a time.
 */
export const pixelsTogether = 512;

/** Scratch buffers above this many bytes are dropped after use: one huge call must not hold memory for ever. */
export const keptScratchBytes: number = 64 * 2 ** 20;
