/**
 * Elementwise kernels over lists of arrays: what is done to many parameters, most of them short, in one job. Two tables
 * say where they lie. One has a row for each piece of an array set: its length and its address in every array of the
 * set. The other says at which row each task begins, so that a task goes through one long piece or many short ones; the
 * cut follows from the lengths alone.
 */

import { type FloatKind, load, type Local, scale, splat, vectorOf } from '../../../wasm/index.ts';
import type { FloatArray } from '../../contract.ts';
import { type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import { floatKind, type Job, launch, overwritesWhatItReads, scratchArray, staged } from '../launch.ts';
import { elementwiseTuning } from '../tuning.ts';
import { eachRun, fromFloat64 } from '../vectors.ts';
import { type MapTypes, namesOf, type Step, writeStep } from './map.ts';

/** The tables that all of them begin with. */
const listTables = { starts: 'input', rows: 'input' } as const;

type NumbersOf<Types extends MapTypes> = {
  readonly [Name in keyof Types as Types[Name] extends 'f64' ? Name : never]: 'f64';
};

/** A kernel over lists, with what it computes. */
export interface ListedKernel<Types extends MapTypes> {
  /** arrays of a set, and how many of them are inputs */
  readonly arrays: number;
  readonly inputs: number;
  readonly kernels: FloatKernels<typeof listTables & NumbersOf<Types>>;
  emit(kernels: KernelBuilder, float: FloatKind): void;
}

/** Declares and describes a kernel: its inputs in `types` come before its outputs, numbers last. */
export function listed<const Types extends MapTypes>(
  name: string, types: Types, step: Step<Types>,
): ListedKernel<Types> {
  const numbers = Object.fromEntries(namesOf(types, 'f64').map((each) => [each, 'f64'])) as NumbersOf<Types>;
  const kernels = floatKernels(name, { ...listTables, ...numbers });
  return {
    arrays: arraysOf(types).length, inputs: namesOf(types, 'input').length, kernels,
    emit: (builder, float) => emitListed(builder, float, kernels, types, step),
  };
}

/** Arrays that a row has an address in, in its order. */
function arraysOf(types: MapTypes): string[] {
  return [...namesOf(types, 'input'), ...namesOf(types, 'output')];
}

function emitListed<Types extends MapTypes>(
  builder: KernelBuilder, float: FloatKind, kernels: FloatKernels<typeof listTables & NumbersOf<Types>>, types: Types,
  step: Step<Types>,
): void {
  const arrays = arraysOf(types);
  const rowBytes = 4 * (1 + arrays.length);
  builder.define(kernels[float], (f, given, task) => {
    const a = given as Readonly<Record<string, Local>>;
    const scalars = namesOf(types, 'f64')
      .map((name) => [name, f.let(splat(vectorOf(float), fromFloat64(float, a[name])))] as const);
    const start = f.let(a.starts.add(scale(task, 4)));
    const row = f.let(a.rows.add(load('i32', start).mul(rowBytes)));
    const left = f.let(load('i32', start, 4).sub(load('i32', start)));
    f.repeat(left, () => {
      const pointers = new Map(arrays.map((name, i) => [name, f.let(load('i32', row, 4 * (i + 1)))]));
      eachRun(f, float, [...pointers.values()], load('i32', row), (kind) =>
        writeStep(f, float, kind, types, step, pointers, scalars));
      f.increase(row, rowBytes);
    });
  });
}

/**
 * Begins a job over sets of arrays, given one after another: those of each set have one length, its inputs come before
 * its outputs, and an output may be one of the inputs. Gives the job, which still wants its numbers, and how many tasks
 * to run it with.
 */
export function overEach<Types extends MapTypes>(
  { arrays: width, inputs, kernels }: ListedKernel<Types>, arrays: readonly FloatArray[],
): readonly [job: Job<NumbersOf<Types>>, tasks: number] {
  const most = elementwiseTuning.elementsPerTask;
  const bytes = arrays[0].BYTES_PER_ELEMENT;
  let pieces = 0;
  for (let set = 0; set < arrays.length; set += width) pieces += Math.ceil(arrays[set].length / most);
  const rowWords = 1 + width;
  const rows = scratchArray('int32', pieces * rowWords);
  const starts = scratchArray('int32', pieces + 1); // of as many tasks as there are pieces, at most
  let [row, tasks, elements, inPlace] = [0, 0, 0, false];
  for (let set = 0; set < arrays.length; set += width) {
    const { length } = arrays[set];
    for (let first = 0; first < length; first += most, row++) {
      const count = Math.min(most, length - first);
      if (row === 0 || elements + count > most) {
        starts[tasks++] = row;
        elements = 0;
      }
      elements += count;
      const at = row * rowWords;
      rows[at] = count;
      for (let i = 0; i < width; i++) {
        const here = at + 1 + i;
        const isOutput = i >= inputs;
        if (first > 0) rows[here] = rows[here - rowWords] + most * bytes;
        else rows[here] = staged(arrays[set + i], !isOutput, isOutput);
        for (let j = 0; isOutput && !inPlace && j < inputs; j++) inPlace = rows[at + 1 + j] === rows[here];
      }
    }
  }
  starts[tasks] = row;
  const job = launch(kernels[floatKind(arrays[0])]) as unknown as Job<typeof listTables>;
  if (inPlace) overwritesWhatItReads();
  return [job.starts(starts).rows(rows) as never, tasks];
}
