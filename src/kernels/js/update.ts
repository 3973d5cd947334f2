/**
 * Update rules that save a division an element over their definitions. The others are one pass of a few additions and
 * multiplications in the definition already, which memory bounds.
 */

import type { FloatArray, ListKernels, UpdateKernels } from '../contract.ts';
import { naiveUpdate, oneByOne } from '../naive/update.ts';

/**
 * Adam with its two corrections taken out of the loop, as the paper suggests (end of section 2):
 * (m / c1) / (sqrt(v / c2) + eps) = (m / c1) / (sqrt(v) / sqrt(c2) + eps), so one division and one root remain.
 */
export function adamUpdate(
  w: FloatArray, dw: FloatArray, m: FloatArray, v: FloatArray, nextW: FloatArray, nextM: FloatArray,
  nextV: FloatArray, learningRate: number, beta1: number, beta2: number, epsilon: number,
  correction1: number, correction2: number, decay: number,
): void {
  const step = learningRate / correction1;
  const rootFactor = 1 / Math.sqrt(correction2);
  const share1 = 1 - beta1;
  const share2 = 1 - beta2;
  const keep = 1 - decay;
  for (let i = 0; i < w.length; i++) {
    const gradient = dw[i];
    const first = beta1 * m[i] + share1 * gradient;
    const second = beta2 * v[i] + share2 * gradient * gradient;
    nextM[i] = first;
    nextV[i] = second;
    nextW[i] = keep * w[i] - step * first / (Math.sqrt(second) * rootFactor + epsilon);
  }
}

const rules: UpdateKernels = { ...naiveUpdate, adamUpdate };

export const fastUpdate: UpdateKernels & ListKernels = { ...rules, ...oneByOne(rules) };
