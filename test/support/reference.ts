/** The cases of test/fixtures/reference.json: layers and models computed elsewhere, in float64. */

import { readFileSync } from 'node:fs';
import { Tensor } from '../../src/tensor/tensor.ts';

/** A tensor as the file stores it. */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export interface LayerCase {
  readonly op: string;
  readonly params?: Readonly<Record<string, number | string>>;
  readonly inputs: Readonly<Record<string, StoredTensor>> & { readonly y?: readonly number[] };
  readonly out?: StoredTensor;
  readonly dout?: StoredTensor;
  readonly loss?: number;
  readonly grads: Readonly<Record<string, StoredTensor>>;
  readonly runningMean?: StoredTensor;
  readonly runningVar?: StoredTensor;
}

export interface ModelCase {
  readonly model: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly reg: number;
  readonly l2Factor: number;
  readonly params: Readonly<Record<string, StoredTensor>>;
  readonly batches: ReadonlyArray<{ readonly X: StoredTensor; readonly y: readonly number[] }>;
  readonly scores: StoredTensor;
  readonly loss: number;
  readonly grads: Readonly<Record<string, StoredTensor>>;
  readonly adam: { readonly learningRate: number; readonly losses: readonly number[] };
}

interface Reference {
  readonly layers: readonly LayerCase[];
  readonly models: readonly ModelCase[];
}

export const reference: Reference =
  JSON.parse(readFileSync(new URL('../fixtures/reference.json', import.meta.url), 'utf8')) as Reference;

/** A fresh tensor with a stored one's numbers. */
export function stored(t: StoredTensor, dtype: 'float64' | 'float32' = 'float64'): Tensor {
  return new Tensor(dtype === 'float64' ? Float64Array.from(t.data) : Float32Array.from(t.data), t.shape);
}

/** A short title of a layer case, with its place in the file. */
export function layerTitle(layer: LayerCase, index: number): string {
  const shapes = Object.entries(layer.inputs).map(([name, value]) =>
    `${name} ${'shape' in value ? value.shape.join('x') : value.length}`);
  return `${index}: ${layer.op}(${shapes.join(', ')}) ${JSON.stringify(layer.params ?? {})}`;
}
