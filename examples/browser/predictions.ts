/** Test pictures with what the network takes them for, and the bars of probabilities that also the own picture has. */

import { make, paint } from './elements.ts';
import type { Sample } from './messages.ts';

const side = 32;

/** Rows of a class's name, its probability as a bar and as a number: the likeliest few, or all. */
export class Bars {
  readonly #rows: Array<{ name: Text; fill: HTMLElement; number: Text; row: HTMLElement }>;
  readonly #names: readonly string[];

  constructor(list: HTMLElement, names: readonly string[], shown: number) {
    this.#names = names;
    this.#rows = Array.from({ length: Math.min(shown, names.length) }, (_, i) => {
      const [name, number] = [new Text(names[i]), new Text('')];
      const fill = make('span', { className: 'fill', 'aria-hidden': 'true' });
      const row = make('li', {},
        fill, make('span', { className: 'name' }, name), make('span', { className: 'number' }, number));
      return { name, fill, number, row };
    });
    list.replaceChildren(...this.#rows.map(({ row }) => row));
  }

  /** Shows probabilities, one a class; the row of the right class is marked where there is one. */
  show(probabilities: Float32Array, right?: number): void {
    const order = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
    this.#rows.forEach(({ name, fill, number, row }, i) => {
      const label = order[i];
      name.data = this.#names[label];
      fill.style.transform = `scaleX(${probabilities[label].toFixed(4)})`;
      number.data = `${Math.round(100 * probabilities[label])}%`;
      row.classList.toggle('right', label === right);
    });
  }
}

/** The cards of the test pictures shown. */
export class Predictions {
  readonly #list: HTMLElement;
  readonly #onChoose: (place: number) => void;
  #cards: Array<{ bars: Bars; verdict: HTMLElement; button: HTMLElement }> = [];
  #samples: readonly Sample[] = [];
  #names: readonly string[] = [];

  /** @param onChoose told which picture was chosen to look into the network with */
  constructor(list: HTMLElement, onChoose: (place: number) => void) {
    this.#list = list;
    this.#onChoose = onChoose;
  }

  setUp(samples: readonly Sample[], names: readonly string[]): void {
    this.#samples = samples;
    this.#names = names;
    this.#cards = [];
    this.#list.replaceChildren(...samples.map(({ label, pixels }, place) => {
      const canvas = make('canvas', { 'aria-hidden': 'true' });
      paint(canvas, side, side, pixels);
      const verdict = make('span', { className: 'verdict', role: 'img' });
      const list = make('ol', { className: 'bars' });
      const truth = make('span', { className: 'truth' }, names[label]);
      const button = make('button', {
        type: 'button', className: 'picture', 'aria-pressed': 'false',
        'aria-label': `Look into the network with this picture of ${names[label]}`,
        onclick: () => this.#onChoose(place),
      }, canvas);
      this.#cards.push({ bars: new Bars(list, names, 3), verdict, button });
      return make('li', {}, button, make('div', {}, make('p', {}, verdict, ' ', truth), list));
    }));
  }

  /** The pixels and the class of one of the pictures. */
  sample(place: number): Sample & { readonly name: string } {
    const sample = this.#samples[place];
    return { ...sample, name: this.#names[sample.label] };
  }

  get count(): number {
    return this.#samples.length;
  }

  /** Marks the picture that the network is looked into with; null for none. */
  mark(place: number | null): void {
    this.#cards.forEach(({ button }, i) => button.setAttribute('aria-pressed', String(i === place)));
  }

  /** Shows probabilities (samples, classes). */
  show(probabilities: Float32Array): void {
    const classes = this.#names.length;
    this.#cards.forEach(({ bars, verdict }, i) => {
      const mine = probabilities.subarray(i * classes, (i + 1) * classes);
      const { label } = this.#samples[i];
      bars.show(mine, label);
      const isRight = mine[label] === Math.max(...mine);
      verdict.textContent = isRight ? '✓' : '✗';
      verdict.setAttribute('aria-label', isRight ? 'right' : 'wrong');
      verdict.classList.toggle('good', isRight);
    });
  }
}
