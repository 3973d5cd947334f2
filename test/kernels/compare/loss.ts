import fc from 'fast-check';
import type { Kernels } from '../../../src/kernels/contract.ts';
import { naiveKernels as naive } from '../../../src/kernels/naive/index.ts';
import { kernelCase, type AnyCase } from './case.ts';
import type { Workbench } from './workbench.ts';

interface Shape {
  n: number;
  classes: number;
  scale: number;
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  n: fc.integer({ min: 1, max: 40 }), classes: fc.integer({ min: 1, max: 37 }),
  scale: fc.constantFrom(1e-3, 1, 30, 1e4),
});

function prepare(bench: Workbench, s: Shape) {
  const scores = bench.given('scores', bench.random('raw', s.n * s.classes).map((value) => value * s.scale));
  const labels = bench.integers('labels', Array.from({ length: s.n }, () => bench.below(s.classes)));
  return { scores, labels, dscores: bench.output('dscores', scores.length), wanted: bench.expected(scores.length) };
}

function checkSoftmax(bench: Workbench, tested: Kernels, s: Shape): void {
  const { scores, labels, dscores, wanted } = prepare(bench, s);
  const loss = tested.softmaxLoss(scores, labels, dscores, s.n, s.classes);
  const wantedLoss = naive.softmaxLoss(scores, labels, wanted, s.n, s.classes);

  // A rounded difference s - max of size d changes exp by a relative error of d; the label's 1 is subtracted.
  let lossMagnitude = 0;
  const magnitude = new Float64Array(scores.length);
  for (let i = 0; i < s.n; i++) {
    const row = scores.subarray(i * s.classes, (i + 1) * s.classes);
    const largest = Math.max(...row);
    lossMagnitude += (largest - row[labels[i]] + 1 + Math.log(s.classes)) / s.n;
    row.forEach((score, j) => {
      const label = j === labels[i] ? 1 : 0;
      const probability = wanted[i * s.classes + j] * s.n + label;
      magnitude[i * s.classes + j] = (probability * (1 + largest - score) + label) / s.n;
    });
  }
  bench.close('loss', [loss], [wantedLoss], [lossMagnitude]);
  bench.close('dscores', dscores, wanted, magnitude);
}

function checkSvm(bench: Workbench, tested: Kernels, s: Shape): void {
  const { scores, labels, dscores, wanted } = prepare(bench, s);
  const loss = tested.svmLoss(scores, labels, dscores, s.n, s.classes);
  const wantedLoss = naive.svmLoss(scores, labels, wanted, s.n, s.classes);
  let magnitude = 0;
  scores.forEach((score, i) => {
    const right = scores[i - (i % s.classes) + labels[Math.floor(i / s.classes)]];
    magnitude += (Math.abs(score) + Math.abs(right) + 1) / s.n;
  });
  bench.close('loss', [loss], [wantedLoss], [magnitude]);
  bench.close('dscores', dscores, wanted);
}

/** A NaN score must show in the loss, and an infinite score of a wrong class may not leave it finite. */
function checkBroken(kernel: 'softmaxLoss' | 'svmLoss') {
  return (bench: Workbench, tested: Kernels, s: { n: number; classes: number; broken: number }): void => {
    const values = Array.from({ length: s.n * s.classes }, () => bench.uniform());
    const row = bench.below(s.n);
    values[row * s.classes + 1 + bench.below(s.classes - 1)] = s.broken;
    const labels = bench.integers('labels', new Array<number>(s.n).fill(0));
    const dscores = bench.output('dscores', values.length);
    const loss = tested[kernel](bench.given('scores', values), labels, dscores, s.n, s.classes);
    if (Number.isFinite(loss)) throw new Error(`${kernel} of a score ${s.broken} is ${loss}`);
  };
}

const brokenShapes = fc.record({
  n: fc.integer({ min: 1, max: 9 }), classes: fc.integer({ min: 2, max: 19 }), broken: fc.constantFrom(NaN, Infinity),
});

export const lossCases: readonly AnyCase[] = [
  kernelCase({ kernel: 'softmaxLoss', shapes, check: checkSoftmax }),
  kernelCase({ kernel: 'svmLoss', shapes, check: checkSvm }),
  ...(['softmaxLoss', 'svmLoss'] as const).map((kernel) =>
    kernelCase({ kernel, title: 'of broken scores', shapes: brokenShapes, check: checkBroken(kernel) })),
];
