/**
 * The hinge loss and its gradient (see ../../naive/loss.ts), a task being some examples. All arithmetic is float64, two
 * classes at a time: in float32 a margin that is just above 0 could come out as 0.
 */

import { bytesOf, constant, type FloatKind, load, type Local, scale, splat, toFloat } from '../../../wasm/index.ts';
import type { LossKernels } from '../../contract.ts';
import { type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import { floatKind, launch, launched, scratchArray } from '../launch.ts';
import { elementwiseTuning } from '../tuning.ts';
import { eachOfShare, fromFloat64, toFloat64, wherePositive, zero } from '../vectors.ts';
import { loadPair, storePair } from './pairs.ts';

const svmArguments = {
  scores: 'input', labels: 'input', dscores: 'output', losses: 'output', examples: 'i32', classes: 'i32',
  perTask: 'i32',
} as const;
const svm: FloatKernels<typeof svmArguments> = floatKernels('svm_loss', svmArguments);

/** Adds the kernels to the module. */
export function emitSvm(kernels: KernelBuilder): void {
  for (const float of ['f32', 'f64'] as const) emitFor(kernels, float);
}

function emitFor(kernels: KernelBuilder, float: FloatKind): void {
  const bytes = bytesOf(float);
  kernels.define(svm[float], (f, s, task) => {
    const [from, to, end, halves] = f.locals('i32', 4);
    // losses and violations, two at a time and the odd ones
    const [losses, violations, share] = f.locals('f64x2', 3);
    const [loss, violated] = f.locals('f64', 2);
    const count = f.let(toFloat('f64', s.examples));
    const single = f.let(constant('f64', 1).div(count));
    f.set(share, splat('f64x2', single));
    const add = (score: Local, right: Local, sums: readonly [Local, Local], gradient: Local): Local => {
      const margin = f.let(score.sub(right).add(1));
      f.set(sums[0], sums[0].add(margin.max(zero(margin.kind))));
      f.set(sums[1], sums[1].add(wherePositive(margin, constant(margin.kind, 1))));
      return f.let(wherePositive(margin, gradient));
    };
    eachOfShare(f, task, s.perTask, s.examples, (example) => {
      const distance = f.let(scale(example.mul(s.classes), bytes));
      const row = f.let(s.scores.add(distance));
      const label = f.let(scale(load('i32', s.labels.add(example.shl(2))), bytes));
      const right = f.let(toFloat64(load(float, row.add(label))));
      const rights = f.let(splat('f64x2', right));
      for (const sum of [losses, violations, loss, violated]) f.set(sum, zero(sum.kind));
      // the classes before the right one, then those after it
      f.set(from, row);
      f.set(to, s.dscores.add(distance));
      f.set(end, row.add(label));
      f.set(halves, 2);
      f.countdown(halves, () => {
        f.while(() => end.sub(from).ge(2 * bytes), () => {
          storePair(f, float, to, add(f.let(loadPair(float, from)), rights, [losses, violations], share));
          for (const pointer of [from, to]) f.increase(pointer, 2 * bytes);
        });
        f.if(end.sub(from).gt(0), () => {
          const score = f.let(toFloat64(load(float, from)));
          f.store(to, fromFloat64(float, add(score, right, [loss, violated], single)));
          for (const pointer of [from, to]) f.increase(pointer, bytes);
        });
        for (const pointer of [from, to]) f.increase(pointer, bytes);
        f.set(end, row.add(scale(s.classes, bytes)));
      });
      f.store(s.losses.add(example.shl(3)), loss.add(losses.lane(0).add(losses.lane(1))));
      const all = violated.add(violations.lane(0).add(violations.lane(1)));
      f.store(s.dscores.add(distance).add(label), fromFloat64(float, all.neg().div(count)));
    });
  });
}

/** svmLoss of the contract. */
export const svmLoss: LossKernels['svmLoss'] = launched((scores, labels, dscores, n, classes) => {
  const losses = scratchArray('float64', n) as Float64Array;
  const perTask = Math.ceil(elementwiseTuning.elementsPerTask / classes);
  launch(svm[floatKind(scores)]).scores(scores).labels(labels).dscores(dscores).losses(losses)
    .examples(n).classes(classes).perTask(perTask).run(Math.ceil(n / perTask));
  return losses.reduce((sum, each) => sum + each, 0) / n;
});
