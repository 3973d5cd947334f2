/** The softmax loss with smoothed labels, against the cross-entropy with the distributions written out. */

import { describe, expect, it } from 'vitest';
import { softmaxLoss } from '../../src/layers/index.ts';
import { crossEntropy, parameter } from '../../src/nn/index.ts';
import { allClose, Rng, tensor } from '../../src/index.ts';

describe('softmaxLoss with labelSmoothing', () => {
  const scores = new Rng(1).normal(0, 2, [3, 4]).astype('float64');
  const labels = [2, 0, 3];

  it('is the cross-entropy with 1 - s + s / C for the right class and s / C for the others', () => {
    const wanted = tensor(labels.map((label) => Array.from({ length: 4 }, (_, c) => (c === label ? 0.85 : 0.05))));
    const logits = parameter(scores);
    const expected = crossEntropy(logits, wanted.astype('float64'));
    expected.backward();
    const [loss, dx] = softmaxLoss(scores, labels, { labelSmoothing: 0.2 });
    expect(loss).toBeCloseTo(expected.item(), 6);
    expect(allClose(dx, logits.grad!, 0, 1e-7)).toBe(true);
  });

  it('takes views, changes nothing at 0, and refuses shares beyond 1', () => {
    const view = scores.transpose().clone().transpose();
    const [loss, dx] = softmaxLoss(view, labels, { labelSmoothing: 0.3 });
    const [plain, dplain] = softmaxLoss(scores, labels, { labelSmoothing: 0.3 });
    expect(loss).toBe(plain);
    expect(dx.toArray()).toEqual(dplain.toArray());
    expect(softmaxLoss(scores, labels, { labelSmoothing: 0 })).toEqual(softmaxLoss(scores, labels));
    expect(() => softmaxLoss(scores, labels, { labelSmoothing: 1.5 })).toThrow(/^softmaxLoss: labelSmoothing must be/);
  });
});
