/** Matrix products and their generalisations. Float products are computed by the active backend's gemm. */

import type { FloatArray } from '../kernels/contract.ts';
import type { TypedArray } from '../kernels/memory/allocate.ts';
import { activeKernels } from '../kernels/registry.ts';
import { checkRank, checkTensor } from './check.ts';
import { isFloat, promote } from './dtype.ts';
import { contiguousDataAs, emptyTensor } from './internal.ts';
import { broadcastShapes, checkShape, isRowMajor, normalizeAxes, shapeText, sizeOf } from './shape.ts';
import type { Tensor } from './tensor.ts';
import { broadcastTo, expandDims, squeeze, transpose } from './views.ts';

/**
 * NumPy's matmul: (m,k) by (k,n) gives (m,n); a 1-d operand stands for a row on the left and a column on the right and
 * its axis is dropped from the result; further axes in front are batches that broadcast. Types are promoted; integer
 * products wrap. Throws RangeError when the inner sizes or the batches do not agree.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  return product('matmul', a, b);
}

function product(fn: string, a: Tensor, b: Tensor): Tensor {
  checkOperand(fn, 'a', a);
  checkOperand(fn, 'b', b);
  const left = a.ndim === 1 ? expandDims(a, 0) : a;
  const right = b.ndim === 1 ? expandDims(b, 1) : b;
  const inner = left.shape[left.ndim - 1];
  if (inner !== right.shape[right.ndim - 2]) {
    throw new RangeError(
      `${fn}: a has ${inner} columns, b has ${right.shape[right.ndim - 2]} rows (a ${shapeText(a.shape)}, b ${shapeText(b.shape)})`,
    );
  }
  const out = left.ndim > 2 && right.ndim === 2 ? foldedProduct(fn, left, right) : batchedProduct(fn, left, right);
  if (a.ndim === 1 && b.ndim === 1) return squeeze(out, [-2, -1]);
  if (a.ndim === 1) return squeeze(out, -2);
  return b.ndim === 1 ? squeeze(out, -1) : out;
}

function checkOperand(fn: string, name: string, t: Tensor): void {
  if (checkTensor(fn, name, t).ndim === 0) throw new RangeError(`${fn}: ${name} must have an axis, got a scalar; use mul`);
}

/** Batches times one matrix are one tall product. */
function foldedProduct(fn: string, a: Tensor, b: Tensor): Tensor {
  const [k, n] = b.shape;
  const rows = sizeOf(a.shape.slice(0, -1));
  return batchedProduct(fn, a.reshape(rows, k), b).reshape([...a.shape.slice(0, -1), n]);
}

function batchedProduct(fn: string, a: Tensor, b: Tensor): Tensor {
  const dtype = promote(a.dtype, b.dtype);
  const [m, k] = a.shape.slice(-2);
  const n = b.shape[b.ndim - 1];
  const batch = broadcastShapes(fn, a.shape.slice(0, -2), b.shape.slice(0, -2));
  const out = emptyTensor(checkShape(fn, [...batch, m, n], 'the shape of the result'), dtype);
  const left = matrices(broadcastTo(a, [...batch, m, k]), dtype);
  const right = matrices(broadcastTo(b, [...batch, k, n]), dtype);
  const result = out.data;
  if (k === 0) result.fill(0);
  if (out.size === 0 || k === 0) return out;
  const multiply = isFloat(dtype) ? activeKernels().gemm : integerProduct;
  for (let i = 0; i < sizeOf(batch); i++) {
    multiply(
      part(left.data, i, m * k) as FloatArray, part(right.data, i, k * n) as FloatArray,
      part(result, i, m * n) as FloatArray, m, n, k, left.transposed, right.transposed, false,
    );
  }
  return out;
}

/** The matrices of t one after another; a transposed view is taken as it lies, for gemm can read it so. */
function matrices(t: Tensor, dtype: Tensor['dtype']): { data: TypedArray; transposed: boolean } {
  const order = t.shape.map((_, axis) => axis);
  const turned = t.ndim < 2 ? t : transpose(t, [...order.slice(0, -2), t.ndim - 1, t.ndim - 2]);
  if (!isRowMajor(t.shape, t.strides) && isRowMajor(turned.shape, turned.strides)) {
    return { data: contiguousDataAs(turned, dtype), transposed: true };
  }
  return { data: contiguousDataAs(t, dtype), transposed: false };
}

function part(data: TypedArray, index: number, length: number): TypedArray {
  return data.length === length ? data : data.subarray(index * length, (index + 1) * length);
}

