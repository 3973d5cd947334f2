/** The list of layers: each can be changed, moved, removed, and says what it gives. */

import { byId, grouped, make } from './elements.ts';
import { featuresOf, kindNames, kinds, maxLayers, newLayer, readLayers, trace, writeLayers } from './layers.ts';
import type { KindName, Layer, Shape, Traced } from './layers.ts';
import { presets } from './settings.ts';

export class LayerEditor {
  readonly #list: HTMLOListElement = byId<HTMLOListElement>('layers');
  readonly #preset: HTMLSelectElement = byId<HTMLSelectElement>('preset');
  readonly #problem: HTMLElement = byId('network-problem');
  readonly #summary: HTMLElement = byId('network-summary');
  readonly #onChange: (layers: readonly Layer[]) => void;
  #layers: Layer[] = [];
  #classes: number = 10;

  /** @param onChange told of every change that leaves a network that can be built */
  constructor(onChange: (layers: readonly Layer[]) => void) {
    this.#onChange = onChange;
    const kind = byId<HTMLSelectElement>('add-kind');
    kind.append(...kindNames.map((name) => new Option(kinds[name].label, name)));
    byId('add').addEventListener('click', () => {
      if (this.#layers.length >= maxLayers) return;
      this.#layers.push(newLayer(kind.value as KindName));
      this.#changed();
    });
    this.#preset.append(...Object.entries(presets).map(([name, { label }]) => new Option(label, name)));
    this.#preset.append(new Option('Your own', ''));
    this.#preset.addEventListener('change', () => {
      const preset = presets[this.#preset.value];
      if (preset !== undefined) this.#layers = readLayers(preset.layers)!;
      this.#changed();
    });
  }

  /** Shows other layers, without telling of them. */
  show(layers: readonly Layer[], classes: number): void {
    this.#layers = [...layers];
    this.#classes = classes;
    this.#rebuild();
  }

  #changed(): void {
    this.#rebuild();
    if (this.#describe()) this.#onChange([...this.#layers]);
  }

  #rebuild(): void {
    this.#list.replaceChildren(...this.#layers.map((layer, i) => this.#row(layer, i)), make('li', { class: 'last' },
      make('span', { className: 'kind' }, 'Output'), make('span', { className: 'shape' })));
    this.#describe();
  }

  #row({ kind, values }: Layer, place: number): HTMLLIElement {
    const { fields } = kinds[kind];
    const title = `layer ${place + 1}`;
    const choice = make('select', { className: 'kind', 'aria-label': `Kind of ${title}`, onchange: () => {
      this.#layers[place] = newLayer(choice.value as KindName);
      this.#changed();
      this.#focus(place, 'select');
    } }, ...kindNames.map((name) => new Option(kinds[name].label, name, name === kind, name === kind)));
    const inputs = fields.map((field, i) => {
      const input = make('input', {
        type: 'number', min: String(field.low), max: String(field.high), step: String(field.step),
        value: String(values[i]),
        title: field.name, 'aria-label': `${field.name} of ${title}`, required: true,
        onchange: () => {
          if (!input.reportValidity()) return;
          this.#layers[place] = { kind, values: this.#layers[place].values.with(i, Number(input.value)) };
          if (this.#describe()) this.#onChange([...this.#layers]);
        },
      });
      return make('label', { className: 'value' }, make('span', {}, field.name), input);
    });
    const button = (name: string, sign: string, disabled: boolean, act: () => void): HTMLButtonElement =>
      make('button', {
        type: 'button', className: 'small', 'aria-label': `${name} ${title}`, title: name, disabled, onclick: act,
      }, sign);
    return make('li', {},
      choice, make('span', { className: 'values' }, ...inputs),
      make('span', { className: 'shape' }),
      make('span', { className: 'moves' },
        button('Move up', '↑', place === 0, () => this.#move(place, place - 1)),
        button('Move down', '↓', place === this.#layers.length - 1, () => this.#move(place, place + 1)),
        button('Remove', '×', false, () => {
          this.#layers.splice(place, 1);
          this.#changed();
          this.#focus(Math.min(place, this.#layers.length - 1), 'button:last-of-type');
        })));
  }

  #move(from: number, to: number): void {
    const [layer] = this.#layers.splice(from, 1);
    this.#layers.splice(to, 0, layer);
    this.#changed();
    this.#focus(to, to < from ? 'button:enabled' : 'button:nth-of-type(2):enabled, button:enabled');
  }

  /** Keeps the keyboard where it was: the rows are new after a change. */
  #focus(place: number, selector: string): void {
    (this.#list.children[place]?.querySelector<HTMLElement>(selector) ?? byId('add-kind')).focus();
  }

  /** Writes shapes, sizes and problems beside the layers; false while the network cannot be built. */
  #describe(): boolean {
    const traced = trace(this.#layers, [3, 32, 32]);
    const problem = traced.find((step) => 'problem' in step);
    const shapes: Shape[] = traced.flatMap((step) => ('shape' in step ? [step.shape] : []));
    const features = featuresOf(shapes.at(-1) ?? [3, 32, 32]);
    const outputs = (features + 1) * this.#classes;
    [...this.#list.children].forEach((row, i) => {
      const { shape, sizes } = i < this.#layers.length
        ? described(traced[i]) : { shape: `${this.#classes} classes`, sizes: grouped(outputs) };
      const cell = row.querySelector('.shape')!;
      cell.textContent = problem !== undefined && i >= traced.length ? '' : shape;
      cell.setAttribute('title', sizes === '' ? '' : `${sizes} parameters`);
      row.classList.toggle('wrong', traced[i] !== undefined && 'problem' in traced[i]);
    });
    const written = writeLayers(this.#layers);
    this.#preset.value = Object.entries(presets).find(([, { layers }]) => layers === written)?.[0] ?? '';
    this.#problem.textContent = problem === undefined ? '' : `Layer ${traced.length}: ${problem.problem}.`;
    const total = traced.reduce((sum, step) => sum + ('parameters' in step ? step.parameters : 0), outputs);
    this.#summary.textContent = problem === undefined
      ? `${this.#layers.length + 1} layers, ${grouped(total)} parameters` : 'cannot be built';
    byId<HTMLButtonElement>('add').disabled = this.#layers.length >= maxLayers;
    return problem === undefined;
  }
}

function described(step: Traced | undefined): { shape: string; sizes: string } {
  if (step === undefined || 'problem' in step) return { shape: '', sizes: '' };
  return { shape: step.shape.join('×'), sizes: grouped(step.parameters) };
}
