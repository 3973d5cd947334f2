/** The fields of the training's settings, made from their table. */

import { byId, make } from './elements.ts';
import { checkedNumber, fields, type NumberField, type Settings } from './settings.ts';

type Values = Omit<Settings, 'layers'>;

export class SettingsForm {
  readonly #inputs: Map<string, HTMLInputElement | HTMLSelectElement> = new Map();
  readonly #summary: HTMLElement = byId('training-summary');

  /** @param onChange told of every change to values that are within their limits */
  constructor(onChange: (changed: Partial<Values>) => void) {
    byId('fields').append(...fields.map((field) => {
      const input = 'choices' in field
        ? make('select', {}, ...Object.entries(field.choices).map(([value, label]) => new Option(label, value)))
        : numberInput(field);
      input.id = `set-${field.key}`;
      input.addEventListener('change', () => {
        if (!input.reportValidity()) return;
        onChange({ [field.key]: 'choices' in field ? input.value : Number(input.value) });
      });
      this.#inputs.set(field.key, input);
      return make('label', {}, field.label, input);
    }));
  }

  show(settings: Settings): void {
    for (const { key } of fields) this.#inputs.get(key)!.value = String(settings[key]);
    this.#summary.textContent = `${settings.epochs} epochs, rate ${settings.rate}`;
  }
}

function numberInput(field: NumberField): HTMLInputElement {
  const input = make('input', {
    type: 'number', min: String(field.low), max: String(field.high), step: String(field.step), required: true,
  });
  input.addEventListener('input', () => {
    const fits = input.value !== '' && checkedNumber(field, Number(input.value)) !== null;
    input.setCustomValidity(fits ? '' : `From ${field.low} to ${field.high}${field.step === 1 ? ', whole' : ''}`);
  });
  return input;
}
