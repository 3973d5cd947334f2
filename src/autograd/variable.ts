/**
 * Variables: tensors that remember how they were computed, so that a gradient can find its way back.
 *
 *   const w = parameter(randn);                      // a leaf that gradients are wanted for
 *   const loss = x.matmul(w).relu().sum();           // each operation is recorded
 *   loss.backward();                                 // w.grad is d loss / d w
 *   noGrad(() => w.assign(w.value.sub(w.grad.mul(rate))));
 *
 * The elements are in `value`, an ordinary Tensor. A step's memory is used again by the next steps: after backward, a
 * large value that was computed on the way refuses to be read (small ones and scores under a loss stay). What is to
 * outlive it is copied with clone() before, or kept whole with backward(dout, { retainGraph: true }).
 */

import { type DType, lend, type Loan, residentArray } from '../kernels/memory/allocate.ts';
import { checkBoolean, checkNumber, checkOptions, describe } from '../runtime/check.ts';
import { showAs } from '../runtime/text.ts';
import { checkTensor, checkTensorShape, shapeText } from '../tensor/check.ts';
import { full, tensorOf, type Values } from '../tensor/creation.ts';
import type { PadWidth } from '../tensor/joining.ts';
import type { Axes } from '../tensor/reductions.ts';
import { promoteNumber } from '../tensor/dtype.ts';
import { Tensor, type NestedNumbers } from '../tensor/tensor.ts';
import { normalizeAxis, numbers, sizeOf } from '../tensor/shape.ts';
import { expandDims, type Range, squeeze } from '../tensor/views.ts';
import type { Operation } from './operation.ts';
import * as arithmetic from './operations/arithmetic.ts';
import * as matrix from './operations/matrix.ts';
import * as reduction from './operations/reduction.ts';
import * as shapes from './operations/shape.ts';
import * as unary from './operations/unary.ts';
import { isRecording } from './recording.ts';
import { GraphNode, walkBack, type Target } from './tape.ts';
import { operationWatcher } from './watching.ts';

/** What operations take: variables, and constants that no gradient goes to. */
export type VariableLike = Variable | Tensor | number;

export interface BackwardOptions {
  /** keeps what the graph has saved, so that it can be gone back through again; false unless given */
  retainGraph?: boolean;
}

/**
 * A tensor that remembers how it was computed; `backward()` fills `grad` of the leaves that it came from. Operations
 * are those of tensors of the same names, with the same shapes and errors, and record themselves outside `noGrad`.
 */
export class Variable implements Target {
  // bundlers rename classes that name themselves (see Tensor)
  static readonly name: string = 'Variable';
  /** the elements; who replaces them by another tensor of the same shape gives a leaf new ones */
  value: Tensor;
  /** the operation that made it; null for a leaf */
  readonly node: GraphNode | null;
  /**
   * the gradient of what backward was called on, summed over all calls since the last zeroGrad; null before the first
   */
  grad: Tensor | null = null;
  #requiresGrad: boolean;

  static {
    showAs<Variable>(this.prototype, String);
  }

  /** Made by `variable`, `parameter` and operations. */
  constructor(value: Tensor, requiresGrad: boolean, node: GraphNode | null = null) {
    this.value = value;
    this.#requiresGrad = requiresGrad;
    this.node = node;
  }

  get shape(): readonly number[] { return this.value.shape; }
  get dtype(): DType { return this.value.dtype; }
  get size(): number { return this.value.size; }
  get ndim(): number { return this.value.ndim; }

