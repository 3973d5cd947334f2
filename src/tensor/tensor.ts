/**
 * Tensor: an n-dimensional view on a typed array, described by a shape, strides and an offset, as in NumPy and scijs.
 *
 * The class holds the view itself; its operations live in the files beside it, one idea a file, and the methods only
 * call them. Those files import this one in turn. That circle is harmless: neither side uses the other while loading.
 */

import { allocateCollected } from '../kernels/memory/allocate.ts';
import type { DType, Lease, TypedArray } from '../kernels/memory/allocate.ts';
import { describe } from '../runtime/check.ts';
import * as arithmetic from './arithmetic.ts';
import type { Operand } from './arithmetic.ts';
import { checkTensor } from './check.ts';
import * as comparison from './comparison.ts';
import { copyElements } from './copy.ts';
import { checkDType, dtypeOf } from './dtype.ts';
import { format } from './format.ts';
import { take } from './indexing.ts';
import type { Indices } from './indexing.ts';
import { emptyTensor, overlap } from './internal.ts';
import * as algebra from './linear-algebra.ts';
import { toNdarray } from './ndarray.ts';
import type { NdarrayView } from './ndarray.ts';
import * as reductions from './reductions.ts';
import type { Axes } from './reductions.ts';
import { checkShape, checkView, isRowMajor, rowMajorStrides, shapeText, sizeOf } from './shape.ts';
import * as unary from './unary.ts';
import * as views from './views.ts';
import type { Range } from './views.ts';

/** Numbers in arrays in arrays: what `toArray` gives. A 0-d tensor is a bare number. */
export type NestedNumbers = number | readonly NestedNumbers[];

/** Found on the tensors of every copy of the library that a program holds, unlike the class. */
const brand = Symbol.for('tilegrad.Tensor');
/** Under these names Node and Bun, and Deno, look for what console.log shows. */
const inspections = [Symbol.for('nodejs.util.inspect.custom'), Symbol.for('Deno.customInspect')];

/** Shared by all views of one memory. */
interface Writes {
  count: number;
}

export class Tensor {
  /** Said outright, because bundlers rename classes that refer to themselves: it stands in error messages. */
  static readonly name: string = 'Tensor';

  /** True for the tensors of another copy of the library too: they have the same methods, so they work everywhere. */
  static [Symbol.hasInstance](value: unknown): value is Tensor {
    return typeof value === 'object' && value !== null && (value as { [brand]?: unknown })[brand] === true;
  }

  /** the size of each axis; frozen, as strides are, so that a view that was checked stays inside its memory */
  readonly shape: readonly number[];
  /** how far apart neighbours along each axis lie, in elements; negative or 0 in views */
  readonly strides: readonly number[];
  /** position of the first element in data */
  readonly offset: number;
  readonly dtype: DType;
  /** number of elements */
  readonly size: number;
  /** number of axes */
  readonly ndim: number;
  /** says whether the memory may still be read; null where it is the tensor's own */
  readonly lease: Lease | null;
  private readonly storage: TypedArray;
  private readonly writes: Writes;

  /**
   * A view on data, which is shared and not copied: element (i, j, ...) is
   * data[offset + i * strides[0] + j * strides[1] + ...]. Row-major when strides is left out; 1-d when shape is.
   * A lease says that the memory is only lent (see kernels/memory/allocate.ts).
   *
   * Throws TypeError for data of another kind, RangeError for a bad shape or a view that would leave data.
   */
  constructor(
    data: TypedArray, shape?: readonly number[], strides?: readonly number[], offset: number = 0,
    lease: Lease | null = null, writes: Writes = { count: 0 },
  ) {
    this.dtype = dtypeOf('Tensor', data);
    const sizes = checkShape('Tensor', shape ?? [data.length]);
    this.shape = Object.freeze(sizes);
    this.strides = Object.freeze(checkView('Tensor', sizes, strides ?? rowMajorStrides(sizes), offset, data.length));
    this.offset = offset;
    this.size = sizeOf(sizes);
    this.ndim = sizes.length;
    this.storage = data;
    this.lease = lease;
    this.writes = writes;
  }

  static {
    // What `instanceof Tensor` looks for; false on the bare prototype.
    Object.defineProperty(this.prototype, brand, { get(this: Partial<Tensor>) { return this.ndim !== undefined; } });
    // console.log shows the text instead of the memory under it.
    for (const name of inspections) {
      Object.defineProperty(this.prototype, name, { value(this: Tensor) { return format(this); } });
    }
  }

