/**
 * What a network carries from step to step beside its parameters, as tensors by name, so that a checkpoint can hold it:
 * running averages as runningMean<l> and runningVar<l>, dropout's generator as dropoutGenerator.
 */

import type { BatchnormParam } from '../layers/batchnorm.ts';
import { describe } from '../runtime/check.ts';
import { checkTensorShape } from '../tensor/check.ts';
import { contiguousDataAs } from '../tensor/internal.ts';
import type { RandomSource } from '../tensor/random/source.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Copies of the running averages (none before the first training pass) and of the generator's state. */
export function collectState(bnParams: readonly BatchnormParam[], rng: RandomSource | null): Record<string, Tensor> {
  const state: Record<string, Tensor> = {};
  bnParams.forEach(({ runningMean, runningVar }, i) => {
    if (runningMean !== undefined) state[`runningMean${i + 1}`] = runningMean.clone();
    if (runningVar !== undefined) state[`runningVar${i + 1}`] = runningVar.clone();
  });
  if (rng !== null) state.dropoutGenerator = generatorTensor(rng);
  return state;
}

/**
 * Puts back what collectState returned. Running averages that are missing are forgotten. Throws TypeError for unknown
 * names, RangeError for other shapes or a generator's state that is none, and then changes nothing.
 */
export function restoreState(
  fn: string, state: Readonly<Record<string, Tensor>>, bnParams: readonly BatchnormParam[], rng: RandomSource | null,
  shapeOf: (layer: number) => readonly number[],
): void {
  const known = bnParams.flatMap((_, i) => [`runningMean${i + 1}`, `runningVar${i + 1}`]);
  if (rng !== null) known.push('dropoutGenerator');
  for (const name of Object.keys(state)) {
    if (!known.includes(name)) {
      const expected = known.length === 0 ? 'nothing' : known.join(', ');
      throw new TypeError(`${fn}: unknown entry ${describe(name)}, this network stores ${expected}`);
    }
  }
  const averages = bnParams.map((_, i) => {
    const [mean, variance] = [state[`runningMean${i + 1}`], state[`runningVar${i + 1}`]];
    if ((mean === undefined) !== (variance === undefined)) {
      throw new TypeError(`${fn}: state must have both of runningMean${i + 1} and runningVar${i + 1}, got one`);
    }
    if (mean === undefined) return { runningMean: undefined, runningVar: undefined };
    return {
      runningMean: checkTensorShape(fn, `runningMean${i + 1}`, mean, shapeOf(i + 1)).clone(),
      runningVar: checkTensorShape(fn, `runningVar${i + 1}`, variance, shapeOf(i + 1)).clone(),
    };
  });
  if (rng !== null && state.dropoutGenerator !== undefined) restoreGenerator(fn, rng, state.dropoutGenerator);
  averages.forEach((average, i) => Object.assign(bnParams[i], average));
}

/** Position, spare normal (NaN for none) and words of a generator, all of which a float64 holds exactly. */
function generatorTensor(rng: RandomSource): Tensor {
  const { position, spare, words } = rng.getState();
  return new Tensor(Float64Array.of(position, spare ?? NaN, ...words));
}

function restoreGenerator(fn: string, rng: RandomSource, saved: Tensor): void {
  const { algorithm, words: current } = rng.getState();
  checkTensorShape(fn, 'dropoutGenerator', saved, [current.length + 2]);
  const [position, spare, ...words] = contiguousDataAs(saved, 'float64');
  rng.setState({ algorithm, position, spare: Number.isNaN(spare) ? null : spare, words });
}
