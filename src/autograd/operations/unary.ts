/** Functions of one tensor, element by element, and their derivatives. */

import {
  eluBackward, eluForward, geluBackward, geluForward, leakyReluBackward, leakyReluForward, reluBackward, reluForward,
  sigmoidBackward, sigmoidForward, siluBackward, siluForward, tanhBackward, tanhForward,
} from '../../layers/activation.ts';
import { prelu as preluLayer, preluBackward } from '../../layers/prelu.ts';
import { softmax as softmaxLayer, softmaxBackward } from '../../layers/softmax.ts';
import { zerosLike } from '../../tensor/creation.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import * as unary from '../../tensor/unary.ts';
import type { Operation } from '../operation.ts';

/** An operation whose way back reads its input. */
function fromInput(compute: (x: Tensor) => Tensor, toX: (dout: Tensor, x: Tensor) => Tensor): Operation {
  return ([x]) => ({ out: compute(x), saved: [x], back: (dout) => [toX(dout, x)] });
}

/** An operation whose way back reads its output. */
function fromOutput(compute: (x: Tensor) => Tensor, toX: (dout: Tensor, out: Tensor) => Tensor): Operation {
  return ([x]) => {
    const out = compute(x);
    return { out, saved: [out], back: (dout) => [toX(dout, out)] };
  };
}

export const neg: Operation = ([x]) => ({ out: unary.neg(x), saved: [], back: (dout) => [dout.neg()] });
export const exp: Operation = fromOutput(unary.exp, (dout, out) => dout.mul(out));
export const expm1: Operation = fromOutput(unary.expm1, (dout, out) => dout.mul(out.add(1)));
export const log: Operation = fromInput(unary.log, (dout, x) => dout.div(x));
export const log1p: Operation = fromInput(unary.log1p, (dout, x) => dout.div(x.add(1)));
export const sqrt: Operation = fromOutput(unary.sqrt, (dout, out) => dout.div(out).mul(0.5));
export const square: Operation = fromInput(unary.square, (dout, x) => dout.mul(x).mul(2));
/** At 0 the derivative is taken as 0. */
export const abs: Operation = fromInput(unary.abs, (dout, x) => dout.mul(x.sign()));
export const sin: Operation = fromInput(unary.sin, (dout, x) => dout.mul(x.cos()));
export const cos: Operation = fromInput(unary.cos, (dout, x) => dout.mul(x.sin()).neg());

/** A function that is constant but where it jumps: no gradient comes through. */
function steps(compute: (x: Tensor) => Tensor): Operation {
  return ([x]) => ({ out: compute(x), saved: [], back: (dout) => [zerosLike(dout)] });
}

export const sign: Operation = steps(unary.sign);
export const floor: Operation = steps(unary.floor);
export const ceil: Operation = steps(unary.ceil);
export const round: Operation = steps(unary.round);

/** max(0, x); the gradient passes where x is positive. */
export const relu: Operation = ([x]) => {
  const [out, cache] = reluForward(x);
  return { out, saved: [x], back: (dout) => [reluBackward(dout, cache)] };
};
export const leakyRelu: Operation<[alpha: number]> = ([x], alpha) => {
  const [out, cache] = leakyReluForward(x, alpha);
  return { out, saved: [x], back: (dout) => [leakyReluBackward(dout, cache)] };
};
export const elu: Operation<[alpha: number]> = ([x], alpha) => {
  const [out, cache] = eluForward(x, alpha);
  return { out, saved: [x, out], back: (dout) => [eluBackward(dout, cache)] };
};
/** As leakyRelu, with slopes that get a gradient, too. */
export const prelu: Operation = ([x, slope]) => {
  const [out, cache] = preluLayer('prelu', x, slope);
  return { out, saved: [x, slope], back: (dout) => preluBackward(dout, cache) };
};
/** e^x over the sum of e^x along an axis. */
export const softmax: Operation<[axis: number]> = ([x], axis) => {
  const [out, cache] = softmaxLayer('softmax', x, axis);
  return { out, saved: [out], back: (dout) => [softmaxBackward(dout, cache)] };
};
export const sigmoid: Operation = ([x]) => {
  const [out, cache] = sigmoidForward(x);
  return { out, saved: [out], back: (dout) => [sigmoidBackward(dout, cache)] };
};
export const tanh: Operation = ([x]) => {
  const [out, cache] = tanhForward(x);
  return { out, saved: [out], back: (dout) => [tanhBackward(dout, cache)] };
};
export const gelu: Operation = ([x]) => {
  const [out, cache] = geluForward(x);
  return { out, saved: [x], back: (dout) => [geluBackward(dout, cache)] };
};
export const silu: Operation = ([x]) => {
  const [out, cache] = siluForward(x);
  return { out, saved: [x], back: (dout) => [siluBackward(dout, cache)] };
};
