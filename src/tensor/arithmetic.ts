/**
 * Arithmetic between two operands, element by element, with NumPy's broadcasting and promotion of types.
 *
 * Both operands are brought into row-major order in the type of the result, stretched where they broadcast; then one
 * pass computes. For float results that pass is a kernel of the active backend.
 */

import type { BinaryOperation, FloatArray } from '../kernels/contract.ts';
import type { DType, TypedArray } from '../kernels/memory/allocate.ts';
import { activeKernels } from '../kernels/registry.ts';
import { checkNotStretched, checkTensor } from './check.ts';
import { isFloat, promote, promoteNumber } from './dtype.ts';
import { contiguousData, contiguousDataAs, emptyTensor, overlap } from './internal.ts';
import { broadcastShapes } from './shape.ts';
import { Tensor } from './tensor.ts';
import { broadcastTo } from './views.ts';

/** What arithmetic takes on either side. A plain number adapts to the tensor's type, see `promoteNumber`. */
export type Operand = Tensor | number;

/** a + b */
export function add(a: Operand, b: Operand): Tensor {
  return kernelOperation('add', a, b, (x, y) => x + y);
}

/** a - b */
export function sub(a: Operand, b: Operand): Tensor {
  return kernelOperation('sub', a, b, (x, y) => x - y);
}

/** a * b */
export function mul(a: Operand, b: Operand): Tensor {
  return kernelOperation('mul', a, b, Math.imul);
}

/** a / b; integers are divided as float64. Division by 0 gives infinities and NaN, as floats do. */
export function div(a: Operand, b: Operand): Tensor {
  const [left, right, dtype] = operands('div', a, b);
  return kernelPass('div', left, right, isFloat(dtype) ? dtype : 'float64');
}

/** The larger of both, NaN where either is NaN. */
export function maximum(a: Operand, b: Operand): Tensor {
  return kernelOperation('maximum', a, b, Math.max);
}

/** The smaller of both, NaN where either is NaN. */
export function minimum(a: Operand, b: Operand): Tensor {
  return kernelOperation('minimum', a, b, Math.min);
}

/**
 * a to the power of b. Integers give integers, which wrap; throws RangeError when both are integers and an exponent is
 * negative.
 */
export function pow(a: Operand, b: Operand): Tensor {
  const [left, right, dtype] = operands('pow', a, b);
  if (!isFloat(dtype)) {
    if (contiguousData(right).some((exponent) => exponent < 0)) {
      throw new RangeError('pow: integers cannot be raised to negative integer powers, use astype first');
    }
    return mapPairs(left, right, dtype, dtype, integerPower, 'pow');
  }
  // The square is the power that losses are made of: one multiplication instead of Math.pow's generality.
  if (right.ndim === 0 && right.item() === 2) return kernelPass('mul', left, left, dtype);
  return mapPairs(left, right, dtype, dtype, floatPower, 'pow');
}

/** The remainder of a / b with the sign of b, as Python's %; 0 for integers modulo 0, NaN for floats. */
export function mod(a: Operand, b: Operand): Tensor {
  const [left, right, dtype] = operands('mod', a, b);
  return mapPairs(left, right, dtype, dtype, floorRemainder, 'mod');
}

/**
 * How often b fits into a, so that a = b wholeQuotient(a, b) + mod(a, b): floor(a / b) of exact numbers, while that of
 * rounded ones may be one more, as 1 / 0.1 is, of which 0.0999... is left over. a / b where b is 0.
 */
export function wholeQuotient(a: Tensor, b: Tensor): Tensor {
  const dtype = promote(a.dtype, b.dtype);
  return mapPairs(a, b, dtype, dtype, floorQuotient, 'mod');
}

/** C's pow, which differs from JavaScript's where 1 or -1 meets NaN or an infinity. */
function floatPower(x: number, y: number): number {
  if (x === 1 || (x === -1 && Math.abs(y) === Infinity)) return 1;
  return x ** y;
}

/** Power by repeated squaring, wrapping as 32-bit multiplication does. */
function integerPower(x: number, y: number): number {
  let result = 1;
  for (let exponent = y, square = x; exponent > 0; exponent >>= 1, square = Math.imul(square, square)) {
    if ((exponent & 1) === 1) result = Math.imul(result, square);
  }
  return result;
}

function floorRemainder(x: number, y: number): number {
  const remainder = x % y;
  // JavaScript's remainder has the sign of x. Adding an infinite y gives that infinity, as in NumPy.
  return remainder !== 0 && (remainder < 0) === (y > 0) ? remainder + y : remainder;
}

