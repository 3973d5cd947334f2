/** The loss on class scores: of a batch as the course has it, and one large enough to time exponentials. */

import { bytesOf } from '../support/kernel-case.ts';
import type { KernelCase } from '../support/kernel-case.ts';

function softmax(n: number, classes: number): KernelCase {
  const dtype = 'float32';
  return {
    name: `softmax loss (${n},${classes})`, dtype, steps: 20 * n * classes,
    // held against copying, which it cannot reach: an exponential takes longer than a number takes to come and go
    work: { limit: 'memory', bytes: bytesOf(dtype, 2 * n * classes), workingSet: bytesOf(dtype, 2 * n * classes) },
    prepare(arrays) {
      const scores = arrays.normal(n * classes);
      const labels = arrays.positions(n);
      labels.forEach((_, i) => {
        labels[i] = (i * 7) % classes;
      });
      const dscores = arrays.zeros(n * classes);
      return { run: ({ softmaxLoss }) => void softmaxLoss(scores, labels, dscores, n, classes), results: [dscores] };
    },
  };
}

export const softmaxCases: readonly KernelCase[] = [softmax(100, 10), softmax(1000, 1000)];
