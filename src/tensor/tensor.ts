/**
 * Tensor: an n-dimensional view on a typed array, described by a shape, strides and an offset, as in NumPy and scijs.
 *
 * What it holds is in core.ts; its operations live in the files beside it, one idea a file, and the methods only call
 * them. Those files import this one in turn. That circle is harmless: neither side uses the other while loading.
 */

import { allocateCollected } from '../kernels/memory/allocate.ts';
import type { DType } from '../kernels/memory/allocate.ts';
import * as arithmetic from './arithmetic.ts';
import type { Operand } from './arithmetic.ts';
import { checkNotStretched, checkTensor } from './check.ts';
import * as comparison from './comparison.ts';
import { copyElements } from './copy.ts';
import { makeTensorsOf, TensorCore } from './core.ts';
import { checkDType } from './dtype.ts';
import { take } from './indexing.ts';
import type { Indices } from './indexing.ts';
import { emptyTensor, overlap } from './internal.ts';
import * as algebra from './linear-algebra.ts';
import { toNdarray } from './ndarray.ts';
import type { NdarrayView } from './ndarray.ts';
import * as reductions from './reductions.ts';
import type { Axes } from './reductions.ts';
import { numbers } from './shape.ts';
import * as unary from './unary.ts';
import * as views from './views.ts';
import type { Range } from './views.ts';

export type { NestedNumbers } from './core.ts';

/**
 * A view on a typed array: shape, strides and an offset. Methods that have a function's name (`x.exp()`, `x.sum(0)`)
 * are that function of the tensor, whose own page says more.
 */
export class Tensor extends TensorCore {
  // bundlers rename classes, and the name stands in error messages
  static override readonly name: string = 'Tensor';

  /**
   * Part of the tensor as a view, one range a leading axis: a number takes that index and drops the axis,
   * [start, stop, step] is Python's start:stop:step with each part optional, null takes all, '...' skips axes.
   */
  slice(...ranges: Range[]): Tensor {
    return views.slice(this, ranges);
  }

  /** Every n-th element along each leading axis, as a view; negative steps walk backwards. */
  step(...steps: number[]): Tensor {
    return views.step(this, steps);
  }

  /** The axes in another order, as a view: reversed when none are named. Takes numbers or one array. */
  transpose(...axes: number[] | [readonly number[]]): Tensor {
    return views.transpose(this, numbers(axes));
  }

  /**
   * The same elements under another shape, one size may be -1: a view where strides allow it. Takes numbers or one
   * array.
   */
  reshape(...shape: number[] | [readonly number[]]): Tensor {
    return views.reshape(this, numbers(shape));
  }

  /** All elements in one axis: a view where strides allow it. */
  flatten(): Tensor {
    return views.reshape(this, [-1]);
  }

  /** Stretched to a larger shape by NumPy's rules, as a view. Takes numbers or one array. */
  broadcastTo(...shape: number[] | [readonly number[]]): Tensor {
    return views.broadcastTo(this, numbers(shape));
  }

  /** With a new axis of size 1 at this position, as a view. */
  expandDims(axis: number): Tensor {
    return views.expandDims(this, axis);
  }

  /** Without the axes of size 1 (all, or those named), as a view. */
  squeeze(axis?: number | readonly number[]): Tensor {
    return views.squeeze(this, axis);
  }

  /** A row-major copy in garbage-collected memory: the way to keep a result of a training step beyond the step. */
  clone(): Tensor {
    const copy = new Tensor(allocateCollected(this.dtype, this.size), this.shape);
    copyElements(this.shape, this, copy);
    return copy;
  }

  /** Itself when row-major already, else a row-major copy. */
  contiguous(): Tensor {
    return this.isContiguous ? this : this.astype(this.dtype);
  }

  /** A row-major copy in the given type; integers wrap, fractions are cut off, NaN becomes 0 in an integer type. */
  astype(dtype: DType): Tensor {
    const copy = emptyTensor(this.shape, checkDType('astype', dtype));
    copyElements(this.shape, this, copy);
    return copy;
  }

  /**
   * Overwrites the elements with those of source, which may be a number or anything that broadcasts to this shape.
   * Throws TypeError where this is itself stretched, as NumPy does.
   */
  assign(source: Tensor | number): this {
    if (typeof source === 'number') {
      source = new Tensor(Float64Array.of(source), []);
    }
    checkNotStretched('assign', 'the tensor', this);
    const stretched = views.broadcastTo(checkTensor('assign', 'source', source, 'a Tensor or a number'), this.shape, 'assign');
    copyElements(this.shape, overlap(stretched, this) ? stretched.clone() : stretched, this);
    this.touch();
    return this;
  }

