/** Pictures in rows, each under its title, as one SVG file: how a lecture sets an input beside what was made of it. */

import { checkInteger, checkOptions, describe } from '../runtime/check.ts';
import { pngDataUrl } from './base64.ts';
import { escapeText } from './escape.ts';
import { checkPicture, type Picture } from './picture.ts';
import { encodePng } from './png.ts';

export interface Panel {
  readonly title: string;
  readonly picture: Picture;
}

export interface PanelsOptions {
  /** width of a panel in pixels of the page, 240 unless told */
  readonly width?: number;
}

const titleHeight = 26;
const gap = 14;

/**
 * Rows of panels as an SVG document that holds its pictures. Throws TypeError or RangeError for what are no rows of
 * titled pictures, none at all, or bad options.
 */
export function panelsSvg(rows: ReadonlyArray<readonly Panel[]>, options: PanelsOptions = {}): string {
  const fn = 'panelsSvg';
  checkOptions(fn, options, ['width']);
  const width = checkInteger(fn, 'width', options.width ?? 240, 16, 4096);
  if (!Array.isArray(rows) || rows.length === 0 || rows.some((row) => !Array.isArray(row) || row.length === 0)) {
    throw new TypeError(`${fn}: rows must be an array of rows of panels, none empty, got ${describe(rows)}`);
  }
  let y = gap;
  const parts: string[] = [];
  for (const [r, row] of rows.entries()) {
    let tallest = 0;
    for (const [c, panel] of row.entries()) {
      const name = `rows[${r}][${c}]`;
      if (typeof panel?.title !== 'string') throw new TypeError(`${fn}: ${name} must be { title, picture }, got ${describe(panel)}`);
      checkPicture(fn, `${name}.picture`, panel.picture);
      const height = Math.round((width * panel.picture.height) / panel.picture.width);
      const x = gap + c * (width + gap);
      parts.push(
        `<text x="${x + width / 2}" y="${y + titleHeight - 9}" text-anchor="middle">${escapeText(panel.title)}</text>`,
        `<image x="${x}" y="${y + titleHeight}" width="${width}" height="${height}" ` +
        `href="${pngDataUrl(encodePng(panel.picture))}"><title>${escapeText(panel.title)}</title></image>`,
      );
      tallest = Math.max(tallest, height);
    }
    y += titleHeight + tallest + gap;
  }
  const total = gap + Math.max(...rows.map((row) => row.length)) * (width + gap);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${total}" height="${y}" viewBox="0 0 ${total} ${y}" ` +
    `font-family="system-ui, sans-serif" font-size="14" fill="#222"><rect width="100%" height="100%" fill="#fff"/>\n` +
    `${parts.join('\n')}\n</svg>\n`;
}
