/**
 * What a tensor is without its operations: the view itself, reading and writing single elements, and its text. The
 * class Tensor (tensor.ts) adds the operations as methods.
 *
 * The two are apart for the sake of pages that only hold and show tensors: a file that is read needs no arithmetic.
 * Wherever tensor.ts is part of a program, every tensor has all methods; where it is not (a bundle of a program that
 * only reads and writes arrays with tilegrad/io), calling one is an error that says so.
 */

import type { DType, Lease, TypedArray } from '../kernels/memory/allocate.ts';
import { describe } from '../runtime/check.ts';
import { showAs } from '../runtime/text.ts';
import { dtypeOf } from './dtype.ts';
import { format } from './format.ts';
import { checkIndex, checkView, isRowMajor, layoutOf, shapeText } from './shape.ts';
import type { Tensor } from './tensor.ts';

/** Numbers in arrays in arrays: what `toArray` gives. A 0-d tensor is a bare number. */
export type NestedNumbers = number | readonly NestedNumbers[];

/** Found on the tensors of every copy of the library that a program holds, unlike the class. */
const brand = Symbol.for('tilegrad.Tensor');

/** Shared by all views of one memory. */
interface Writes {
  count: number;
}

export class TensorCore {
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
  private readonly rowMajor: boolean;
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
    const layout = layoutOf('Tensor', shape ?? [data.length]);
    const fills = strides === undefined && offset === 0 && layout.size <= data.length;
    this.shape = layout.shape;
    this.strides = fills
      ? layout.strides
      : Object.freeze(checkView('Tensor', layout.shape, strides ?? layout.strides, offset, data.length));
    this.offset = offset;
    this.size = layout.size;
    this.ndim = layout.shape.length;
    this.rowMajor = fills || isRowMajor(layout.shape, this.strides);
    this.storage = data;
    this.lease = lease;
    this.writes = writes;
  }

  static {
    // What `instanceof Tensor` looks for; false on the bare prototype.
    const isMade = { get(this: Partial<TensorCore>) { return this.ndim !== undefined; } };
    Object.defineProperty(this.prototype, brand, isMade);
    // console.log shows the text instead of the memory under it.
    showAs<TensorCore>(this.prototype, format);
  }

  /**
   * The typed array under the view, whole: with slices and transposed views, use strides and offset to read it.
   * Throws Error when the memory was lent, for a training step or until the way back, and has been recycled since.
   */
  get data(): TypedArray {
    const { lease } = this;
    if (lease !== null && !lease.valid) {
      if (lease.copy !== undefined) return lease.copy;
      throw new Error(
        `Tensor: this ${shapeText(this.shape)} tensor is gone: its memory was recycled by a later step or by ` +
        'backward(); clone() what should outlive that',
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
    return newTensor(this.storage, shape, strides, offset, this.lease, this.writes);
  }

  /** True when the elements lie one after another in row-major order. */
  get isContiguous(): boolean {
    return this.rowMajor;
  }

  private position(fn: string, indices: readonly number[]): number {
    if (indices.length !== this.ndim) {
      throw new RangeError(`${fn}: ${indices.length} indices given for a tensor of ${this.ndim} axes (${shapeText(this.shape)})`);
    }
    let position = this.offset;
    for (let axis = 0; axis < indices.length; axis++) {
      position += checkIndex(fn, indices[axis], this.shape[axis], axis) * this.strides[axis];
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

function nested(
  data: TypedArray, shape: readonly number[], strides: readonly number[], axis: number, position: number,
): NestedNumbers {
  if (axis === shape.length) return data[position];
  const list = new Array<NestedNumbers>(shape[axis]);
  for (let i = 0; i < list.length; i++) list[i] = nested(data, shape, strides, axis + 1, position + i * strides[axis]);
  return list;
}

/** The methods that tensor.ts adds. */
export const operationNames: readonly string[] = (
  'slice step transpose reshape flatten broadcastTo expandDims squeeze clone contiguous astype assign add sub ' +
  'mul div mod pow maximum minimum addInPlace subInPlace mulInPlace divInPlace equal notEqual less lessEqual ' +
  'greater greaterEqual isNaN isFinite clip neg abs square exp log sqrt tanh sigmoid expm1 log1p sin cos sign ' +
  'floor ceil round sum prod mean var std max min argmax argmin any all matmul dot take toNdarray'
).split(' ');

for (const name of operationNames) {
  Object.defineProperty(TensorCore.prototype, name, {
    configurable: true,
    writable: true,
    value(): never {
      throw new Error(`${name}: this program only reads and writes arrays, so its bundler has left out the ` +
        "methods of tensors; import { Tensor } from 'tilegrad' and use it, and they are there");
    },
  });
}

type TensorClass = new (...given: ConstructorParameters<typeof TensorCore>) => Tensor;

/** the class of tensors that are made: one with methods as soon as tensor.ts has been loaded */
let latest: TensorClass = TensorCore as unknown as TensorClass;

/** Has all tensors made from now on be of this class. */
export function makeTensorsOf(tensorClass: TensorClass): void {
  latest = tensorClass;
}

/** A tensor; see the constructor. */
export function newTensor(
  data: TypedArray, shape?: readonly number[], strides?: readonly number[], offset?: number, lease?: Lease | null,
  writes?: Writes,
): Tensor {
  return new latest(data, shape, strides, offset, lease, writes);
}