/** gemm for integers, which wrap at 32 bits; storing into uint8 keeps the low 8. */
function integerProduct(
  a: ArrayLike<number>, b: ArrayLike<number>, out: { [index: number]: number }, m: number, n: number, k: number,
  transposeA: boolean, transposeB: boolean,
): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let total = 0;
      for (let p = 0; p < k; p++) {
        const x = transposeA ? a[p * m + i] : a[i * k + p];
        const y = transposeB ? b[j * k + p] : b[p * n + j];
        total = (total + Math.imul(x, y)) | 0;
      }
      out[i * n + j] = total;
    }
  }
}

/** NumPy's dot: matmul up to two axes; beyond, the last axis of a meets the second to last of b. */
export function dot(a: Tensor, b: Tensor): Tensor {
  checkTensor('dot', 'a', a);
  checkTensor('dot', 'b', b);
  if (a.ndim === 0 || b.ndim === 0) return a.mul(b);
  return a.ndim <= 2 && b.ndim <= 2 ? product('dot', a, b) : contract('dot', a, b, [[-1], [b.ndim === 1 ? -1 : -2]]);
}

export type AxisPairs = readonly [number | readonly number[], number | readonly number[]];

/**
 * Sums products over pairs of axes: `axes` is a number, for the last ones of a and the first ones of b, or two lists
 * of axes that meet in order. The result has a's other axes, then b's. Throws RangeError when sizes do not agree.
 */
export function tensordot(
  a: Tensor, b: Tensor, axes: number | AxisPairs = 2,
): Tensor {
  return contract('tensordot', a, b, tensordotAxes(a, b, axes));
}

/** The axes of a and of b that a tensordot sums over, in the order in which they meet. Throws as tensordot does. */
export function tensordotAxes(a: Tensor, b: Tensor, axes: number | AxisPairs): readonly [number[], number[]] {
  checkTensor('tensordot', 'a', a);
  checkTensor('tensordot', 'b', b);
  let pairs: AxisPairs;
  if (typeof axes === 'number') {
    if (!Number.isInteger(axes) || axes < 0 || axes > Math.min(a.ndim, b.ndim)) {
      throw new RangeError(`tensordot: axes must be an integer in 0..${Math.min(a.ndim, b.ndim)}, got ${axes}`);
    }
    const first = Array.from({ length: axes }, (_, i) => a.ndim - axes + i);
    pairs = [first, first.map((_, i) => i)];
  } else {
    if (!Array.isArray(axes) || axes.length !== 2) throw new TypeError('tensordot: axes must be a number or two lists of axes');
    pairs = axes;
  }
  return meetingAxes('tensordot', a, b, pairs);
}

function meetingAxes(fn: string, a: Tensor, b: Tensor, pairs: AxisPairs): [number[], number[]] {
  const contractedA = normalizeAxes(fn, pairs[0], a.ndim, 'axes[0]');
  const contractedB = normalizeAxes(fn, pairs[1], b.ndim, 'axes[1]');
  const extents = contractedA.map((axis) => a.shape[axis]);
  if (contractedA.length !== contractedB.length || extents.some((extent, i) => extent !== b.shape[contractedB[i]])) {
    throw new RangeError(
      `${fn}: axes [${contractedA.join(', ')}] of a do not match axes [${contractedB.join(', ')}] of b ` +
      `(a ${shapeText(a.shape)}, b ${shapeText(b.shape)})`,
    );
  }
  return [contractedA, contractedB];
}

function contract(fn: string, a: Tensor, b: Tensor, pairs: AxisPairs): Tensor {
  const [contractedA, contractedB] = meetingAxes(fn, a, b, pairs);
  const keptA = a.shape.map((_, axis) => axis).filter((axis) => !contractedA.includes(axis));
  const keptB = b.shape.map((_, axis) => axis).filter((axis) => !contractedB.includes(axis));
  const shapeA = keptA.map((axis) => a.shape[axis]);
  const shapeB = keptB.map((axis) => b.shape[axis]);
  const inner = sizeOf(contractedA.map((axis) => a.shape[axis]));
  const left = order(a, [...keptA, ...contractedA]).reshape(sizeOf(shapeA), inner);
  const right = order(b, [...contractedB, ...keptB]).reshape(inner, sizeOf(shapeB));
  return matmul(left, right).reshape([...shapeA, ...shapeB]);
}

function order(t: Tensor, axes: readonly number[]): Tensor {
  return t.ndim === 0 ? t : transpose(t, axes);
}

/** The outer product of all elements of a (n) and of b (m): (n, m). */
export function outer(a: Tensor, b: Tensor): Tensor {
  checkTensor('outer', 'a', a);
  checkTensor('outer', 'b', b);
  return a.reshape(-1, 1).mul(b.reshape(1, -1));
}

/** The sum of the main diagonal of a matrix, 0-d. Throws RangeError unless t has two axes. */
export function trace(t: Tensor): Tensor {
  checkRank('trace', 'x', t, 2);
  return t.view([Math.min(...t.shape)], [t.strides[0] + t.strides[1]], t.offset).sum();
}
