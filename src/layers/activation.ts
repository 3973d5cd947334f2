/**
 * Activation functions, applied to every element of a tensor of any shape; out and dx have the shape of x.
 *
 *   relu       max(0, x)                                dx = dout where x > 0, else 0
 *   leakyRelu  x where x > 0, else alpha x              dx = dout where x > 0, else alpha dout
 *   elu        x where x > 0, else alpha (e^x - 1)      dx = dout where x > 0, else dout (out + alpha)
 *   sigmoid    1 / (1 + e^-x)                           dx = dout out (1 - out)
 *   tanh       (e^x - e^-x) / (e^x + e^-x)              dx = dout (1 - out^2)
 *   gelu       x Phi(x)                                 dx = dout (Phi(x) + x phi(x))
 *   silu       x s(x), s the sigmoid                    dx = dout s(x) (1 + x (1 - s(x)))
 *
 * where Phi(x) = (1 + erf(x / sqrt 2)) / 2 is the standard normal distribution's function and phi its density.
 *
 * A NaN in x stays NaN in out. At x = 0, where relu and leakyRelu have no derivative, the left one is taken.
 *
 * Leaky ReLU: Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.
 * ELU: Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by exponential linear units", 2015.
 * GELU: Hendrycks, Gimpel, "Gaussian error linear units", 2016. SiLU: Elfwing, Uchibe, Doya, "Sigmoid-weighted linear
 * units for neural network function approximation in reinforcement learning", 2017.
 */

import type { FloatArray, Kernels } from '../kernels/contract.ts';
import { activeKernels } from '../kernels/registry.ts';
import { checkNumber } from '../runtime/check.ts';
import { checkTensor } from '../tensor/check.ts';
import { emptyTensor } from '../tensor/internal.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asFloat, Cache, checkGradient, floats, floatTypeOf } from './arguments.ts';
import type { FloatType } from './arguments.ts';

export type ReluCache = Cache<'relu', { readonly x: Tensor }>;

export type LeakyReluCache = Cache<'leakyRelu', { readonly x: Tensor; readonly alpha: number }>;

export type EluCache = Cache<'elu', { readonly x: Tensor; readonly out: Tensor; readonly alpha: number }>;

export type SigmoidCache = Cache<'sigmoid', { readonly out: Tensor }>;

export type TanhCache = Cache<'tanh', { readonly out: Tensor }>;

export type GeluCache = Cache<'gelu', { readonly x: Tensor }>;

export type SiluCache = Cache<'silu', { readonly x: Tensor }>;

/** out = max(0, x), elementwise. Throws TypeError unless x is a Tensor. */
export function reluForward(x: Tensor): [out: Tensor, cache: ReluCache] {
  const input = floatInput('reluForward', x);
  const out = mapped(input, (kernels, from, to) => kernels.reluForward(from, to));
  return [out, new Cache('relu', { x: input })];
}

/** dx of relu: dout where x is positive, else 0. Throws RangeError unless dout has the shape of x. */
export function reluBackward(dout: Tensor, cache: ReluCache): Tensor {
  const { x } = Cache.open('reluBackward', cache, 'relu');
  const upstream = upstreamOf('reluBackward', dout, x);
  return mapped(upstream, (kernels, from, to) => kernels.reluBackward(from, floats(x), to));
}

/** out = x where x is positive, else alpha x. Throws RangeError unless alpha is finite. */
export function leakyReluForward(x: Tensor, alpha: number = 0.01): [out: Tensor, cache: LeakyReluCache] {
  const input = floatInput('leakyReluForward', x);
  checkNumber('leakyReluForward', 'alpha', alpha);
  const out = mapped(input, (kernels, from, to) => kernels.leakyReluForward(from, to, alpha));
  return [out, new Cache('leakyRelu', { x: input, alpha })];
}

/** dx of leakyRelu. Throws RangeError unless dout has the shape of x. */
export function leakyReluBackward(dout: Tensor, cache: LeakyReluCache): Tensor {
  const { x, alpha } = Cache.open('leakyReluBackward', cache, 'leakyRelu');
  const upstream = upstreamOf('leakyReluBackward', dout, x);
  return mapped(upstream, (kernels, from, to) => kernels.leakyReluBackward(from, floats(x), to, alpha));
}

