/** The update rules in place, on as many parameters as network a's and network d's largest layers have. */

import { bytesOf } from '../support/kernel-case.ts';
import type { KernelCase } from '../support/kernel-case.ts';

const dtype = 'float32';
const sizes = [32 * 16 * 16 * 500, 256 * 256 * 9];

function cases(size: number): KernelCase[] {
  const array = bytesOf(dtype, size);
  const title = (rule: string): string => `${rule} ${size.toLocaleString('en')}`;
  return [
    {
      name: title('sgd'), dtype, steps: size, work: { limit: 'memory', bytes: 3 * array, workingSet: 2 * array },
      prepare(arrays) {
        const [w, dw] = [arrays.normal(size), arrays.normal(size)];
        return { run: ({ sgdUpdate }) => sgdUpdate(w, dw, w, 1e-3), results: [w] };
      },
    },
    {
      name: title('momentum'), dtype, steps: size, work: { limit: 'memory', bytes: 5 * array, workingSet: 3 * array },
      prepare(arrays) {
        const [w, dw, v] = [arrays.normal(size), arrays.normal(size), arrays.normal(size)];
        return { run: ({ momentumUpdate }) => momentumUpdate(w, dw, v, w, v, 1e-3, 0.9), results: [w, v] };
      },
    },
    {
      name: title('nesterov'), dtype, steps: size, work: { limit: 'memory', bytes: 5 * array, workingSet: 3 * array },
      prepare(arrays) {
        const [w, dw, v] = [arrays.normal(size), arrays.normal(size), arrays.normal(size)];
        return { run: ({ nesterovUpdate }) => nesterovUpdate(w, dw, v, w, v, 1e-3, 0.9), results: [w, v] };
      },
    },
    {
      name: title('rmsprop'), dtype, steps: size, work: { limit: 'memory', bytes: 5 * array, workingSet: 3 * array },
      prepare(arrays) {
        const [w, dw, cache] = [arrays.normal(size), arrays.normal(size), arrays.uniform(size)];
        return {
          run: ({ rmspropUpdate }) => rmspropUpdate(w, dw, cache, w, cache, 1e-3, 0.9, 1e-8), results: [w, cache],
        };
      },
    },
    {
      name: title('momentum with decay'), dtype, steps: size,
      work: { limit: 'memory', bytes: 5 * array, workingSet: 3 * array },
      prepare(arrays) {
        const [w, dw, v] = [arrays.normal(size), arrays.normal(size), arrays.normal(size)];
        return {
          run: ({ decayedMomentumUpdate }) => decayedMomentumUpdate(w, dw, v, w, v, 1e-3, 0.9, 5e-4, true),
          results: [w, v],
        };
      },
    },
    {
      name: title('adagrad'), dtype, steps: size, work: { limit: 'memory', bytes: 5 * array, workingSet: 3 * array },
      prepare(arrays) {
        const [w, dw, cache] = [arrays.normal(size), arrays.normal(size), arrays.uniform(size)];
        return { run: ({ adagradUpdate }) => adagradUpdate(w, dw, cache, w, cache, 1e-3, 1e-8), results: [w, cache] };
      },
    },
    {
      name: title('adam'), dtype, steps: size, work: { limit: 'memory', bytes: 7 * array, workingSet: 4 * array },
      prepare(arrays) {
        const [w, dw, m, v] = [arrays.normal(size), arrays.normal(size), arrays.normal(size), arrays.uniform(size)];
        return {
          run: ({ adamUpdate }) => adamUpdate(w, dw, m, v, w, m, v, 1e-3, 0.9, 0.999, 1e-8, 0.1, 0.001, 0),
          results: [w, m, v],
        };
      },
    },
  ];
}

/** The parameters of network c, which are many and short. */
const lengths = [
  ...[[16, 3], [32, 16], [32, 32], [64, 32], [64, 64]].flatMap(([filters, channels]) =>
    [filters * channels * 9, filters, filters, filters]), 640, 10,
];

const inAll = lengths.reduce((sum, length) => sum + length, 0);

const list: KernelCase = {
  name: `adam on ${lengths.length} parameters`, dtype, steps: inAll,
  work: { limit: 'memory', bytes: 7 * bytesOf(dtype, inAll), workingSet: 4 * bytesOf(dtype, inAll) },
  prepare(arrays) {
    const parameters = lengths.map((length) => ({
      w: arrays.normal(length), dw: arrays.normal(length), state: [arrays.normal(length), arrays.uniform(length)],
    }));
    return {
      run: ({ updateEach }) => updateEach('adamUpdate', parameters, [1e-3, 0.9, 0.999, 1e-8, 0.1, 0.001, 0]),
      results: parameters.flatMap(({ w, state }) => [w, ...state]),
    };
  },
};

export const updateCases: readonly KernelCase[] = [...sizes.flatMap(cases), list];
