/**
 * The sample that a file of a network carries: examples drawn at random, and what the network made of them when it was
 * saved, by which every reader can tell whether it still computes the same.
 */

import { cloneOutput } from '../layers/softmax.ts';
import { Network } from '../models/network.ts';
import { GraphModel } from '../nn/graph.ts';
import { inputsOf, type Module } from '../nn/module.ts';
import { shapeText } from '../tensor/check.ts';
import { Rng } from '../tensor/random/rng.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A batch of examples for each input of the network, and what came out of each of its outputs. */
export interface Sample {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/** How far what a file computes is from what it says that it computed. */
export interface Verification {
  /** the largest difference of two numbers */
  readonly difference: number;
  /** the largest number that the file says was computed, which the difference is to be seen beside */
  readonly largest: number;
}

/** "input", "input_1", ...: what several inputs, or outputs, are called. */
export function numbered(name: string, i: number): string {
  return i === 0 ? name : `${name}_${i}`;
}

/** All outputs of a network at test time, for prepared examples, a batch an input. */
export function outputsOf(model: Module | Network, inputs: readonly Tensor[]): Tensor[] {
  if (model instanceof Network) return [model.loss(inputs[0])];
  const variables = inputsOf(model, inputs);
  return model.testing(() => {
    const outputs = model instanceof GraphModel ? model.forwardAll(...variables) : [model.forward(...variables)];
    return outputs.map(({ value }) => cloneOutput(value));
  });
}

/** Two examples an input. A graph knows the shapes that it takes; inputShape is that of every other network. */
export function sampleOf(model: Module | Network, inputShape: readonly number[]): Sample {
  const dtype = (model instanceof Network ? model.params.W1 : model.parameters()[0])?.dtype ?? 'float32';
  const rng = new Rng(0);
  const shapes = model instanceof GraphModel ? model.inputShapes : [inputShape];
  const inputs = shapes.map((shape) => rng.normal(0, 1, [2, ...shape]).astype(dtype));
  return { inputs, outputs: outputsOf(model, inputs) };
}

/** The name of a sample's tensor in a kind of file. */
export type SampleName = (part: string) => string;

/** A sample's tensors by their names in a file. */
export function sampleTensors({ inputs, outputs }: Sample, nameOf: SampleName): Record<string, Tensor> {
  return Object.fromEntries([
    ...inputs.map((input, i) => [nameOf(numbered('input', i)), input] as const),
    ...outputs.map((output, i) => [nameOf(numbered('output', i)), output] as const),
  ]);
}

/** A file's tensors without those of its sample, and that; null where it has none. */
export function withoutSample(
  tensors: Readonly<Record<string, Tensor>>, nameOf: SampleName,
): [rest: Record<string, Tensor>, sample: Sample | null] {
  const rest = new Map(Object.entries(tensors));
  const [inputs, outputs] = ['input', 'output'].map((part) => {
    const found: Tensor[] = [];
    for (let name = nameOf(part); rest.has(name); name = nameOf(numbered(part, found.length))) {
      found.push(rest.get(name)!);
      rest.delete(name);
    }
    return found;
  });
  return [Object.fromEntries(rest), inputs.length === 0 || outputs.length === 0 ? null : { inputs, outputs }];
}

/**
 * Computes a sample anew. Throws RangeError where there is none (hint: how a file gets one), and where what comes out
 * has other shapes.
 */
export function verifySample(model: Module | Network, sample: Sample | null, hint: string = ''): Verification {
  if (sample === null) throw new RangeError(`the file carries no sample input with its output${hint}`);
  const { inputs, outputs: expected } = sample;
  const wanted = model instanceof GraphModel ? model.inputShapes.length : 1;
  if (inputs.length !== wanted) {
    throw new RangeError(`the sample has ${inputs.length} inputs, the network takes ${wanted}`);
  }
  const computed = outputsOf(model, inputs);
  const [stored, given] = [expected, computed].map((list) => list.map(({ shape }) => shapeText(shape)).join(', '));
  if (stored !== given) throw new RangeError(`the sample has outputs of shape ${stored}, the network gives ${given}`);
  const largestOf = (values: readonly Tensor[]): number =>
    Math.max(...values.map((t) => t.astype('float64').abs().max().item()));
  const differences = computed.map((t, i) => t.astype('float64').sub(expected[i].astype('float64')));
  return { difference: largestOf(differences), largest: largestOf(expected) };
}