/** out = x where x is positive, else alpha (e^x - 1). Throws RangeError unless alpha is finite. */
export function eluForward(x: Tensor, alpha: number = 1): [out: Tensor, cache: EluCache] {
  const input = floatInput('eluForward', x);
  checkNumber('eluForward', 'alpha', alpha);
  const out = mapped(input, (kernels, from, to) => kernels.eluForward(from, to, alpha));
  return [out, new Cache('elu', { x: input, out, alpha })];
}

/** dx of elu. Throws RangeError unless dout has the shape of x. */
export function eluBackward(dout: Tensor, cache: EluCache): Tensor {
  const { x, out, alpha } = Cache.open('eluBackward', cache, 'elu');
  const upstream = upstreamOf('eluBackward', dout, x);
  return mapped(upstream, (kernels, from, to) =>
    kernels.eluBackward(from, floats(x), floats(out), to, alpha));
}

/** out = 1 / (1 + e^-x), elementwise. */
export function sigmoidForward(x: Tensor): [out: Tensor, cache: SigmoidCache] {
  const input = floatInput('sigmoidForward', x);
  const out = mapped(input, (kernels, from, to) => kernels.sigmoidForward(from, to));
  return [out, new Cache('sigmoid', { out })];
}

/** dx of sigmoid. Throws RangeError unless dout has the shape of x. */
export function sigmoidBackward(dout: Tensor, cache: SigmoidCache): Tensor {
  const { out } = Cache.open('sigmoidBackward', cache, 'sigmoid');
  const upstream = upstreamOf('sigmoidBackward', dout, out);
  return mapped(upstream, (kernels, from, to) => kernels.sigmoidBackward(from, floats(out), to));
}

/** out = tanh(x), elementwise. */
export function tanhForward(x: Tensor): [out: Tensor, cache: TanhCache] {
  const input = floatInput('tanhForward', x);
  const out = mapped(input, (kernels, from, to) => kernels.tanhForward(from, to));
  return [out, new Cache('tanh', { out })];
}

/** dx of tanh. Throws RangeError unless dout has the shape of x. */
export function tanhBackward(dout: Tensor, cache: TanhCache): Tensor {
  const { out } = Cache.open('tanhBackward', cache, 'tanh');
  const upstream = upstreamOf('tanhBackward', dout, out);
  return mapped(upstream, (kernels, from, to) => kernels.tanhBackward(from, floats(out), to));
}

/** out = x Phi(x), elementwise: GELU in its exact form. */
export function geluForward(x: Tensor): [out: Tensor, cache: GeluCache] {
  const input = floatInput('geluForward', x);
  const out = mapped(input, (kernels, from, to) => kernels.geluForward(from, to));
  return [out, new Cache('gelu', { x: input })];
}

/** dx of gelu. Throws RangeError unless dout has the shape of x. */
export function geluBackward(dout: Tensor, cache: GeluCache): Tensor {
  const { x } = Cache.open('geluBackward', cache, 'gelu');
  const upstream = upstreamOf('geluBackward', dout, x);
  return mapped(upstream, (kernels, from, to) => kernels.geluBackward(from, floats(x), to));
}

/** out = x / (1 + e^-x), elementwise. */
export function siluForward(x: Tensor): [out: Tensor, cache: SiluCache] {
  const input = floatInput('siluForward', x);
  const out = mapped(input, (kernels, from, to) => kernels.siluForward(from, to));
  return [out, new Cache('silu', { x: input })];
}

/** dx of silu. Throws RangeError unless dout has the shape of x. */
export function siluBackward(dout: Tensor, cache: SiluCache): Tensor {
  const { x } = Cache.open('siluBackward', cache, 'silu');
  const upstream = upstreamOf('siluBackward', dout, x);
  return mapped(upstream, (kernels, from, to) => kernels.siluBackward(from, floats(x), to));
}

function floatInput(fn: string, x: Tensor): Tensor {
  checkTensor(fn, 'x', x);
  return asFloat(x, floatTypeOf(x));
}

function upstreamOf(fn: string, dout: Tensor, like: Tensor): Tensor {
  return checkGradient(fn, dout, like.shape, like.dtype as FloatType);
}

/** A new tensor like t, filled by a kernel that reads t. */
function mapped(t: Tensor, fill: (kernels: Kernels, from: FloatArray, to: FloatArray) => void): Tensor {
  const result = emptyTensor(t.shape, t.dtype);
  fill(activeKernels(), floats(t), floats(result));
  return result;
}