  /** this + b, with broadcasting; so for all arithmetic and comparisons below */
  add(b: Operand): Tensor { return arithmetic.add(this, b); }
  sub(b: Operand): Tensor { return arithmetic.sub(this, b); }
  mul(b: Operand): Tensor { return arithmetic.mul(this, b); }
  div(b: Operand): Tensor { return arithmetic.div(this, b); }
  mod(b: Operand): Tensor { return arithmetic.mod(this, b); }
  pow(b: Operand): Tensor { return arithmetic.pow(this, b); }
  maximum(b: Operand): Tensor { return arithmetic.maximum(this, b); }
  minimum(b: Operand): Tensor { return arithmetic.minimum(this, b); }

  /** this += b; so for the three below. Type and shape stay, views of this memory see the change; throws as assign. */
  addInPlace(b: Operand): Tensor { return arithmetic.assignOperation('add', this, b); }
  subInPlace(b: Operand): Tensor { return arithmetic.assignOperation('sub', this, b); }
  mulInPlace(b: Operand): Tensor { return arithmetic.assignOperation('mul', this, b); }
  divInPlace(b: Operand): Tensor { return arithmetic.assignOperation('div', this, b); }

  /** 1 where the comparison holds, else 0, as uint8 */
  equal(b: Operand): Tensor { return comparison.equal(this, b); }
  notEqual(b: Operand): Tensor { return comparison.notEqual(this, b); }
  less(b: Operand): Tensor { return comparison.less(this, b); }
  lessEqual(b: Operand): Tensor { return comparison.lessEqual(this, b); }
  greater(b: Operand): Tensor { return comparison.greater(this, b); }
  greaterEqual(b: Operand): Tensor { return comparison.greaterEqual(this, b); }
  isNaN(): Tensor { return comparison.isNaN(this); }
  isFinite(): Tensor { return comparison.isFinite(this); }
  /** limited to [low, high]; null means no limit */
  clip(low: number | null, high: number | null): Tensor { return comparison.clip(this, low, high); }

  /** element by element; so for all below, which unary.ts describes */
  neg(): Tensor { return unary.neg(this); }
  abs(): Tensor { return unary.abs(this); }
  square(): Tensor { return unary.square(this); }
  exp(): Tensor { return unary.exp(this); }
  log(): Tensor { return unary.log(this); }
  sqrt(): Tensor { return unary.sqrt(this); }
  tanh(): Tensor { return unary.tanh(this); }
  sigmoid(): Tensor { return unary.sigmoid(this); }
  expm1(): Tensor { return unary.expm1(this); }
  log1p(): Tensor { return unary.log1p(this); }
  sin(): Tensor { return unary.sin(this); }
  cos(): Tensor { return unary.cos(this); }
  sign(): Tensor { return unary.sign(this); }
  floor(): Tensor { return unary.floor(this); }
  ceil(): Tensor { return unary.ceil(this); }
  round(): Tensor { return unary.round(this); }

  /** over one axis, several, or all; reductions.ts says what each does with no elements, NaN and integers */
  sum(axis?: Axes, keepDims?: boolean): Tensor { return reductions.sum(this, axis, keepDims); }
  prod(axis?: Axes, keepDims?: boolean): Tensor { return reductions.prod(this, axis, keepDims); }
  mean(axis?: Axes, keepDims?: boolean): Tensor { return reductions.mean(this, axis, keepDims); }
  var(axis?: Axes, keepDims?: boolean, ddof?: number): Tensor { return reductions.variance(this, axis, keepDims, ddof, 'var'); }
  std(axis?: Axes, keepDims?: boolean, ddof?: number): Tensor { return reductions.std(this, axis, keepDims, ddof); }
  max(axis?: Axes, keepDims?: boolean): Tensor { return reductions.max(this, axis, keepDims); }
  min(axis?: Axes, keepDims?: boolean): Tensor { return reductions.min(this, axis, keepDims); }
  argmax(axis?: number | null, keepDims?: boolean): Tensor { return reductions.argmax(this, axis, keepDims); }
  argmin(axis?: number | null, keepDims?: boolean): Tensor { return reductions.argmin(this, axis, keepDims); }
  any(axis?: Axes, keepDims?: boolean): Tensor { return reductions.any(this, axis, keepDims); }
  all(axis?: Axes, keepDims?: boolean): Tensor { return reductions.all(this, axis, keepDims); }

  /** The matrix product; batches and 1-d operands as in NumPy. */
  matmul(b: Tensor): Tensor { return algebra.matmul(this, b); }
  /** NumPy's dot: matmul up to two axes. */
  dot(b: Tensor): Tensor { return algebra.dot(this, b); }

  /** The parts at these indices along an axis, copied. */
  take(indices: Indices, axis?: number): Tensor { return take(this, indices, axis); }

  /** An ndarray (scijs) over the same memory. */
  toNdarray(): NdarrayView { return toNdarray(this); }
}

makeTensorsOf(Tensor);
