/** Pixels brought to one number of channels. */

/** How pixels lie: a pixel's channels side by side (as in files), or a plane a channel (as in tensors). */
export type ChannelOrder = 'interleaved' | 'planar';

/**
 * The values of so many pixels with 1 to 4 channels (grey, grey and alpha, RGB, RGBA) in grey (1) or RGB (3), in the
 * same order: transparent pixels are laid over white, as viewers show them on a page; grey is the luma of ITU-R BT.601,
 * 0.299 R + 0.587 G + 0.114 B, rounded.
 */
export function convertChannels(
  values: ArrayLike<number>, pixels: number, from: number, to: 1 | 3, order: ChannelOrder,
): Uint8Array {
  // the distances of a pixel from the next, and of a channel from the next, before and after
  const [step, apart] = order === 'planar' ? [1, pixels] : [from, 1];
  const [toStep, toApart] = order === 'planar' ? [1, pixels] : [to, 1];
  const out = new Uint8Array(pixels * to);
  const pixel = [0, 0, 0];
  for (let i = 0; i < pixels; i++) {
    const at = i * step;
    for (let c = 0; c < 3; c++) pixel[c] = values[from < 3 ? at : at + c * apart];
    if (from % 2 === 0) {
      const alpha = values[at + (from - 1) * apart];
      for (let c = 0; c < 3; c++) pixel[c] = Math.round((pixel[c] * alpha + 255 * (255 - alpha)) / 255);
    }
    if (to === 1) out[i] = luma(pixel[0], pixel[1], pixel[2]);
    else for (let c = 0; c < 3; c++) out[i * toStep + c * toApart] = pixel[c];
  }
  return out;
}

/** In units of 2^-16, which add up to one. */
function luma(red: number, green: number, blue: number): number {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}
