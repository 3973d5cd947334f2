/**
 * A network that the library does not ship, put together from its layers: {conv 5x5 - relu - 2x2 max pool} x 3 -
 * affine - relu - affine - relu - affine - softmax. Anything with `params` and `loss` can be trained by Solver.
 */

import {
  affineBackward, affineForward, affineReluBackward, affineReluForward, convReluPoolBackward, convReluPoolForward,
  kaimingInit, softmaxLoss,
} from '../../src/layers/index.ts';
import type { Gradients } from '../../src/models/index.ts';
import { Rng, Tensor, zeros } from '../../src/tensor/index.ts';
import type { SolverModel } from '../../src/train/index.ts';

const convParam = { stride: 1, pad: 2 };
const poolParam = { poolHeight: 2, poolWidth: 2, stride: 2 };

/** Filters of the convolutions, then outputs of the affine layers. */
const filters = [64, 32, 32];
const outputs = [512, 256, 10];

type Backward = (dout: Tensor, inputGradient: boolean) => readonly [dx: Tensor | null, dw: Tensor, db: Tensor];

export class ConvNet5x5 implements SolverModel {
  params: Record<string, Tensor> = {};

  /** Kaiming's weights for images of 3x32x32. */
  constructor(rng: Rng) {
    let channels = 3;
    filters.forEach((count, i) => {
      this.params[`W${i + 1}`] = kaimingInit(channels, count, { k: 5, relu: true, rng, dtype: 'float32' });
      this.params[`b${i + 1}`] = zeros(count, 'float32');
      channels = count;
    });
    let features = channels * 4 * 4; // 32x32 halved three times
    outputs.forEach((count, i) => {
      const l = filters.length + i + 1;
      this.params[`W${l}`] = kaimingInit(features, count, { relu: i < outputs.length - 1, rng, dtype: 'float32' });
      this.params[`b${l}`] = zeros(count, 'float32');
      features = count;
    });
  }

  loss(X: Tensor): Tensor;
  loss(X: Tensor, y: Tensor): [loss: number, grads: Gradients];
  loss(X: Tensor, y?: Tensor): Tensor | [loss: number, grads: Gradients] {
    const backwards: Backward[] = [];
    const depth = filters.length + outputs.length;
    let out = X;
    for (let l = 1; l <= depth; l++) {
      const [next, backward] = this.#layer(l, out);
      backwards.push(backward);
      out = next;
    }
    if (y === undefined) return out;
    const [loss, dscores] = softmaxLoss(out, y);
    const grads: Gradients = {};
    let dout: Tensor | null = dscores;
    for (let l = depth; l >= 1; l--) {
      [dout, grads[`W${l}`], grads[`b${l}`]] = backwards[l - 1](dout as Tensor, l > 1);
    }
    return [loss, grads];
  }

  #layer(l: number, x: Tensor): [out: Tensor, backward: Backward] {
    const [W, b] = [this.params[`W${l}`], this.params[`b${l}`]];
    if (l <= filters.length) {
      const [out, cache] = convReluPoolForward(x, W, b, convParam, poolParam);
      return [out, (dout, inputGradient) => convReluPoolBackward(dout, cache, inputGradient)];
    }
    if (l < filters.length + outputs.length) {
      const [out, cache] = affineReluForward(x, W, b);
      return [out, (dout, inputGradient) => affineReluBackward(dout, cache, inputGradient)];
    }
    const [out, cache] = affineForward(x, W, b);
    return [out, (dout, inputGradient) => affineBackward(dout, cache, inputGradient)];
  }
}
