/** Solvers on the benchmark networks, and the comparison of a network's gradients with their definition's. */

import { Rng, tensor, zeros } from '../../src/tensor/index.ts';
import type { Tensor } from '../../src/tensor/index.ts';
import { Solver } from '../../src/train/index.ts';
import { stepOperations } from './networks.ts';
import type { NetworkCase } from './networks.ts';
import { enter } from './ways.ts';
import type { WayName } from './ways.ts';

/** Random images (count, 3, 32, 32) and labels. */
export function images(count: number, seed: number = 231): [X: Tensor, y: Tensor] {
  const X = new Rng(seed).normal(0, 1, [count, 3, 32, 32]);
  return [X, tensor(Int32Array.from({ length: count }, (_, i) => (i * 7) % 10))];
}

/** Trains a fresh network on random images, as many as two batches. */
export function solverFor(network: NetworkCase, batch: number): Solver {
  const [XTrain, yTrain] = images(2 * batch);
  const data = { XTrain, yTrain, XVal: zeros([1, 3, 32, 32]), yVal: Int32Array.of(0) };
  // so small a learning rate that a thousand steps on the same images do not make the numbers odd
  return new Solver(network.build(), data, {
    updateRule: network.rule, optimConfig: { learningRate: 1e-4 }, batchSize: batch, numEpochs: 1_000_000,
    verbose: false,
  });
}

/** Images that gradients are compared on; more steps of the definition than this are left to the js backend. */
const comparedImages = 4;
const naiveOperations = 1e9;

/** How far gradients may lie apart, as a share of the parameter's largest: rounding, carried through every layer. */
const allowed = 1e-3;

/** A gradient that is smaller than this share of the network's largest one is rounding: a bias before a batchnorm. */
const negligible = 1e-2;

/**
 * Throws Error unless loss and gradients of every way agree with naive's (js's, for large networks) on a few images,
 * and those of SIMD on one thread and two to the last bit.
 */
export async function validateNetwork(network: NetworkCase, ways: readonly WayName[]): Promise<void> {
  const [X, y] = images(comparedImages);
  const compute = async (way: WayName): Promise<Map<string, Float64Array>> => {
    await enter(way);
    const [loss, grads] = network.buildExact?.().loss(X.astype('float64'), y) ?? network.build().loss(X, y);
    const results = new Map<string, Float64Array>([['loss', Float64Array.of(loss)]]);
    for (const [name, gradient] of Object.entries(grads)) results.set(name, Float64Array.from(gradient.data));
    return results;
  };
  const reference: WayName = stepOperations(network, comparedImages) <= naiveOperations ? 'naive' : 'js';
  const expected = await compute(reference);
  const found = new Map<WayName, Map<string, Float64Array>>();
  for (const way of ways.filter((each) => each !== 'naive' && each !== reference)) {
    const actual = await compute(way);
    found.set(way, actual);
    const difference = largestDifference(expected, actual);
    if (!(difference <= allowed)) {
      const far = difference.toExponential(2);
      throw new Error(`bench: network ${network.key} on ${way} differs from ${reference} by ${far}`);
    }
  }
  for (const [one, two] of [['simd1', 'simd2'], ['relaxed1', 'relaxed2']] as const) {
    const [a, b] = [found.get(one), found.get(two)];
    if (a === undefined || b === undefined) continue;
    for (const [name, values] of a) {
      if (values.some((value, i) => !Object.is(value, b.get(name)?.[i]))) {
        throw new Error(`bench: ${name} of network ${network.key} depends on the number of threads`);
      }
    }
  }
}

function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** The largest difference of any parameter's gradients, as a share of that parameter's largest gradient. */
function largestDifference(expected: Map<string, Float64Array>, actual: Map<string, Float64Array>): number {
  const gradients = [...expected].filter(([name]) => name !== 'loss').map(([, values]) => values);
  const floor = negligible * Math.max(...gradients.map(largest));
  let worst = 0;
  for (const [name, values] of expected) {
    const others = actual.get(name);
    const difference = values.reduce((most, value, i) => Math.max(most, Math.abs(value - (others?.[i] ?? NaN))), 0);
    worst = Math.max(worst, difference / Math.max(largest(values), floor));
  }
  return worst;
}
