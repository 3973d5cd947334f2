/** Pictures brought to one number of channels. */

import type { Picture } from './picture.ts';

/**
 * The picture in grey (1) or RGB (3): transparent pixels are laid over white, as viewers show them on a page; grey is
 * the luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B, rounded.
 */
export function withChannels(picture: Picture, channels: 1 | 3): Picture {
  const { width, height, channels: from, data } = picture;
  if (from === channels) return picture;
  const out = new Uint8Array(width * height * channels);
  const hasAlpha = from === 2 || from === 4;
  const pixel = [0, 0, 0];
  for (let i = 0, at = 0, to = 0; i < width * height; i++, at += from) {
    for (let c = 0; c < 3; c++) pixel[c] = data[from < 3 ? at : at + c];
    if (hasAlpha) {
      const alpha = data[at + from - 1];
      for (let c = 0; c < 3; c++) pixel[c] = Math.round((pixel[c] * alpha + 255 * (255 - alpha)) / 255);
    }
    if (channels === 1) out[to++] = luma(pixel[0], pixel[1], pixel[2]);
    else for (let c = 0; c < 3; c++) out[to++] = pixel[c];
  }
  return { width, height, channels, data: out };
}

/** In units of 2^-16, which add up to one. */
function luma(red: number, green: number, blue: number): number {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}
