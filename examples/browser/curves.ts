/**
 * A line chart that grows: drawn as SVG, at most once a picture of the screen, from at most a few hundred points a
 * line, so that an hour of training costs no more to draw than a minute.
 */

const space = 'http://www.w3.org/2000/svg';
/** The drawing's units: it is scaled to the width there is. */
const width = 480;
const height = 240;
const margin = { left: 52, right: 10, top: 12, bottom: 30 };
/** Points that a line is drawn from. */
const most = 400;

export interface Line {
  readonly name: string;
  /** the class that gives it its colour */
  readonly look: string;
  /** whether the chart's key and read-out name it */
  readonly named: boolean;
}

interface Points {
  readonly x: number[];
  readonly y: number[];
}

export interface ChartOptions {
  readonly title: string;
  readonly lines: readonly Line[];
  /** the vertical axis ends there; unless given it follows the values, from 0 */
  readonly top?: number;
  /** a value, and one on an axis that ends at top, in words */
  format(value: number, top: number): string;
}

export class Chart {
  readonly #options: ChartOptions;
  readonly #svg: SVGSVGElement;
  readonly #grid: SVGGElement;
  readonly #paths: SVGPathElement[];
  readonly #key: HTMLElement[];
  #points: Points[] = [];
  #end: number = 1;
  #asked: boolean = false;

  constructor(figure: HTMLElement, options: ChartOptions) {
    this.#options = options;
    this.#svg = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': options.title });
    this.#grid = svg('g', { class: 'grid' });
    this.#paths = options.lines.map(({ look }) => svg('path', { class: `line ${look}` }));
    this.#svg.append(this.#grid, ...this.#paths);
    const caption = document.createElement('figcaption');
    const title = document.createElement('h3');
    title.textContent = options.title;
    this.#key = options.lines.map(({ name, look, named }) => {
      const key = document.createElement('span');
      key.className = `key ${look}`;
      key.textContent = name;
      key.hidden = !named;
      return key;
    });
    caption.append(title, ...this.#key);
    figure.replaceChildren(caption, this.#svg);
    this.clear(1);
  }

  /** Forgets everything; the horizontal axis will end at so many steps. */
  clear(end: number): void {
    this.#points = this.#options.lines.map(() => ({ x: [], y: [] }));
    this.#end = end;
    this.#ask();
  }

  add(line: number, x: number, y: number): void {
    this.#points[line].x.push(x);
    this.#points[line].y.push(y);
    this.#ask();
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#draw();
    });
  }

  #draw(): void {
    const { lines, top, format } = this.#options;
    const thinned = this.#points.map(thin);
    const highest = top ?? niceTop(Math.max(0, ...thinned.flatMap(({ y }) => y.filter(Number.isFinite))));
    const across = (x: number): number => margin.left + (x / this.#end) * (width - margin.left - margin.right);
    const up = (y: number): number =>
      height - margin.bottom - (Math.min(y, highest * 1.02) / highest) * (height - margin.top - margin.bottom);
    this.#grid.replaceChildren(...gridLines(highest, this.#end, across, up, format));
    thinned.forEach(({ x, y }, i) => {
      const corners = x.map((at, j) => `${across(at).toFixed(1)} ${up(y[j]).toFixed(1)}`);
      this.#paths[i].setAttribute('d', corners.length === 0 ? '' : `M${corners.join('L')}`);
    });
    const said = lines.flatMap(({ name, named }, i) => {
      const last = this.#points[i].y.at(-1);
      return named && last !== undefined ? [`${name} ${format(last, highest)}`] : [];
    });
    this.#svg.setAttribute('aria-label', `${this.#options.title}: ${said.join(', ') || 'nothing yet'}`);
  }
}

/** Points of a line: the mean of each stretch where there are more than can be seen. */
function thin({ x, y }: Points): Points {
  const stretch = Math.ceil(x.length / most);
  if (stretch <= 1) return { x, y };
  const thinned: Points = { x: [], y: [] };
  for (let start = 0; start < x.length; start += stretch) {
    const end = Math.min(start + stretch, x.length);
    let sum = 0;
    for (let i = start; i < end; i++) sum += y[i];
    thinned.x.push((x[start] + x[end - 1]) / 2);
    thinned.y.push(sum / (end - start));
  }
  return thinned;
}

function gridLines(
  highest: number, end: number, across: (x: number) => number, up: (y: number) => number,
  format: ChartOptions['format'],
): SVGElement[] {
  const rows = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => {
    const y = up(share * highest);
    return [
      svg('line', { x1: margin.left, x2: width - margin.right, y1: y, y2: y }),
      label(margin.left - 8, y + 5, 'end', format(share * highest, highest)),
    ];
  });
  const steps = label(across(end), height - 8, 'end', `${end.toLocaleString('en')} steps`);
  return [...rows, label(margin.left, height - 8, 'start', '0'), steps];
}

function label(x: number, y: number, anchor: string, words: string): SVGTextElement {
  const text = svg('text', { x, y, 'text-anchor': anchor });
  text.textContent = words;
  return text;
}

/** The next of 1, 2, 4, 6, 8 times a power of ten: its quarters are short numbers. */
function niceTop(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 4, 6, 8].find((step) => step * power >= value) ?? 10);
}

function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name, attributes: Readonly<Record<string, string | number>>,
): SVGElementTagNameMap[Name] {
  const element = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}
