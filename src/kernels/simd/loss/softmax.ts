/**
 * The softmax loss and its gradient (see ../../naive/loss.ts), a task being some examples. All arithmetic is float64,
 * two classes at a time. Each exp is taken once: it waits in the gradient's place until the row's sum is known.
 */

import { apply, bytesOf, constant, type FloatKind, load, scale, splat } from '../../../wasm/index.ts';
import type { LossKernels } from '../../contract.ts';
import { exponential } from '../elementwise/functions.ts';
import { type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import { floatKind, launch, launched, scratchArray } from '../launch.ts';
import { elementwiseTuning } from '../tuning.ts';
import { eachOfShare, fromFloat64, toFloat64 } from '../vectors.ts';
import { loadPair, storePair } from './pairs.ts';

const softmaxArguments = {
  scores: 'input', labels: 'input', dscores: 'output', rows: 'output', examples: 'i32', classes: 'i32', perTask: 'i32',
} as const;
const softmax: FloatKernels<typeof softmaxArguments> = floatKernels('softmax_loss', softmaxArguments);

/** Bytes of what a row leaves for the loss: the sum of its exps, and the label's score less the largest. */
const rowBytes = 16;

/** Adds the kernels to the module. */
export function emitSoftmax(kernels: KernelBuilder): void {
  for (const float of ['f32', 'f64'] as const) emitFor(kernels, float);
}

function emitFor(kernels: KernelBuilder, float: FloatKind): void {
  const bytes = bytesOf(float);
  kernels.define(softmax[float], (f, s, task) => {
    const [row, from, to, left] = f.locals('i32', 4);
    const [largest, sum] = f.locals('f64', 2);
    const [center, sums] = f.locals('f64x2', 2);
    eachOfShare(f, task, s.perTask, s.examples, (example) => {
      f.set(row, s.scores.add(scale(example.mul(s.classes), bytes)));
      f.set(largest, constant('f64', -Infinity));
      f.set(from, row);
      f.set(left, s.classes);
      f.repeat(left, () => {
        f.set(largest, largest.max(toFloat64(load(float, from))));
        f.increase(from, bytes);
      });

      f.set(center, splat('f64x2', largest));
      f.set(sums, splat('f64x2', 0));
      f.set(from, row);
      f.set(to, s.dscores.add(scale(example.mul(s.classes), bytes)));
      f.set(left, s.classes.shrU(1));
      f.repeat(left, () => {
        const exps = f.let(exponential((value) => f.let(value), f.let(loadPair(float, from).sub(center))));
        f.set(sums, sums.add(exps));
        storePair(f, float, to, exps);
        for (const pointer of [from, to]) f.increase(pointer, 2 * bytes);
      });
      f.set(sum, sums.lane(0).add(sums.lane(1)));
      f.if(s.classes.and(1), () => {
        const single = splat('f64x2', toFloat64(load(float, from)));
        const exp = f.let(exponential((value) => f.let(value), f.let(single.sub(center))).lane(0));
        f.set(sum, sum.add(exp));
        f.store(to, fromFloat64(float, exp));
      });

      const label = f.let(load('i32', s.labels.add(example.shl(2))));
      const out = f.let(s.rows.add(example.mul(rowBytes)));
      f.store(out, sum);
      f.store(out, toFloat64(load(float, row.add(scale(label, bytes)))).sub(largest), 8);

      const count = apply('f64.convert_i32_s', 'f64', [s.examples]);
      const factor = f.let(constant('f64', 1).div(sum.mul(count)));
      f.set(to, s.dscores.add(scale(example.mul(s.classes), bytes)));
      const labelAt = f.let(to.add(scale(label, bytes)));
      f.set(left, s.classes);
      f.repeat(left, () => {
        // (p - 1) / n is not p / n - 1 / n where p is near 1
        f.if(to.eq(labelAt), () => {
          const wrong = toFloat64(load(float, to)).div(sum).sub(constant('f64', 1));
          f.store(to, fromFloat64(float, wrong.div(count)));
        }, () => f.store(to, fromFloat64(float, toFloat64(load(float, to)).mul(factor))));
        f.increase(to, bytes);
      });
    });
  });
}

/** softmaxLoss of the contract. */
export const softmaxLoss: LossKernels['softmaxLoss'] = launched((scores, labels, dscores, n, classes) => {
  const rows = scratchArray('float64', 2 * n);
  const perTask = Math.ceil(elementwiseTuning.elementsPerTask / 4 / classes);
  launch(softmax[floatKind(scores)]).scores(scores).labels(labels).dscores(dscores).rows(rows)
    .examples(n).classes(classes).perTask(perTask).run(Math.ceil(n / perTask));
  let loss = 0;
  for (let i = 0; i < n; i++) loss += Math.log(rows[2 * i]) - rows[2 * i + 1];
  return loss / n;
});
