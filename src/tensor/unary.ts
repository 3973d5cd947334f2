/**
 * Functions of one tensor, element by element. Float tensors keep their type; integers become float64 where a result
 * has fractions.
 */

import type { FloatArray, UnaryOperation } from '../kernels/contract.ts';
import type { DType } from '../kernels/memory/allocate.ts';
import { activeKernels } from '../kernels/registry.ts';
import { checkTensor } from './check.ts';
import { isFloat } from './dtype.ts';
import { contiguousData, contiguousDataAs, emptyTensor } from './internal.ts';
import type { Tensor } from './tensor.ts';

function kernelPass(operation: UnaryOperation, x: Tensor): Tensor {
  checkTensor(operation, 'x', x);
  const dtype = isFloat(x.dtype) ? x.dtype : 'float64';
  const out = emptyTensor(x.shape, dtype);
  activeKernels().unary(operation, contiguousDataAs(x, dtype) as FloatArray, out.data as FloatArray);
  return out;
}

function map(x: Tensor, dtype: DType, f: (value: number) => number): Tensor {
  const out = emptyTensor(x.shape, dtype);
  const from = contiguousData(x);
  const to = out.data;
  for (let i = 0; i < to.length; i++) to[i] = f(from[i]);
  return out;
}

/** A function that has no kernel and may give fractions. */
function mapFloat(fn: string, x: Tensor, f: (value: number) => number): Tensor {
  return map(x, isFloat(checkTensor(fn, 'x', x).dtype) ? x.dtype : 'float64', f);
}

/** A function under which integers stay integers. */
function sameType(operation: UnaryOperation, x: Tensor, f: (value: number) => number): Tensor {
  return isFloat(checkTensor(operation, 'x', x).dtype) ? kernelPass(operation, x) : map(x, x.dtype, f);
}

/** -x; integers wrap. */
export function neg(x: Tensor): Tensor {
  return sameType('neg', x, (value) => -value);
}

/** |x| */
export function abs(x: Tensor): Tensor {
  return sameType('abs', x, Math.abs);
}

/** x squared; integers wrap. */
export function square(x: Tensor): Tensor {
  return sameType('square', x, (value) => Math.imul(value, value));
}

/** e to the power of x */
export function exp(x: Tensor): Tensor {
  return kernelPass('exp', x);
}

/** The natural logarithm; -Infinity at 0, NaN below. */
export function log(x: Tensor): Tensor {
  return kernelPass('log', x);
}

/** The square root; NaN below 0. */
export function sqrt(x: Tensor): Tensor {
  return kernelPass('sqrt', x);
}

/** The hyperbolic tangent. */
export function tanh(x: Tensor): Tensor {
  return kernelPass('tanh', x);
}

/** 1 / (1 + exp(-x)), without overflow on either side. */
export function sigmoid(x: Tensor): Tensor {
  return kernelPass('sigmoid', x);
}

/** exp(x) - 1, exact also near 0 */
export function expm1(x: Tensor): Tensor {
  return mapFloat('expm1', x, Math.expm1);
}

/** log(1 + x), exact also near 0 */
export function log1p(x: Tensor): Tensor {
  return mapFloat('log1p', x, Math.log1p);
}

/** The sine, of radians. */
export function sin(x: Tensor): Tensor {
  return mapFloat('sin', x, Math.sin);
}

/** The cosine, of radians. */
export function cos(x: Tensor): Tensor {
  return mapFloat('cos', x, Math.cos);
}

/** -1, 0 or 1 by the sign of x; NaN stays NaN. */
export function sign(x: Tensor): Tensor {
  return map(x, checkTensor('sign', 'x', x).dtype, Math.sign);
}

/** The largest integer that is not above x. */
export function floor(x: Tensor): Tensor {
  return map(x, checkTensor('floor', 'x', x).dtype, Math.floor);
}

/** The smallest integer that is not below x. */
export function ceil(x: Tensor): Tensor {
  return map(x, checkTensor('ceil', 'x', x).dtype, Math.ceil);
}

/** The nearest integer; halves go to the even neighbour, as in NumPy. */
export function round(x: Tensor): Tensor {
  return map(x, checkTensor('round', 'x', x).dtype, (value) => {
    const nearest = Math.round(value);
    return nearest - value === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
  });
}
