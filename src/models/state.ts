/**
 * What a network carries from step to step beside its parameters, as tensors by name, so that a checkpoint can hold it:
 * running averages as runningMean<l> and runningVar<l>, dropout's generator as dropoutGenerator. Every name is always
 * there; an average of which there is none yet, before the first training pass, is a tensor without elements.
 */

import type { BatchnormParam } from '../layers/batchnorm.ts';
import { checkRecord, describe } from '../runtime/check.ts';
import { checkTensor, checkTensorShape, checkTensorType } from '../tensor/check.ts';
import { contiguousDataAs } from '../tensor/internal.ts';
import type { RandomSource } from '../tensor/random/source.ts';
import { Tensor } from '../tensor/tensor.ts';

const averages = ['runningMean', 'runningVar'] as const;

/** Copies of the running averages and of the generator's state. */
export function collectState(bnParams: readonly BatchnormParam[], rng: RandomSource | null): Record<string, Tensor> {
  const state: Record<string, Tensor> = {};
  bnParams.forEach((param, i) => {
    for (const name of averages) state[`${name}${i + 1}`] = param[name]?.clone() ?? new Tensor(new Float32Array(0));
  });
  if (rng !== null) state.dropoutGenerator = generatorTensor(rng);
  return state;
}

/**
 * Puts back what collectState returned. Throws TypeError for anything but a record of tensors with exactly those names,
 * RangeError for other shapes or a generator's state that is none, and then changes nothing.
 */
export function restoreState(
  fn: string, state: Readonly<Record<string, Tensor>>, bnParams: readonly BatchnormParam[], rng: RandomSource | null,
  shapeOf: (layer: number) => readonly number[],
): void {
  checkRecord(fn, 'state', state);
  const known = bnParams.flatMap((_, i) => averages.map((name) => `${name}${i + 1}`));
  if (rng !== null) known.push('dropoutGenerator');
  const expected = `this network stores ${known.length === 0 ? 'nothing' : known.join(', ')}`;
  for (const name of Object.keys(state)) {
    if (!known.includes(name)) throw new TypeError(`${fn}: unknown entry ${describe(name)}, ${expected}`);
  }
  for (const name of known) {
    if (!Object.hasOwn(state, name)) throw new TypeError(`${fn}: state lacks ${name}, ${expected}`);
    checkTensor(fn, `state.${name}`, state[name]);
  }
  const restored = bnParams.map((_, i) => {
    const [mean, variance] = averages.map((name) => state[`${name}${i + 1}`]);
    if (mean.size === 0 && variance.size === 0) return { runningMean: undefined, runningVar: undefined };
    const [runningMean, runningVar] = averages.map((name) => {
      const average = checkTensorShape(fn, `state.${name}${i + 1}`, state[`${name}${i + 1}`], shapeOf(i + 1));
      return checkTensorType(fn, `state.${name}${i + 1}`, average, 'float32', 'float64').clone();
    });
    return { runningMean, runningVar };
  });
  if (rng !== null) restoreGenerator(fn, rng, state.dropoutGenerator);
  restored.forEach((average, i) => Object.assign(bnParams[i], average));
}

/** Position, spare normals (0 or 1), the spare, and words of a generator, all of which a float64 holds exactly. */
function generatorTensor(rng: RandomSource): Tensor {
  const { position, spare, words } = rng.getState();
  return new Tensor(Float64Array.of(position, spare === null ? 0 : 1, spare ?? 0, ...words));
}

function restoreGenerator(fn: string, rng: RandomSource, saved: Tensor): void {
  const { algorithm, words: current } = rng.getState();
  checkTensorShape(fn, 'state.dropoutGenerator', saved, [current.length + 3]);
  const [position, spares, spare, ...words] = contiguousDataAs(saved, 'float64');
  rng.setState({ algorithm, position, spare: [null, spare][spares], words });
}
