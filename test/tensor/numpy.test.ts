/**
 * Tensor operations against NumPy. numpy.json holds, case by case, a NumPy expression, its inputs, and what NumPy 1.24
 * gave for it (or that it raised); evaluating `numpy` with the inputs bound repeats any row. Strings that start with $
 * in args stand for inputs.
 */

import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import * as tilegrad from '../../src/index.ts';
import { configure, Tensor } from '../../src/index.ts';
import type { DType } from '../../src/index.ts';

interface StoredTensor {
  shape: number[];
  dtype: DType;
  data: Array<number | string>;
}
interface Case {
  op: string;
  numpy: string;
  args: unknown[];
  inputs: Record<string, StoredTensor>;
  out?: StoredTensor;
  error?: true;
}

const { cases } = JSON.parse(readFileSync(new URL('numpy.json', import.meta.url), 'utf8')) as { cases: Case[] };
const arrays = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array };

function load(stored: StoredTensor): Tensor {
  return new Tensor(arrays[stored.dtype].from(stored.data.map(Number)), stored.shape);
}

/** The same elements spread over a larger array and walked backwards, so that every operation also meets strides. */
function scatter(t: Tensor): Tensor {
  const gap = 2;
  const data = new arrays[t.dtype](t.size * gap + 3).fill(77);
  const strides = t.clone().strides.map((stride) => -gap * stride);
  const offset = t.size === 0 ? 1 : 1 + gap * (t.size - 1);
  return new Tensor(data, t.shape, strides, offset).assign(t);
}

function evaluate(row: Case, place: (t: Tensor) => Tensor): Tensor {
  const inputs = Object.fromEntries(Object.entries(row.inputs).map(([name, stored]) => [name, place(load(stored))]));
  const resolve = (arg: unknown): unknown => {
    if (Array.isArray(arg)) return arg.map(resolve);
    return typeof arg === 'string' && arg.startsWith('$') ? inputs[arg.slice(1)] : arg;
  };
  type AnyFunction = (...args: unknown[]) => Tensor;
  const fn = (tilegrad as unknown as Record<string, AnyFunction | undefined>)[row.op];
  const args = row.args.map(resolve);
  if (fn !== undefined) return fn(...args);
  const [self, ...rest] = args;
  return (self as Record<string, AnyFunction>)[row.op](...rest);
}

function expectClose(actual: Tensor, expected: StoredTensor): void {
  expect(actual.shape).toEqual(expected.shape);
  expect(actual.dtype).toBe(expected.dtype);
  const tolerance = expected.dtype === 'float32' ? 1e-6 : 1e-13;
  const values = actual.clone().data;
  for (const [i, stored] of expected.data.entries()) {
    const wanted = Number(stored);
    const got = values[i];
    if (Object.is(got, wanted) || got === wanted) continue;
    expect(Math.abs(got - wanted) / Math.max(1e-8, Math.abs(wanted)), `element ${i}: ${got}, NumPy ${wanted}`).toBeLessThan(tolerance);
  }
}

const byOperation = group(cases);

function group(rows: Case[]): Map<string, Case[]> {
  const groups = new Map<string, Case[]>();
  for (const row of rows) groups.set(row.op, [...(groups.get(row.op) ?? []), row]);
  return groups;
}

describe.each(['naive', 'auto'] as const)('as NumPy does, backend %s', (backend) => {
  afterAll(() => configure({ backend: 'auto' }));

  it.each([...byOperation])('%s', (_, rows) => {
    configure({ backend });
    for (const row of rows) {
      for (const place of [(t: Tensor) => t, scatter]) {
        const what = `${row.numpy} (${Object.values(row.inputs).map((t) => `${t.dtype} ${t.shape.join('x')}`).join(', ')})`;
        if (row.error) {
          expect(() => evaluate(row, place), what).toThrow(/^[a-zA-Z0-9]+: /);
        } else {
          try {
            expectClose(evaluate(row, place), row.out!);
          } catch (error) {
            throw new Error(what, { cause: error });
          }
        }
      }
    }
  });
});
