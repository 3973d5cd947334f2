/** What a visitor can set, with defaults, limits and ready-made networks, and how it is written in a link. */

import { readLayers, writeLayers, type Layer } from './layers.ts';

export interface Settings {
  readonly layers: readonly Layer[];
  readonly rule: string;
  readonly rate: number;
  readonly schedule: string;
  readonly batch: number;
  readonly epochs: number;
  readonly augment: string;
  /** training pictures: so many are drawn, or taken of the visitor's */
  readonly pictures: number;
  readonly seed: number;
}

/** One number to set. */
export interface NumberField {
  readonly key: 'rate' | 'batch' | 'epochs' | 'pictures' | 'seed';
  readonly label: string;
  readonly low: number;
  readonly high: number;
  readonly step: number | 'any';
}

/** One choice to make: what is stored, with what is shown. */
export interface ChoiceField {
  readonly key: 'rule' | 'schedule' | 'augment';
  readonly label: string;
  readonly choices: Readonly<Record<string, string>>;
}

export const fields: ReadonlyArray<NumberField | ChoiceField> = [
  { key: 'rate', label: 'Learning rate', low: 1e-6, high: 10, step: 'any' },
  { key: 'epochs', label: 'Epochs', low: 1, high: 1000, step: 1 },
  { key: 'batch', label: 'Batch', low: 1, high: 500, step: 1 },
  { key: 'rule', label: 'Update rule', choices: {
    adam: 'Adam', adamW: 'AdamW', sgd: 'SGD', sgdMomentum: 'SGD, momentum', nesterov: 'Nesterov', rmsprop: 'RMSprop',
    adagrad: 'Adagrad',
  } },
  { key: 'schedule', label: 'Rate over time', choices: {
    cycle: 'One cycle', cosine: 'Cosine', constant: 'Constant',
  } },
  { key: 'augment', label: 'Augment', choices: { none: 'Nothing', flip: 'Flips', shift: 'Flips and shifts' } },
  { key: 'pictures', label: 'Pictures', low: 100, high: 50_000, step: 1 },
  { key: 'seed', label: 'Seed', low: 0, high: 4_294_967_295, step: 1 },
];

/** Networks to begin with, as their layers are written; the linear layer to the classes always follows. */
export const presets: Readonly<Record<string, { readonly label: string; readonly layers: string }>> = {
  small: {
    label: 'Three convolutions',
    layers: 'conv16-3-1.bn.relu.max2.conv32-3-1.bn.relu.max2.conv32-3-1.bn.relu.max2',
  },
  linear: { label: 'Linear classifier', layers: '' },
  hidden: { label: 'One hidden layer', layers: 'linear100.relu' },
  course: { label: 'One convolution, two linear', layers: 'conv16-5-1.relu.max2.linear64.relu' },
  deep: {
    label: 'Deep, for photographs',
    layers: 'conv32-3-1.bn.relu.max2.conv64-3-1.bn.relu.max2.conv64-3-1.bn.relu.max2.conv128-3-1.bn.relu.global.drop0.3',
  },
};

export const defaults: Settings = {
  layers: readLayers(presets.small.layers)!, rule: 'adam', rate: 0.003, schedule: 'cycle', batch: 50, epochs: 6,
  augment: 'none', pictures: 4000, seed: 0,
};

/** The settings as they stand behind the # of an address: only what differs from the defaults. */
export function writeSettings(settings: Settings): string {
  const parts = new URLSearchParams();
  const net = writeLayers(settings.layers);
  if (net !== writeLayers(defaults.layers)) parts.set('net', net);
  for (const { key } of fields) if (settings[key] !== defaults[key]) parts.set(key, String(settings[key]));
  return parts.toString();
}

/** The inverse. Whatever is not as writeSettings writes it keeps its default and is named among the problems. */
export function readSettings(text: string): { settings: Settings; problems: string[] } {
  const problems: string[] = [];
  const found: Record<string, unknown> = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const read = name === 'net' ? readLayers(value) : readField(name, value);
    if (read === null) problems.push(name.slice(0, 20));
    else found[name === 'net' ? 'layers' : name] = read;
  }
  return { settings: { ...defaults, ...found }, problems };
}

function readField(name: string, value: string): number | string | null {
  const known = fields.find(({ key }) => key === name);
  if (known === undefined) return null;
  if ('choices' in known) return Object.hasOwn(known.choices, value) ? value : null;
  return checkedNumber(known, Number(value === '' ? NaN : value));
}

/** The value if it is within its limits, else null. */
export function checkedNumber({ low, high, step }: NumberField, value: number): number | null {
  return value >= low && value <= high && (step === 'any' || Number.isInteger(value)) ? value : null;
}
