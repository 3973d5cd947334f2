/**
 * Kernels that go through arrays of one length element by element: one description gives the code for both float types,
 * by vectors and for the rest, cut into tasks.
 */

import {
  type Body, bytesOf, type FloatKind, type Kind, type Local, scale, splat, type Value, vectorOf,
} from '../../../wasm/index.ts';
import type { FloatArray } from '../../contract.ts';
import { type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import { floatKind, type Job, launch } from '../launch.ts';
import { elementwiseTuning } from '../tuning.ts';
import type { Keep } from './functions.ts';
import { at, eachRun, fromFloat64, shareOf } from '../vectors.ts';

/** Names of arrays, which may be the same array where one is input and one output, and of scalars. */
export type MapTypes = Readonly<Record<string, 'input' | 'output' | 'f64'>>;

type NamesOf<Types extends MapTypes, Type> =
  { [Name in keyof Types]: Types[Name] extends Type ? Name : never }[keyof Types];

/**
 * What a kernel computes at one place: its outputs from its inputs and scalars there, by name. Every input may be used
 * more than once. All values are vectors of the array's type; the elements that fill no vector are computed one by one,
 * each in all lanes of one.
 */
export type Step<Types extends MapTypes> = (
  values: { readonly [Name in NamesOf<Types, 'input' | 'f64'>]: Value }, keep: Keep, kind: Kind,
) => { readonly [Name in NamesOf<Types, 'output'>]: Value };

/** The sizes that all of them begin with. */
const mapSizes = { count: 'i32', perTask: 'i32' } as const;

/** An elementwise kernel, with what it computes. */
export interface MapKernel<Types extends MapTypes> {
  readonly kernels: FloatKernels<typeof mapSizes & Types>;
  emit(kernels: KernelBuilder, float: FloatKind): void;
}

/** Declares and describes a kernel. */
export function map<const Types extends MapTypes>(name: string, types: Types, step: Step<Types>): MapKernel<Types> {
  const kernels = floatKernels(name, { ...mapSizes, ...types });
  return { kernels, emit: (builder, float) => emitMap(builder, float, kernels, types, step) };
}

/** The names of one type, in their order. */
export function namesOf(types: MapTypes, type: MapTypes[string]): string[] {
  return Object.keys(types).filter((name) => types[name] === type);
}

/** Writes the step at the places that pointers, by array, lead to: a whole vector or one element. */
export function writeStep<Types extends MapTypes>(
  f: Body, float: FloatKind, kind: Kind, types: Types, step: Step<Types>, pointers: ReadonlyMap<string, Local>,
  scalars: ReadonlyArray<readonly [name: string, value: Local]>,
): void {
  const vector = vectorOf(float);
  const whole = kind === vector;
  const inputs = namesOf(types, 'input').map((name) => {
    const element = at(kind, pointers.get(name)!);
    return [name, f.let(whole ? element : splat(vector, element))] as const;
  });
  const values = Object.fromEntries([...inputs, ...scalars]);
  const results = step(values as never, (value) => f.let(value), vector) as Record<string, Value>;
  const kept = namesOf(types, 'output').map((name) => [name, f.let(results[name])] as const);
  for (const [name, value] of kept) f.store(pointers.get(name)!, whole ? value : value.lane(0));
}

function emitMap<Types extends MapTypes>(
  builder: KernelBuilder, float: FloatKind, kernels: FloatKernels<typeof mapSizes & Types>, types: Types,
  step: Step<Types>,
): void {
  builder.define(kernels[float], (f, given, task) => {
    const a = given as Readonly<Record<string, Local>>;
    const [first, last] = shareOf(f, task, a.perTask, a.count);
    const distance = f.let(scale(first, bytesOf(float)));
    const arrays = [...namesOf(types, 'input'), ...namesOf(types, 'output')];
    const pointers = new Map(arrays.map((name) => [name, f.let(a[name].add(distance))]));
    const scalars = namesOf(types, 'f64')
      .map((name) => [name, f.let(splat(vectorOf(float), fromFloat64(float, a[name])))] as const);
    eachRun(f, float, [...pointers.values()], last.sub(first), (kind) =>
      writeStep(f, float, kind, types, step, pointers, scalars));
  });
}

/** Begins a job over arrays like this one; run it with `tasksOver` of the same. */
export function over<Types extends MapTypes>(
  { kernels }: MapKernel<Types>, like: FloatArray,
): Job<typeof mapSizes & Types, Exclude<keyof (typeof mapSizes & Types), keyof typeof mapSizes>> {
  const job = launch(kernels[floatKind(like)]) as unknown as Job<typeof mapSizes>;
  return job.count(like.length).perTask(elementwiseTuning.elementsPerTask) as never;
}

/** How many tasks arrays like this one are cut into. */
export function tasksOver({ length }: FloatArray): number {
  return Math.ceil(length / elementwiseTuning.elementsPerTask);
}