  /**
   * The typed array under the view, whole: with slices and transposed views, use strides and offset to read it.
   * Throws Error when the memory was lent for one training step and has been recycled since.
   */
  get data(): TypedArray {
    if (this.lease !== null && !this.lease.valid) {
      throw new Error(
        `Tensor: this ${shapeText(this.shape)} tensor was made inside a training step, and its memory was recycled by ` +
        'a later training step; copy what should outlive the step with clone() before it ends',
      );
    }
    return this.storage;
  }

  /** True when the memory belongs to a training step and will be recycled. */
  get isLent(): boolean {
    return this.lease !== null;
  }

  /** How often the memory was written to through a tensor: by set, assign, an operation in place, an update. */
  get version(): number {
    return this.writes.count;
  }

  /** Notes that the memory was written to. Called by whatever writes to a tensor that others may hold. */
  touch(): void {
    this.writes.count++;
  }

  /** Another view on the same memory. Throws RangeError when it would leave the memory. */
  view(shape: readonly number[], strides: readonly number[], offset: number): Tensor {
    return new Tensor(this.storage, shape, strides, offset, this.lease, this.writes);
  }

  /** True when the elements lie one after another in row-major order. */
  get isContiguous(): boolean {
    return isRowMajor(this.shape, this.strides);
  }

  private position(fn: string, indices: readonly number[]): number {
    if (indices.length !== this.ndim) {
      throw new RangeError(`${fn}: ${indices.length} indices given for a tensor of ${this.ndim} axes (${shapeText(this.shape)})`);
    }
    let position = this.offset;
    for (let axis = 0; axis < indices.length; axis++) {
      position += views.checkIndex(fn, indices[axis], this.shape[axis], axis) * this.strides[axis];
    }
    return position;
  }

  /** The element at one index an axis; negative ones count from the end. Throws RangeError outside. */
  get(...indices: number[]): number {
    return this.data[this.position('get', indices)];
  }

  /** Puts value at one index an axis; negative ones count from the end. Throws RangeError outside. */
  set(value: number, ...indices: number[]): void {
    if (typeof value !== 'number') throw new TypeError(`set: value must be a number, got ${describe(value)}`);
    this.data[this.position('set', indices)] = value;
    this.touch();
  }

  /** The only element, whatever the number of axes. Throws RangeError when there are none or several. */
  item(): number {
    if (this.size !== 1) throw new RangeError(`item: the tensor has ${this.size} elements (${shapeText(this.shape)}), not one`);
    return this.data[this.offset];
  }

  /** The elements as nested arrays; a plain number for a 0-d tensor. */
  toArray(): NestedNumbers {
    return nested(this.data, this.shape, this.strides, 0, this.offset);
  }

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

  /** Overwrites the elements with those of source, which may be a number or anything that broadcasts to this shape. */
  assign(source: Tensor | number): this {
    if (typeof source === 'number') {
      source = new Tensor(Float64Array.of(source), []);
    }
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

  /** this += b; so for the three below. The type and shape stay, and views of this memory see the change. */
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

  /** Shape, type and elements as text; the ends of every axis when there are many. */
  toString(): string { return format(this); }

  /** What JSON.stringify writes; `tensor(values, shape, dtype)` reads it. JSON has no NaN and infinities: null. */
  toJSON(): { shape: readonly number[]; dtype: DType; values: NestedNumbers } {
    return { shape: this.shape, dtype: this.dtype, values: this.toArray() };
  }

  /** Lets a tensor of one element stand where a number is expected; beside text, a larger one is text. */
  [Symbol.toPrimitive](hint: string): number | string {
    return hint === 'string' || (hint === 'default' && this.size !== 1) ? format(this) : this.item();
  }
}

/** Numbers given one by one or as one array. */
function numbers(given: readonly number[] | readonly [readonly number[]]): readonly number[] {
  return given.length === 1 && Array.isArray(given[0]) ? given[0] : given as readonly number[];
}

function nested(
  data: TypedArray, shape: readonly number[], strides: readonly number[], axis: number, position: number,
): NestedNumbers {
  if (axis === shape.length) return data[position];
  const list = new Array<NestedNumbers>(shape[axis]);
  for (let i = 0; i < list.length; i++) list[i] = nested(data, shape, strides, axis + 1, position + i * strides[axis]);
  return list;
}
