/**
 * The guide's figures, drawn into docs/guide/figures by `npm run docs`. Each is an SVG with a ground of its own, in
 * light and dark by the reader's setting, so that it can be read whatever stands around it.
 */

import { escapeText } from '../src/viz/escape.ts';
import { darkPalette, lightPalette, type Palette } from '../src/viz/palette.ts';

type Kind = 'cell' | 'one' | 'two' | 'three';

const font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

function colors({ card, ink, muted, grid, series }: Palette): string {
  return `.bg{fill:${card}}.ink{fill:${ink}}.muted{fill:${muted}}.line{stroke:${muted};fill:none}` +
    `.cell{fill:${grid};stroke:${card}}.one{fill:${series[0]};stroke:${card}}.two{fill:${series[1]};stroke:${card}}` +
    `.three{fill:${series[2]};stroke:${card}}.on{fill:${card}}.frame{stroke:${ink};fill:none;stroke-width:2}.tip{fill:${muted}}`;
}

/** A drawing of 680 units across: rectangles, grids, arrows, words. */
class Drawing {
  readonly #parts: string[] = [];
  readonly #height: number;

  constructor(height: number) {
    this.#height = height;
  }

  box(x: number, y: number, width: number, height: number, kind: Kind | 'frame', radius: number = 3): this {
    this.#parts.push(`<rect class="${kind}" x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}"/>`);
    return this;
  }

  /** rows x columns cells of a size; `kind` chooses the colour of each. */
  grid(
    x: number, y: number, rows: number, columns: number, size: number, kind: (row: number, column: number) => Kind,
  ): this {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) this.box(x + j * size, y + i * size, size, size, kind(i, j), 2);
    }
    return this;
  }

  text(x: number, y: number, words: string, style: 'ink' | 'muted' | 'on' = 'muted', anchor: string = 'middle'): this {
    this.#parts.push(`<text class="${style}" x="${x}" y="${y}" text-anchor="${anchor}">${escapeText(words)}</text>`);
    return this;
  }

  arrow(x1: number, y1: number, x2: number, y2: number): this {
    const length = Math.hypot(x2 - x1, y2 - y1);
    const [dx, dy] = [(x2 - x1) / length, (y2 - y1) / length];
    const [bx, by] = [x2 - 9 * dx, y2 - 9 * dy];
    this.#parts.push(`<path class="line" stroke-width="1.5" d="M${round(x1)} ${round(y1)}L${round(bx)} ${round(by)}"/>`);
    const corner = (side: number): string => `${round(bx - side * 4.5 * dy)} ${round(by + side * 4.5 * dx)}`;
    this.#parts.push(`<path class="tip" d="M${round(x2)} ${round(y2)}L${corner(1)}L${corner(-1)}Z"/>`);
    return this;
  }

  svg(title: string): string {
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 ${this.#height}" width="680" height="${this.#height}" role="img">` +
      `<title>${escapeText(title)}</title>` +
      `<style>text{font:14px ${font}}${colors(lightPalette)}@media(prefers-color-scheme:dark){${colors(darkPalette)}}</style>\n` +
      `<rect class="bg" width="680" height="${this.#height}" rx="8"/>\n${this.#parts.join('\n')}\n</svg>\n`;
  }
}

const round = (value: number): number => Math.round(value * 10) / 10;

function convolution(): string {
  const inside = (i: number, j: number): boolean => i > 0 && i < 7 && j > 0 && j < 7;
  return new Drawing(270)
    .grid(30, 36, 8, 8, 24, (i, j) => i >= 2 && i < 5 && j >= 3 && j < 6 ? 'one' : inside(i, j) ? 'cell' : 'three')
    .box(30 + 3 * 24, 36 + 2 * 24, 72, 72, 'frame')
    .text(126, 24, 'picture, padded by 1').text(126, 250, 'window')
    .arrow(232, 120, 270, 120).grid(280, 84, 3, 3, 24, () => 'two').text(316, 74, 'filter 3x3')
    .text(316, 180, 'multiply, add up').arrow(362, 120, 420, 120)
    .grid(430, 60, 6, 6, 24, (i, j) => i === 2 && j === 3 ? 'one' : 'cell').box(430 + 72, 60 + 48, 24, 24, 'frame')
    .text(502, 48, 'output: one pixel a window').svg('Convolution: a window, a filter, one output pixel');
}

function im2col(): string {
  return new Drawing(260)
    .grid(24, 60, 5, 5, 22, (i, j) => i < 3 && j < 3 ? 'one' : 'cell').box(24, 60, 66, 66, 'frame')
    .text(79, 48, 'picture').arrow(140, 115, 176, 115)
    .grid(186, 30, 9, 9, 20, (_, j) => j === 0 ? 'one' : 'cell').text(276, 232, 'columns: one a window').text(276, 22, '9 taps')
    .text(392, 125, '=', 'ink').text(392, 150, 'filters x columns')
    .grid(456, 40, 4, 9, 20, (i, j) => i === 1 && j === 0 ? 'two' : 'cell').text(546, 30, 'all outputs')
    .grid(456, 150, 4, 9, 12, (i) => i === 1 ? 'two' : 'cell').text(510, 216, 'filters: one a row')
    .svg('im2col: windows as columns, filters as rows');
}

