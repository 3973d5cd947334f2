/** The losses on class scores: of a batch as the course has it, and one large enough to time exponentials. */

import { bytesOf } from '../support/kernel-case.ts';
import type { KernelCase } from '../support/kernel-case.ts';

function loss(title: 'softmax' | 'svm', n: number, classes: number): KernelCase {
  const dtype = 'float32';
  return {
    name: `${title} loss (${n},${classes})`, dtype, steps: 20 * n * classes,
    // held against copying, which it cannot reach: an exponential takes longer than a number takes to come and go
    work: { limit: 'memory', bytes: bytesOf(dtype, 2 * n * classes), workingSet: bytesOf(dtype, 2 * n * classes) },
    prepare(arrays) {
      const scores = arrays.normal(n * classes);
      const labels = arrays.positions(n);
      labels.forEach((_, i) => {
        labels[i] = (i * 7) % classes;
      });
      const dscores = arrays.zeros(n * classes);
      return {
        run: title === 'softmax'
          ? ({ softmaxLoss }) => void softmaxLoss(scores, labels, dscores, n, classes)
          : ({ svmLoss }) => void svmLoss(scores, labels, dscores, n, classes),
        results: [dscores],
      };
    },
  };
}

export const lossCases: readonly KernelCase[] = [
  loss('softmax', 100, 10), loss('softmax', 1000, 1000), loss('svm', 100, 10), loss('svm', 1000, 1000),
];