  /** Whether gradients come here. May be set on leaves: to false for parameters that training is to leave alone. */
  get requiresGrad(): boolean { return this.#requiresGrad; }
  set requiresGrad(wanted: boolean) {
    checkBoolean('Variable', 'requiresGrad', wanted);
    if (this.node !== null) {
      throw new TypeError(`Variable: requiresGrad can be set on leaves only, this is the result of ${this.node.name}; use detach()`);
    }
    if (wanted) checkDifferentiable('Variable', this.value);
    this.#requiresGrad = wanted;
  }

  /** True for what was not computed from anything that gradients are wanted for. */
  get isLeaf(): boolean { return this.node === null; }

  /**
   * Goes back from here and adds to `grad` of every leaf that requires it the gradient of the sum of this value's
   * elements times dout (same shape; may be left out where the value has one element, and is 1 then).
   * Throws RangeError for a missing or misshapen dout, TypeError where nothing was recorded, Error where the graph was
   * gone back through already, or a value that it needs was changed in place since; no gradient has changed then.
   */
  backward(dout?: Tensor | number, options: BackwardOptions = {}): void {
    const fn = 'backward';
    checkOptions(fn, options, ['retainGraph']);
    const retain = checkBoolean(fn, 'retainGraph', options.retainGraph ?? false);
    const gradient = this.#firstGradient(fn, dout);
    if (!this.#requiresGrad) {
      throw new TypeError(
        `${fn}: nothing was recorded for this value of shape ${shapeText(this.shape)}: none of what it was computed from ` +
        'requires a gradient, or it was computed inside noGrad',
      );
    }
    if (this.node === null) this.accumulate(gradient, false);
    else walkBack(fn, this.node, gradient, retain);
  }

  #firstGradient(fn: string, dout: Tensor | number | undefined): Tensor {
    const { shape, dtype, size } = this.value;
    if (dout === undefined || typeof dout === 'number') {
      if (size !== 1) {
        throw new RangeError(`${fn}: dout must be given for a value of more than one element, this is ${shapeText(shape)}`);
      }
      return full([...shape], dout ?? 1, dtype);
    }
    const gradient = checkTensorShape(fn, 'dout', dout, shape);
    return gradient.dtype === dtype ? gradient : gradient.astype(dtype);
  }

  /** Adds a gradient to `grad`. Called by the walk back; `owned` says that nobody else has the tensor. */
  accumulate(gradient: Tensor, owned: boolean): void {
    if (this.grad === null) this.grad = owned && gradient.isContiguous ? gradient : gradient.clone();
    else if (this.grad.isContiguous) this.grad.addInPlace(gradient);
    else this.grad = this.grad.clone().addInPlace(gradient); // set from outside, and perhaps stretched
  }

  /** Keeps the gradient that passes here in `grad`, which only leaves do otherwise. Returns this. */
  retainGrad(): this {
    if (this.node !== null) this.node.keeper = this;
    return this;
  }

  /** Forgets the gradient. Its memory is used again: what still refers to it refuses to be read. */
  zeroGrad(): void {
    const lease = this.grad?.lease as Loan | null | undefined;
    this.grad = null;
    lease?.release?.();
  }

  /** The same value, to which no gradient goes back. */
  detach(): Variable { return new Variable(this.value, false); }