function floorQuotient(x: number, y: number): number {
  if (y === 0) return x / y;
  const remainder = x % y;
  const whole = Math.round((x - remainder) / y);
  return remainder !== 0 && (remainder < 0) === (y > 0) ? whole - 1 : whole;
}

/**
 * Overwrites target with target op operand. Throws RangeError when operand would stretch target, TypeError when target
 * is stretched already, and when an integer target would have to hold fractions.
 */
export function assignOperation(operation: 'add' | 'sub' | 'mul' | 'div', target: Tensor, operand: Operand): Tensor {
  const fn = `${operation}InPlace`;
  const [, right, promoted] = operands(fn, target, operand);
  const dtype = operation === 'div' && !isFloat(promoted) ? 'float64' : promoted;
  if (!isFloat(target.dtype) && isFloat(dtype)) {
    throw new TypeError(`${fn}: the result is ${dtype}, which a tensor of ${target.dtype} cannot hold`);
  }
  checkNotStretched(fn, 'the tensor', target);
  const stretched = broadcastTo(right, target.shape, fn);
  if (isFloat(target.dtype) && dtype === target.dtype && target.isContiguous && !overlap(target, stretched)) {
    const data = contiguousData(target) as FloatArray;
    if (right.size === 1) activeKernels().binaryScalar(operation, data, right.item(), data);
    else activeKernels().binary(operation, data, contiguousDataAs(stretched, dtype) as FloatArray, data);
    target.touch();
    return target;
  }
  const operations = { add, sub, mul, div };
  return target.assign(operations[operation](target, operand));
}

/**
 * Both operands as tensors, and the type in which they meet. A number becomes a 0-d tensor of that type.
 * Throws TypeError for anything else.
 */
export function operands(fn: string, a: Operand, b: Operand): [Tensor, Tensor, DType] {
  for (const [name, value] of [['a', a], ['b', b]] as const) {
    if (typeof value !== 'number') checkTensor(fn, name, value, 'a Tensor or a number');
  }
  let dtype: DType;
  if (typeof a !== 'number') dtype = typeof b === 'number' ? promoteNumber(a.dtype, b) : promote(a.dtype, b.dtype);
  else dtype = typeof b === 'number' ? 'float64' : promoteNumber(b.dtype, a);
  return [asTensor(a, dtype), asTensor(b, dtype), dtype];
}

/** A number is rounded to the type here, so every backend computes from the same one. */
function asTensor(value: Operand, dtype: DType): Tensor {
  if (value instanceof Tensor) return value;
  const scalar = emptyTensor([], dtype);
  scalar.data[0] = value;
  return scalar;
}

function kernelOperation(
  operation: BinaryOperation, a: Operand, b: Operand, integers: (x: number, y: number) => number,
): Tensor {
  const [left, right, dtype] = operands(operation, a, b);
  if (isFloat(dtype)) return kernelPass(operation, left, right, dtype);
  return mapPairs(left, right, dtype, dtype, integers, operation);
}

const commutative: readonly BinaryOperation[] = ['add', 'mul', 'maximum', 'minimum'];

function kernelPass(operation: BinaryOperation, left: Tensor, right: Tensor, dtype: DType): Tensor {
  const shape = broadcastShapes(operation, left.shape, right.shape);
  const out = emptyTensor(shape, dtype);
  if (commutative.includes(operation) && left.size === 1) [left, right] = [right, left];
  const result = out.data as FloatArray;
  const first = contiguousDataAs(broadcastTo(left, shape, operation), dtype) as FloatArray;
  if (right.size === 1) {
    activeKernels().binaryScalar(operation, first, right.item(), result);
  } else {
    const second = contiguousDataAs(broadcastTo(right, shape, operation), dtype) as FloatArray;
    activeKernels().binary(operation, first, second, result);
  }
  return out;
}

/**
 * f applied to each pair of elements after broadcasting: computed on operands of type dtype, stored as outType. The
 * general path, for whatever has no kernel.
 */
export function mapPairs(
  left: Tensor, right: Tensor, dtype: DType, outType: DType, f: (x: number, y: number) => number, fn: string,
): Tensor {
  const shape = broadcastShapes(fn, left.shape, right.shape);
  const out = emptyTensor(shape, outType);
  const x: TypedArray = contiguousDataAs(broadcastTo(left, shape, fn), dtype);
  const y: TypedArray = contiguousDataAs(broadcastTo(right, shape, fn), dtype);
  const result = out.data;
  for (let i = 0; i < result.length; i++) result[i] = f(x[i], y[i]);
  return out;
}