function blocking(): string {
  return new Drawing(250)
    .grid(30, 50, 8, 8, 20, (i) => i >= 2 && i < 4 ? 'one' : 'cell').text(110, 38, 'left matrix')
    .grid(230, 50, 8, 8, 20, (_, j) => j >= 4 && j < 6 ? 'two' : 'cell').text(310, 38, 'right matrix')
    .arrow(400, 130, 440, 130)
    .grid(456, 50, 8, 8, 20, (i, j) => i >= 2 && i < 4 && j >= 4 && j < 6 ? 'three' : 'cell')
    .box(456 + 80, 90, 40, 40, 'frame').text(536, 38, 'result')
    .text(110, 236, 'panel of rows: cache').text(310, 236, 'panel of columns: cache').text(536, 236, 'tile: registers')
    .svg('Blocking: panels in the cache, a tile in registers');
}

function simd(): string {
  const drawing = new Drawing(210);
  for (const [row, name, kind] of [[0, 'a', 'one'], [1, 'b', 'two'], [2, 'a x b', 'three']] as const) {
    const y = 26 + row * 62;
    drawing.text(120, y + 26, name, 'ink', 'end').grid(140, y, 1, 4, 40, () => kind);
    for (let lane = 0; lane < 4; lane++) {
      const number = row < 2 ? lane + 2 + row * 3 : (lane + 2) * (lane + 5);
      drawing.text(160 + 40 * lane, y + 25, String(number), 'on');
    }
  }
  return drawing.text(320, 52, 'one register of 128 bits: four numbers', 'muted', 'start')
    .text(320, 114, 'f32x4.mul: one instruction', 'muted', 'start').text(320, 176, 'four products', 'muted', 'start')
    .svg('SIMD: one instruction, four products');
}

function winograd(): string {
  return new Drawing(230)
    .text(70, 30, '6x6 pixels').grid(10, 42, 6, 6, 20, () => 'cell').text(70, 186, 'sums, differences')
    .arrow(142, 102, 190, 102).text(260, 30, '36 points').grid(200, 42, 6, 6, 20, () => 'one')
    .text(346, 108, 'x', 'ink').text(432, 30, 'filter, once').grid(372, 42, 6, 6, 20, () => 'two')
    .text(345, 186, '36 products').arrow(502, 102, 552, 102).text(610, 30, '4x4 outputs')
    .grid(570, 62, 4, 4, 20, () => 'three').text(600, 186, 'sums, differences')
    .text(340, 216, 'by the definition: 16 outputs x 9 taps = 144 products').svg('Winograd: transform, 36 products, transform back');
}

function threads(): string {
  const drawing = new Drawing(240).text(90, 34, 'calling thread', 'ink').box(30, 46, 120, 36, 'one')
    .text(90, 69, 'posts a job', 'on').arrow(150, 64, 214, 64).box(224, 40, 200, 48, 'two')
    .text(324, 60, 'job 7, tasks left: 5', 'on').text(324, 78, 'in shared memory', 'on');
  drawing.grid(490, 50, 1, 8, 20, (_, j) => j < 2 ? 'one' : j > 6 ? 'three' : 'cell')
    .text(570, 38, '8 tasks, 3 taken');
  for (const [i, name] of ['caller', 'worker 1', 'worker 2'].entries()) {
    const x = 120 + i * 170;
    drawing.arrow(x + 55, 150, 290 + i * 34, 92).box(x, 152, 110, 36, 'cell').text(x + 55, 175, name, 'ink');
  }
  return drawing.text(345, 222, 'each takes the next task at its end').svg('Threads take tasks from both ends');
}

function batchnorm(): string {
  return new Drawing(240)
    .arrow(60, 190, 60, 40).text(60, 30, 'along h').arrow(60, 190, 250, 190).text(250, 210, 'all the same')
    .arrow(60, 190, 214, 82).text(228, 76, 'g', 'ink').arrow(214, 82, 214, 184).arrow(214, 82, 66, 82)
    .text(300, 120, 'minus mean(g),', 'muted', 'start').text(300, 142, 'minus h mean(g h):', 'muted', 'start')
    .arrow(440, 130, 490, 130).box(506, 104, 140, 52, 'one').text(576, 128, 'what is left', 'on')
    .text(576, 146, 'is dx', 'on').text(576, 180, 'divided by the root')
    .svg("Batchnorm's gradient has no part along the mean and along h");
}

function autograd(): string {
  const drawing = new Drawing(230);
  const node = (x: number, y: number, name: string, kind: Kind): void => {
    drawing.box(x, y, 84, 34, kind, 17).text(x + 42, y + 22, name, kind === 'cell' ? 'ink' : 'on');
  };
  node(30, 40, 'x', 'one');
  node(30, 110, 'w', 'one');
  node(190, 75, 'x w', 'cell');
  node(350, 75, 'tanh', 'cell');
  node(510, 75, 'loss', 'two');
  return drawing.arrow(114, 57, 190, 84).arrow(114, 127, 190, 100).arrow(274, 84, 350, 84).arrow(434, 84, 510, 84)
    .arrow(510, 102, 434, 102).arrow(350, 102, 274, 102).text(312, 66, 'values, forward')
    .text(392, 132, 'gradients, backward').text(340, 196, 'each node keeps its inputs and one function: gradient of the result -> gradients of the inputs')
    .svg('Autograd: values forward, gradients backward');
}

/** Every figure by the name of its file. */
export const figures: Readonly<Record<string, () => string>> = {
  convolution, im2col, blocking, simd, winograd, threads, batchnorm, autograd,
};
