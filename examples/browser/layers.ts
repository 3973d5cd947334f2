/**
 * The layers that a visitor can choose: their settings with limits, what they make of a shape, and how they are
 * written in a link. Plain data and arithmetic, which the page and the worker share.
 */

/** [channels, height, width] of an image, or [features]. */
export type Shape = readonly number[];

export type KindName = 'conv' | 'bn' | 'relu' | 'leaky' | 'max' | 'avg' | 'global' | 'drop' | 'linear';

/** One number of a layer. */
export interface LayerField {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  readonly step: number;
  readonly initial: number;
}

/** One layer as it was chosen: its values stand in the order of its kind's fields. */
export interface Layer {
  readonly kind: KindName;
  readonly values: readonly number[];
}

interface Kind {
  readonly label: string;
  readonly fields: readonly LayerField[];
  /** true for layers that only pictures have, not rows of features */
  readonly needsImage: boolean;
  shape(input: Shape, values: readonly number[]): Shape;
  parameters(input: Shape, values: readonly number[]): number;
}

const none = (): number => 0;
const same = (input: Shape): Shape => input;
const field = (name: string, low: number, high: number, initial: number, step: number = 1): LayerField =>
  ({ name, low, high, step, initial });

function pooled([channels, height, width]: Shape, [size]: readonly number[]): Shape {
  return [channels, Math.floor(height / size), Math.floor(width / size)];
}

/** A row's features, or all numbers of a picture. */
export function featuresOf(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

export const kinds: Readonly<Record<KindName, Kind>> = {
  conv: {
    label: 'Convolution',
    fields: [field('filters', 1, 256, 16), field('size', 1, 11, 3, 2), field('stride', 1, 4, 1)],
    needsImage: true,
    shape: ([, height, width], [filters, , stride]) => [filters, Math.ceil(height / stride), Math.ceil(width / stride)],
    parameters: ([channels], [filters, size]) => filters * (channels * size * size + 1),
  },
  bn: {
    label: 'Batchnorm', fields: [], needsImage: false, shape: same, parameters: ([channels]) => 2 * channels,
  },
  relu: { label: 'ReLU', fields: [], needsImage: false, shape: same, parameters: none },
  leaky: { label: 'Leaky ReLU', fields: [], needsImage: false, shape: same, parameters: none },
  max: { label: 'Max pool', fields: [field('size', 2, 8, 2)], needsImage: true, shape: pooled, parameters: none },
  avg: { label: 'Average pool', fields: [field('size', 2, 8, 2)], needsImage: true, shape: pooled, parameters: none },
  global: {
    label: 'Global average', fields: [], needsImage: true, shape: ([channels]) => [channels, 1, 1], parameters: none,
  },
  drop: {
    label: 'Dropout', fields: [field('share', 0.05, 0.9, 0.3, 0.05)], needsImage: false, shape: same, parameters: none,
  },
  linear: {
    label: 'Linear', fields: [field('units', 1, 1024, 64)], needsImage: false, shape: (_, [units]) => [units],
    parameters: (input, [units]) => (featuresOf(input) + 1) * units,
  },
};

export const kindNames: readonly KindName[] = Object.keys(kinds) as KindName[];

/** More layers than this are refused: a link should not be able to stall a phone. */
export const maxLayers = 24;

/** What one layer of a network gives: its output's shape and its parameters, or why it cannot stand there. */
export type Traced = { readonly shape: Shape; readonly parameters: number } | { readonly problem: string };

/** Follows a shape through layers; after a problem nothing more is known, and the list ends. */
export function trace(layers: readonly Layer[], input: Shape): Traced[] {
  const found: Traced[] = [];
  let shape = input;
  for (const { kind, values } of layers) {
    const { label, needsImage, shape: shapeOf, parameters } = kinds[kind];
    if (needsImage && shape.length === 1) {
      found.push({ problem: `${label} needs a picture; behind a linear layer there are only features` });
      return found;
    }
    const out = shapeOf(shape, values);
    if (out.some((size) => size < 1)) {
      found.push({ problem: `${label} leaves nothing of ${shape.join('×')}` });
      return found;
    }
    found.push({ shape: out, parameters: parameters(shape, values) });
    shape = out;
  }
  return found;
}

/** Layers as text: `conv16-3-1.bn.relu.max2`. */
export function writeLayers(layers: readonly Layer[]): string {
  return layers.map(({ kind, values }) => kind + values.join('-')).join('.');
}

/** The inverse; null for what is not such text, or has values outside of their limits. */
export function readLayers(text: string): Layer[] | null {
  if (text === '') return [];
  const parts = text.split(/\.(?=[a-z])/);
  if (parts.length > maxLayers) return null;
  const layers = parts.map((part) => {
    const [, kind = '', numbers = ''] = /^([a-z]+)([\d.-]*)$/.exec(part) ?? [];
    if (!Object.hasOwn(kinds, kind)) return null;
    const { fields } = kinds[kind as KindName];
    const values = numbers === '' ? [] : numbers.split('-').map(Number);
    const fits = values.length === fields.length && fields.every((each, i) => isAllowed(each, values[i]));
    return fits ? { kind: kind as KindName, values } : null;
  });
  return layers.includes(null) ? null : layers as Layer[];
}

function isAllowed({ low, high, step }: LayerField, value: number): boolean {
  const steps = (value - low) / step;
  return value >= low && value <= high && Math.abs(steps - Math.round(steps)) < 1e-6;
}

/** A layer of this kind with its initial values. */
export function newLayer(kind: KindName): Layer {
  return { kind, values: kinds[kind].fields.map(({ initial }) => initial) };
}
