/**
 * Kernels that go through arrays of one length element by element: one description gives the code for both float types,
 * by vectors and for the rest, cut into tasks, and the host's part of the call.
 */

import {
  bytesOf, type FloatKind, type Kind, type Local, scale, splat, type Value, vectorOf,
} from '../../../wasm/index.ts';
import type { FloatArray } from '../../contract.ts';
import { ArgumentSlots, type KernelBuilder } from '../kernel-builder.ts';
import { beginLaunch, floatKind } from '../launch.ts';
import { kernelIndex } from '../module.ts';
import { elementwiseTuning } from '../tuning.ts';
import type { Keep } from './functions.ts';
import { at, eachRun, fromFloat64 } from '../vectors.ts';

/**
 * What a kernel computes at one place, from its inputs and scalars there: one value for each output. All values are
 * vectors of the array's type; the elements that fill no vector are computed one by one, each in all lanes of one.
 */
export interface MapDescription {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly scalars: number;
  /** every input may be used more than once */
  readonly step: (inputs: readonly Value[], scalars: readonly Value[], keep: Keep, kind: Kind) => Value[];
}

const arrays = ['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6'] as const;
const numbers = ['s0', 's1', 's2', 's3', 's4', 's5', 's6', 's7'] as const;

/** The arguments: the inputs' addresses, then the outputs'; the scalars; the count of elements and those of a task. */
const slots: ArgumentSlots<(typeof arrays)[number] | 'count' | 'perTask', (typeof numbers)[number]> =
  new ArgumentSlots([...arrays, 'count', 'perTask'], numbers);

function kernelName(float: FloatKind, name: string): string {
  return `${float}_${name}__simd128`;
}

/** Adds the kernels of a description, for both float types, to the module. */
export function emitMap(kernels: KernelBuilder, description: MapDescription): void {
  for (const float of ['f32', 'f64'] as const) emitFor(kernels, float, description);
}

function emitFor(
  kernels: KernelBuilder, float: FloatKind, { name, inputs, outputs, scalars, step }: MapDescription,
): void {
  const vector = vectorOf(float);
  kernels.define(kernelName(float, name), (f, args, task) => {
    const s = slots.read(f, args, ['count', 'perTask']);
    const first = f.let(task.mul(s.perTask));
    const count = f.let(s.count.sub(first));
    f.if(count.gt(s.perTask), () => f.set(count, s.perTask));
    const distance = f.let(scale(first, bytesOf(float)));
    const pointers: Local[] = [];
    for (const name of arrays.slice(0, inputs + outputs)) {
      pointers.push(f.let(slots.read(f, args, [name])[name].add(distance)));
    }
    const wide = Array.from({ length: scalars }, (_, i) =>
      f.let(splat(vector, fromFloat64(float, slots.readFloat(f, args, numbers[i])))));
    eachRun(f, float, pointers, count, (kind) => {
      const whole = kind === vector;
      const values = pointers.slice(0, inputs).map((pointer) =>
        f.let(whole ? at(kind, pointer) : splat(vector, at(kind, pointer))));
      const results = step(values, wide, (value) => f.let(value), vector).map((value) => f.let(value));
      results.forEach((value, i) => f.store(pointers[inputs + i], whole ? value : value.lane(0)));
    });
  });
}

/** Runs a map kernel. An output may be the same array as an input. */
export function runMap(
  name: string, inputs: readonly FloatArray[], outputs: readonly FloatArray[], scalars: readonly number[],
): void {
  const count = outputs[0].length;
  if (count === 0) return;
  const launch = beginLaunch();
  try {
    const addresses: number[] = [];
    for (const output of outputs) {
      addresses.push(inputs.includes(output) ? launch.inout(output) : launch.output(output));
    }
    inputs.forEach((input, i) => {
      const same = outputs.indexOf(input);
      slots.set(launch, arrays[i], same >= 0 ? addresses[same] : launch.input(input));
    });
    addresses.forEach((address, i) => slots.set(launch, arrays[inputs.length + i], address));
    scalars.forEach((scalar, i) => slots.setFloat(launch, numbers[i], scalar));
    slots.set(launch, 'count', count);
    slots.set(launch, 'perTask', elementwiseTuning.elementsPerTask);
    const float = floatKind(outputs[0]);
    launch.run(kernelIndex(kernelName(float, name)), Math.ceil(count / elementwiseTuning.elementsPerTask));
  } finally {
    launch.finish();
  }
}