  /** Overwrites the elements of a leaf, as Tensor.assign does: how parameters are updated by hand, inside noGrad. */
  assign(source: Variable | Tensor | number): this {
    if (this.node !== null || (this.#requiresGrad && isRecording())) {
      throw new Error('assign: only leaves can be overwritten, and those that require a gradient only inside noGrad');
    }
    this.value.assign(source instanceof Variable ? source.value : source);
    return this;
  }

  /** The only element. */
  item(): number { return this.value.item(); }
  /** The elements as nested arrays. */
  toArray(): NestedNumbers { return this.value.toArray(); }
  toString(): string { return `variable ${this.value.toString()}`; }

  add(b: VariableLike): Variable { return apply('add', arithmetic.add, [this, b]); }
  sub(b: VariableLike): Variable { return apply('sub', arithmetic.sub, [this, b]); }
  mul(b: VariableLike): Variable { return apply('mul', arithmetic.mul, [this, b]); }
  div(b: VariableLike): Variable { return apply('div', arithmetic.div, [this, b]); }
  mod(b: VariableLike): Variable { return apply('mod', arithmetic.mod, [this, b]); }
  pow(b: VariableLike): Variable { return apply('pow', arithmetic.pow, [this, b]); }
  maximum(b: VariableLike): Variable { return apply('maximum', arithmetic.maximum, [this, b]); }
  minimum(b: VariableLike): Variable { return apply('minimum', arithmetic.minimum, [this, b]); }
  clip(low: number | null, high: number | null): Variable { return apply('clip', arithmetic.clip, [this], low, high); }
  matmul(b: VariableLike): Variable { return apply('matmul', matrix.matmul, [this, b]); }

  neg(): Variable { return apply('neg', unary.neg, [this]); }
  exp(): Variable { return apply('exp', unary.exp, [this]); }
  expm1(): Variable { return apply('expm1', unary.expm1, [this]); }
  log(): Variable { return apply('log', unary.log, [this]); }
  log1p(): Variable { return apply('log1p', unary.log1p, [this]); }
  sqrt(): Variable { return apply('sqrt', unary.sqrt, [this]); }
  square(): Variable { return apply('square', unary.square, [this]); }
  abs(): Variable { return apply('abs', unary.abs, [this]); }
  sin(): Variable { return apply('sin', unary.sin, [this]); }
  cos(): Variable { return apply('cos', unary.cos, [this]); }
  sign(): Variable { return apply('sign', unary.sign, [this]); }
  floor(): Variable { return apply('floor', unary.floor, [this]); }
  ceil(): Variable { return apply('ceil', unary.ceil, [this]); }
  round(): Variable { return apply('round', unary.round, [this]); }
  relu(): Variable { return apply('relu', unary.relu, [this]); }
  leakyRelu(alpha: number = 0.01): Variable {
    return apply('leakyRelu', unary.leakyRelu, [this], checkNumber('leakyRelu', 'alpha', alpha));
  }

  elu(alpha: number = 1): Variable {
    return apply('elu', unary.elu, [this], checkNumber('elu', 'alpha', alpha));
  }

  prelu(slope: VariableLike): Variable { return apply('prelu', unary.prelu, [this, slope]); }
  softmax(axis: number = -1): Variable { return apply('softmax', unary.softmax, [this], axis); }
  /** log(softmax(x)), with its digits where a probability is nearly 0. */
  logSoftmax(axis: number = -1): Variable {
    const along = normalizeAxis('logSoftmax', axis, this.ndim);
    // of no elements there is no largest
    const shifted = this.size === 0 ? this : this.sub(this.value.max(along, true));
    return shifted.sub(shifted.exp().sum(along, true).log());
  }

  gelu(): Variable { return apply('gelu', unary.gelu, [this]); }
  silu(): Variable { return apply('silu', unary.silu, [this]); }
  sigmoid(): Variable { return apply('sigmoid', unary.sigmoid, [this]); }
  tanh(): Variable { return apply('tanh', unary.tanh, [this]); }

  sum(axis?: Axes, keepDims?: boolean): Variable { return apply('sum', reduction.sum, [this], axis, keepDims); }
  mean(axis?: Axes, keepDims?: boolean): Variable { return apply('mean', reduction.mean, [this], axis, keepDims); }
  prod(axis?: Axes, keepDims?: boolean): Variable { return apply('prod', reduction.prod, [this], axis, keepDims); }
  var(axis?: Axes, keepDims?: boolean, ddof?: number): Variable {
    return apply('var', reduction.variance, [this], axis, keepDims, ddof);
  }

  std(axis?: Axes, keepDims?: boolean, ddof?: number): Variable {
    return apply('std', reduction.std, [this], axis, keepDims, ddof);
  }

  max(axis?: Axes, keepDims?: boolean): Variable { return apply('max', reduction.max, [this], axis, keepDims); }
  min(axis?: Axes, keepDims?: boolean): Variable { return apply('min', reduction.min, [this], axis, keepDims); }

  /** This and the other two that are told sizes or axes take numbers or one array, as tensors do. */
  reshape(...shape: number[] | [readonly number[]]): Variable {
    return apply('reshape', shapes.reshape, [this], numbers(shape));
  }

  /** All elements in one axis, or those of this axis and all after it: flatten(1) is (N, the rest), as in PyTorch. */
  flatten(axis: number = 0): Variable {
    const at = normalizeAxis('flatten', axis, this.ndim || 1);
    const shape = this.shape.toSpliced(at, this.ndim, sizeOf(this.shape.slice(at)));
    return apply('flatten', shapes.reshape, [this], shape);
  }

  transpose(...axes: number[] | [readonly number[]]): Variable {
    return apply('transpose', shapes.transpose, [this], numbers(axes));
  }

  expandDims(axis: number): Variable { return this.#reshaped('expandDims', expandDims(this.value, axis)); }
  squeeze(axes?: number | readonly number[]): Variable { return this.#reshaped('squeeze', squeeze(this.value, axes)); }
  #reshaped(fn: string, like: Tensor): Variable { return apply(fn, shapes.reshape, [this], like.shape); }
  swapaxes(a: number, b: number): Variable { return apply('swapaxes', shapes.swapaxes, [this], a, b); }
  moveaxis(source: number | readonly number[], destination: number | readonly number[]): Variable {
    return apply('moveaxis', shapes.moveaxis, [this], source, destination);
  }

  rot90(turns: number = 1, axes: readonly [number, number] = [0, 1]): Variable {
    return apply('rot90', shapes.rot90, [this], turns, axes);
  }

  broadcastTo(...shape: number[] | [readonly number[]]): Variable {
    return apply('broadcastTo', shapes.broadcastTo, [this], numbers(shape));
  }

  flip(axes?: number | readonly number[]): Variable { return apply('flip', shapes.flip, [this], axes); }
  slice(...ranges: Range[]): Variable { return apply('slice', shapes.slice, [this], ranges); }
  pad(width: PadWidth, value: number = 0): Variable { return apply('pad', shapes.pad, [this], width, value); }
}

/**
 * Computes an operation and records it where a gradient is wanted. `name` stands in errors. Throws TypeError for inputs
 * that are neither variables, tensors nor numbers.
 */
export function apply<Options extends readonly unknown[]>(
  name: string, operation: Operation<Options>, inputs: readonly VariableLike[], ...options: Options
): Variable {
  const type = inputs.find((input) => typeof input === 'object' && input !== null)?.dtype ?? 'float64';
  const variables = inputs.map((input, i) => constant(name, `input ${i}`, input, type));
  const values = variables.map(({ value }) => value);
  if (!isRecording() || !variables.some(({ requiresGrad }) => requiresGrad)) {
    const result = new Variable(operation(values, ...options).out, false);
    operationWatcher()?.({ name, inputs: variables, options, out: result });
    return result;
  }
  const loans: Loan[] = [];
  const kept = options.some(Array.isArray) ? options.map(ownList) as readonly unknown[] as Options : options;
  const found = lend(loans, () => operation(values, ...kept));
  const { out, back, saved, takesParts = false, keepsInputs } = found;
  if (keepsInputs === true) for (const { lease } of values) (lease as Partial<Loan> | null)?.keep?.();
  return new Variable(out, true, new GraphNode(name, variables, back, saved, loans, takesParts));
}

/** A caller's list of axes, ranges or indices, which the way back reads, as a copy: the caller may change the list. */
function ownList(option: unknown): unknown {
  if (!Array.isArray(option)) return option;
  return (option as readonly unknown[]).map((part) => (Array.isArray(part) ? part.slice() as unknown[] : part));
}

/** The input as a variable; a number takes a type that leaves the other operand's as it is. */
function constant(fn: string, name: string, input: VariableLike, type: DType): Variable {
  if (input instanceof Variable) return input;
  if (input instanceof Tensor) return new Variable(input, false);
  if (typeof input === 'number') return new Variable(full([], input, promoteNumber(type, input)), false);
  throw new TypeError(`${fn}: ${name} must be a Variable, a Tensor or a number, got ${describe(input)}`);
}

function checkDifferentiable(fn: string, value: Tensor): void {
  if (value.dtype !== 'float32' && value.dtype !== 'float64') {
    throw new TypeError(`${fn}: only float32 and float64 values have gradients, got ${value.dtype}`);
  }
}

export interface VariableOptions {
  /** whether gradients are wanted for it; false unless given */
  requiresGrad?: boolean;
}

/**
 * A leaf variable with the given elements: a Tensor, which is shared and not copied, or what `tensor` takes.
 * Throws TypeError for anything else, unknown options, and an integer value that requires a gradient.
 */
export function variable(values: Tensor | Values, options: VariableOptions = {}): Variable {
  const fn = 'variable';
  checkOptions(fn, options, ['requiresGrad']);
  const requiresGrad = checkBoolean(fn, 'requiresGrad', options.requiresGrad ?? false);
  const value = values instanceof Tensor ? values : tensorOf(fn, values);
  if (requiresGrad) checkDifferentiable(fn, value);
  return new Variable(value, requiresGrad);
}

/** A leaf that training changes: a copy of t, where kernels reach it without copying. Throws as `variable` does. */
export function parameter(t: Tensor): Variable {
  checkDifferentiable('parameter', checkTensor('parameter', 't', t));
  return new Variable(new Tensor(residentArray(t.dtype, t.size), t.shape).assign(t), true);
}
