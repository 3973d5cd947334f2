/** Comparisons, logic and choice, element by element with broadcasting. Truth values are uint8: 1 and 0. */

import type { DType } from '../kernels/memory/allocate.ts';
import { checkNumber } from '../runtime/check.ts';
import { mapPairs, operands } from './arithmetic.ts';
import type { Operand } from './arithmetic.ts';
import { checkTensor } from './check.ts';
import { contiguousData, contiguousDataAs, emptyTensor } from './internal.ts';
import { broadcastShapes } from './shape.ts';
import type { Tensor } from './tensor.ts';
import { broadcastTo } from './views.ts';

function compare(fn: string, a: Operand, b: Operand, f: (x: number, y: number) => boolean): Tensor {
  const [left, right, dtype] = operands(fn, a, b);
  return mapPairs(left, right, dtype, 'uint8', (x, y) => Number(f(x, y)), fn);
}

/** 1 where a = b; NaN equals nothing. */
export function equal(a: Operand, b: Operand): Tensor {
  return compare('equal', a, b, (x, y) => x === y);
}

/** 1 where a differs from b, so also where either is NaN. */
export function notEqual(a: Operand, b: Operand): Tensor {
  return compare('notEqual', a, b, (x, y) => x !== y);
}

/** 1 where a < b */
export function less(a: Operand, b: Operand): Tensor {
  return compare('less', a, b, (x, y) => x < y);
}

/** 1 where a <= b */
export function lessEqual(a: Operand, b: Operand): Tensor {
  return compare('lessEqual', a, b, (x, y) => x <= y);
}

/** 1 where a > b */
export function greater(a: Operand, b: Operand): Tensor {
  return compare('greater', a, b, (x, y) => x > y);
}

/** 1 where a >= b */
export function greaterEqual(a: Operand, b: Operand): Tensor {
  return compare('greaterEqual', a, b, (x, y) => x >= y);
}

/** 1 where both differ from 0 (NaN does). */
export function logicalAnd(a: Operand, b: Operand): Tensor {
  return compare('logicalAnd', a, b, (x, y) => x !== 0 && y !== 0);
}

/** 1 where either differs from 0 (NaN does). */
export function logicalOr(a: Operand, b: Operand): Tensor {
  return compare('logicalOr', a, b, (x, y) => x !== 0 || y !== 0);
}

/** 1 where a is 0. */
export function logicalNot(a: Tensor): Tensor {
  return compare('logicalNot', checkTensor('logicalNot', 'a', a), 0, (x) => x === 0);
}

/** 1 where x is NaN. */
export function isNaN(x: Tensor): Tensor {
  return compare('isNaN', checkTensor('isNaN', 'x', x), 0, (value) => value !== value);
}

/** 1 where x is neither NaN nor infinite. */
export function isFinite(x: Tensor): Tensor {
  return compare('isFinite', checkTensor('isFinite', 'x', x), 0, Number.isFinite);
}

/** a where the condition differs from 0, else b; all three broadcast together. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  checkTensor('where', 'condition', condition);
  const [left, right, dtype] = operands('where', a, b);
  const shape = broadcastShapes('where', condition.shape, left.shape, right.shape);
  const out = emptyTensor(shape, dtype);
  const result = out.data;
  const test = contiguousData(broadcastTo(condition, shape));
  const x = contiguousDataAs(broadcastTo(left, shape), dtype);
  const y = contiguousDataAs(broadcastTo(right, shape), dtype);
  for (let i = 0; i < result.length; i++) result[i] = test[i] !== 0 ? x[i] : y[i];
  return out;
}

/**
 * x limited to [low, high]; either may be null for no limit. NaN stays NaN. The type stays where the limits fit it.
 * As in NumPy, where low is above high the result is high.
 */
export function clip(x: Tensor, low: number | null, high: number | null): Tensor {
  checkTensor('clip', 'x', x);
  let out = x;
  if (low !== null) out = limit(out, checkLimit('low', low), Math.max);
  if (high !== null) out = limit(out, checkLimit('high', high), Math.min);
  return out === x ? x.clone() : out;
}

function checkLimit(name: string, value: number): number {
  return value === Infinity || value === -Infinity ? value : checkNumber('clip', name, value);
}

function limit(x: Tensor, bound: number, f: (x: number, y: number) => number): Tensor {
  const [left, right, dtype] = operands('clip', x, bound);
  return mapPairs(left, right, dtype, dtype, f, 'clip');
}

/**
 * True when every |a - b| <= absolute + relative |b| after broadcasting. Infinities must agree; NaN is close to
 * nothing.
 */
export function allClose(a: Operand, b: Operand, relative: number = 1e-5, absolute: number = 1e-8): boolean {
  checkNumber('allClose', 'relative', relative, 0);
  checkNumber('allClose', 'absolute', absolute, 0);
  const [left, right] = operands('allClose', a, b);
  const wide: DType = 'float64';
  const close = (x: number, y: number): number =>
    Number(x === y || (Number.isFinite(y) && Math.abs(x - y) <= absolute + relative * Math.abs(y)));
  return contiguousData(mapPairs(left, right, wide, 'uint8', close, 'allClose')).every((value) => value === 1);
}
