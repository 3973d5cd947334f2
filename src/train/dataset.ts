/** Examples with their labels, checked once, from which batches are gathered into a training step's memory. */

import type { FloatArray } from '../kernels/contract.ts';
import type { TypedArray } from '../kernels/memory/allocate.ts';
import { copyBytes } from '../runtime/copy.ts';
import { checkTensor, shapeText } from '../tensor/check.ts';
import { contiguousData, emptyTensor } from '../tensor/internal.ts';
import { checkLabels, type Labels } from '../tensor/labels.ts';
import { sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { firstNonFinite } from './divergence.ts';

/** Element types that batches come in. */
export type BatchType = 'float32' | 'float64';

export class Dataset {
  /** number of examples */
  readonly size: number;
  /** the shape of one example */
  readonly exampleShape: readonly number[];
  readonly #values: TypedArray;
  readonly #bytes: Uint8Array;
  readonly #exampleSize: number;
  readonly #labels: Int32Array;

  /**
   * Wraps X (N, ...) of any element type with its labels y (N) without copying X (unless it is a view with gaps).
   * Throws TypeError for arguments of the wrong kind, RangeError for no examples, labels that are too few, too many or
   * no classes (integers from 0), and values of X that are NaN or infinite: these would spread to every parameter.
   */
  constructor(fn: string, X: Tensor, y: Labels, xName: string = 'X', yName: string = 'y') {
    checkTensor(fn, xName, X);
    if (X.ndim === 0 || X.size === 0) {
      throw new RangeError(`${fn}: ${xName} must hold examples along its first axis, got shape ${shapeText(X.shape)}`);
    }
    this.size = X.shape[0];
    this.exampleShape = X.shape.slice(1);
    this.#exampleSize = sizeOf(this.exampleShape);
    this.#labels = checkLabels(fn, yName, y, this.size);
    this.#values = contiguousData(X);
    this.#bytes = bytesOf(this.#values);
    const bad = firstNonFinite(this.#values);
    if (bad >= 0) {
      const example = Math.floor(bad / this.#exampleSize);
      throw new RangeError(`${fn}: ${xName} must be finite, got ${this.#values[bad]} in example ${example}`);
    }
  }

  /**
   * The examples order[start] to order[start + count - 1] (start to start + count - 1 when order is null) as X
   * (count, ...) of the given type and their labels, int32 (count). Inside a step both lie in the step's memory.
   */
  gather(order: TypedArray | null, start: number, count: number, type: BatchType): [X: Tensor, y: Tensor] {
    const X = emptyTensor([count, ...this.exampleShape], type);
    const y = emptyTensor([count], 'int32');
    const out = X.data as FloatArray;
    const labels = y.data;
    const length = this.#exampleSize;
    const sameType = out.BYTES_PER_ELEMENT === this.#values.BYTES_PER_ELEMENT && !(this.#values instanceof Int32Array);
    const [bytes, byteLength] = [bytesOf(out), length * out.BYTES_PER_ELEMENT];
    for (let i = 0; i < count; i++) {
      const example = order === null ? start + i : order[start + i];
      labels[i] = this.#labels[example];
      if (sameType) copyBytes(this.#bytes, example * byteLength, bytes, i * byteLength, byteLength);
      else convert(this.#values, example * length, out, i * length, length);
    }
    return [X, y];
  }

  /** Throws RangeError for a label that is none of so many classes. */
  checkClasses(fn: string, yName: string, classes: number): void {
    checkLabels(fn, yName, this.#labels, this.size, classes);
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Copies numbers between arrays of different types; a plain loop is faster here than the engine's converting set(). */
function convert(from: TypedArray, fromStart: number, to: FloatArray, toStart: number, length: number): void {
  for (let i = 0; i < length; i++) to[toStart + i] = from[fromStart + i];
}
