/** Operators that are no layers: arithmetic, moves of elements, and the patterns in which exporters write layers. */

import { variable, type Variable } from '../../autograd/variable.ts';
import { take } from '../../autograd/functions.ts';
import { Add, ChannelsFirst, Concatenate, Flatten, GELU, Linear, Sigmoid, SiLU } from '../../nn/index.ts';
import { SymbolicValue } from '../../nn/symbol.ts';
import { concat } from '../../tensor/joining.ts';
import { broadcastShapes, maxDimensions, shapeText, sizeOf } from '../../tensor/shape.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { tensor } from '../../tensor/creation.ts';
import { Operation } from './operation.ts';
import { groupnorm, linear, type Reader } from './read-layers.ts';
import type { NodeToRead, Read } from './read-node.ts';

/** The operation behind a symbol, if it is of this name. */
function operation(
  symbol: Read | undefined, name: string,
): { made: Operation; inputs: readonly SymbolicValue[] } | null {
  if (!(symbol instanceof SymbolicValue)) return null;
  const { module: made, inputs } = symbol;
  return made instanceof Operation && made._name === name ? { made, inputs } : null;
}

/** A function of each element. */
const unary = (compute: (x: Variable) => Variable): Reader => (node) => {
  const x = node.symbol(0);
  return node.apply(new Operation(node.opType, compute), [x], x.shape);
};

/** Arithmetic between two values, of which one may be constant; shapes are stretched as NumPy stretches them. */
const binary = (compute: (a: Variable, b: Variable) => Variable): Reader => (node) => {
  const [a, b] = [node.input(0), node.input(1)];
  const given = [a, b].filter((each) => each instanceof SymbolicValue);
  if (given.length === 0) throw node.error('arithmetic between constants is not carried out');
  const pattern = layerPattern(node, a, b);
  if (pattern !== null) return pattern;
  // a symbol's batch is an axis of its own before its shape, whatever its length: as such it is compared
  const whole = (each: Read): number[] => (each instanceof SymbolicValue ? [1, ...each.shape] : [...each.shape]);
  const most = Math.max(...given.map(({ shape }) => shape.length + 1));
  const crosses = (each: Read): boolean =>
    whole(each).length > most || (each instanceof Tensor && each.ndim === most && each.shape[0] !== 1);
  if (crosses(a) || crosses(b)) {
    throw node.error(`shapes ${shapeText(whole(a))} and ${shapeText(whole(b))} do not leave the batch free`);
  }
  if (given.length === 2 && given[0].shape.length !== given[1].shape.length) {
    throw node.error(`examples of ${shapeText(given[0].shape)} and ${shapeText(given[1].shape)} meet across the batch`);
  }
  const shape = broadcastShapes(node.opType, whole(a), whole(b)).slice(1);
  const made = (): Operation => {
    if (a instanceof Tensor) return new Operation(node.opType, (x) => compute(like(a, x), x), [a]);
    if (b instanceof Tensor) return new Operation(node.opType, (x) => compute(x, like(b, x)), [b]);
    return new Operation(node.opType, compute);
  };
  return node.apply(made(), given, shape);
};

/** The constant in the type that the value has. */
function like(constant: Tensor, { dtype }: Variable): Variable {
  return variable(constant.dtype === dtype ? constant : constant.astype(dtype));
}

/** What several operators together are as a layer: linear with bias, sum, SiLU, GELU, group norm; null for others. */
function layerPattern(node: NodeToRead, a: Read, b: Read): SymbolicValue | null {
  if (node.opType === 'Mul') return silu(node, a, b) ?? silu(node, b, a) ?? gelu(node, a, b);
  if (node.opType !== 'Add') return null;
  if (a instanceof SymbolicValue && b instanceof SymbolicValue) {
    return String(a.shape) === String(b.shape) ? node.apply(new Add(), [a, b], a.shape) : null;
  }
  const [symbol, constant] = (a instanceof SymbolicValue ? [a, b] : [b, a]) as [SymbolicValue, Tensor];
  const { module: made, inputs } = symbol;
  if (made instanceof Linear && made.bias === null && node.alone(symbol) && constant.size === made.weight.shape[1]) {
    return linear(node, inputs[0], made.weight.value, constant.reshape([constant.size]));
  }
  return groupPattern(node, symbol, constant);
}

/** x times sigmoid(x) */
function silu(node: NodeToRead, x: Read, gate: Read): SymbolicValue | null {
  if (!(gate instanceof SymbolicValue && gate.module instanceof Sigmoid && gate.inputs[0] === x)) return null;
  return node.apply(new SiLU(), [gate.inputs[0]], gate.shape);
}

/** 0.5 x (1 + erf(x / sqrt(2))), the half before, between or behind */
function gelu(node: NodeToRead, a: Read, b: Read): SymbolicValue | null {
  const factors = [a, b].flatMap(function parts(each: Read): Read[] {
    const product = operation(each, 'Mul');
    if (product === null) return [each];
    return [...product.inputs.flatMap(parts), ...product.made._constants];
  });
  const halves = factors.filter((each) => each instanceof Tensor);
  const [first, second] = factors.filter((each) => each instanceof SymbolicValue);
  if (halves.length !== 1 || halves[0].size !== 1 || Math.abs(halves[0].reshape([]).item() - 0.5) > 1e-6) return null;
  for (const [x, share] of [[first, second], [second, first]]) {
    const sum = operation(share, 'Add');
    const error = sum !== null && sum.made.scalar === 1 ? operation(sum.inputs[0], 'Erf') : null;
    const inner = error?.inputs[0];
    const [divided, scaled] = [operation(inner, 'Div'), operation(inner, 'Mul')];
    const by = divided !== null ? divided.made.scalar : 1 / (scaled?.made.scalar ?? NaN);
    const from = (divided ?? scaled)?.inputs[0];
    if (from === undefined || from !== x || !(Math.abs(by - Math.SQRT2) < 1e-4)) continue;
    return node.apply(new GELU(), [from], from.shape);
  }
  return null;
}

/** (instance norm of groups as channels, in x's shape) times scale plus shift, as exporters write group norm */
function groupPattern(node: NodeToRead, scaled: SymbolicValue, shift: Tensor): SymbolicValue | null {
  const product = operation(scaled, 'Mul');
  const whole = product === null ? null : operation(product.inputs[0], 'Reshape');
  const normal = whole === null ? null : operation(whole.inputs[0], 'InstanceNormalization');
  const cut = normal === null ? null : operation(normal.inputs[0], 'Reshape');
  const [scale] = product?.made._constants ?? [];
  if (cut === null || normal === null || scale === undefined) return null;
  const [x] = cut.inputs;
  const [one, zero, eps] = normal.made._constants;
  const channels = x.shape[0];
  const plain = one.equal(1).min().item() === 1 && zero.equal(0).min().item() === 1;
  const each = String([channels, 1, 1]);
  const fits = plain && String(scaled.shape) === String(x.shape) && x.shape.length === 3 &&
    [scale, shift].every(({ shape }) => String(shape.slice(-3)) === each && sizeOf(shape) === channels);
  if (!fits) return null;
  return groupnorm(node, x, one.size, eps.item(), scale.reshape([channels]), shift.reshape([channels]));
}

const matmul: Reader = (node) => {
  const [a, b] = [node.input(0), node.input(1)];
  if (a instanceof SymbolicValue && b instanceof Tensor && b.ndim === 2) return linear(node, a, b, null);
  const left = a instanceof Tensor && b instanceof SymbolicValue && a.ndim === 2 && b.shape.length >= 2;
  if (left && a.shape[1] === b.shape.at(-2)) {
    const shape = [...b.shape.slice(0, -2), a.shape[0], b.shape.at(-1)!];
    return node.apply(new Operation('MatMul', (x) => like(a, x).matmul(x), [a]), [b], shape);
  }
  throw node.error('only products with constant matrices are read');
};

/** Reshape, Flatten, Squeeze and Unsqueeze to an example of this shape, the batch as it is. */
function reshaped(
  node: NodeToRead, x: SymbolicValue, shape: readonly number[], batch: 'kept' | 'found' = 'kept',
): SymbolicValue {
  if (batch === 'kept' && shape.length === 1) return x.shape.length === 1 ? x : node.apply(new Flatten(), [x], shape);
  const to = (given: Variable): Variable => given.reshape(batch === 'kept' ? given.shape[0] : -1, ...shape);
  return node.apply(new Operation('Reshape', to), [x], shape);
}

const reshape: Reader = (node) => {
  const x = node.input(0);
  const target = node.integers(1) ?? node.ints('shape') ?? [];
  if (x instanceof Tensor) return x.reshape(target.map((size, i) => (size === 0 ? x.shape[i] : size)));
  if (node.int('allowzero', 0) !== 0 && target.includes(0)) throw node.error('allowzero asks for no elements');
  if (target.length === 0) throw node.error('takes the batch away');
  const rest = target.slice(1).map((size, i) => (size === 0 ? x.shape[i] : size));
  const size = sizeOf(x.shape);
  const known = rest.reduce((all, each) => (each === -1 ? all : all * each), 1);
  const open = rest.filter((each) => each === -1).length;
  if (open > 1 || !rest.every((each) => each === -1 || (Number.isInteger(each) && each > 0)) || !(known > 0)) {
    throw node.error(`cannot make ${shapeText(target)} of examples of ${shapeText(x.shape)}`);
  }
  if (open === 1 || known === size) {
    if (size % known !== 0) throw node.error(`cannot make ${shapeText(target)} of examples of ${shapeText(x.shape)}`);
    return reshaped(node, x, rest.map((each) => (each === -1 ? size / known : each)));
  }
  if (target[0] !== -1) throw node.error(`${shapeText(target)} does not leave the batch free for examples of ${shapeText(x.shape)}`);
  return reshaped(node, x, rest, 'found');
};

const flatten: Reader = (node) => {
  const x = node.symbol(0);
  if (node.axis(node.int('axis', 1), x) !== 1) throw node.error('only the batch may stay apart');
  return reshaped(node, x, [sizeOf(x.shape)]);
};

const squeeze: Reader = (node) => {
  const x = node.input(0);
  const given = node.integers(1) ?? node.ints('axes');
  if (x instanceof Tensor) {
    const gone = given?.map((axis) => (axis < 0 ? axis + x.ndim : axis));
    return x.reshape(x.shape.filter((size, i) => size !== 1 || !(gone?.includes(i) ?? true)));
  }
  if (given === null) throw node.error('the axes must be named: the batch may be of one example');
  const axes = given.map((axis) => node.axis(axis, x));
  if (axes.some((axis) => x.shape[axis - 1] !== 1)) throw node.error(`axes ${axes.join(', ')} of ${shapeText(x.shape)} are longer than 1`);
  return reshaped(node, x, x.shape.filter((_, i) => !axes.includes(i + 1)));
};

const unsqueeze: Reader = (node) => {
  const x = node.input(0);
  const given = node.integers(1) ?? node.ints('axes') ?? [];
  const axes = (x instanceof Tensor ? x.ndim : x.shape.length + 1) + given.length;
  const added = given.map((axis) => (axis < 0 ? axis + axes : axis));
  const old = x instanceof Tensor ? [...x.shape] : [0, ...x.shape];
  const outside = added.some((axis) => !(axis >= 0 && axis < axes)) || new Set(added).size < added.length;
  if (!(axes <= maxDimensions) || outside || (x instanceof SymbolicValue && added.includes(0))) {
    throw node.error(`cannot add axes ${given.slice(0, 8).join(', ')}`);
  }
  const shape = Array.from({ length: axes }, (_, i) => (added.includes(i) ? 1 : old.shift()!));
  return x instanceof Tensor ? x.reshape(shape) : reshaped(node, x, shape.slice(1));
};

const transpose: Reader = (node) => {
  const x = node.input(0);
  const perm = node.ints('perm');
  if (x instanceof Tensor) return x.transpose(perm ?? []).clone();
  const axes = perm ?? [];
  const whole = Array.from({ length: x.shape.length + 1 }, (_, i) => i);
  if (String([...axes].sort((p, q) => p - q)) !== String(whole) || axes[0] !== 0) {
    throw node.error(`perm [${axes.slice(0, 8).join(', ')}] moves the batch or is none`);
  }
  const shape = axes.slice(1).map((axis) => x.shape[axis - 1]);
  if (String(axes) === '0,3,1,2') return node.apply(new ChannelsFirst(), [x], shape);
  return node.apply(new Operation('Transpose', (given) => given.transpose(...axes)), [x], shape);
};

const concatenate: Reader = (node) => {
  const { inputs } = node;
  const axis = node.int('axis', 1);
  if (inputs.every((each) => each instanceof Tensor)) return concat(inputs as Tensor[], axis);
  const symbols = inputs.map((_, i) => node.symbol(i));
  const along = node.axis(axis, symbols[0]);
  const [first] = symbols;
  const fits = symbols.every(({ shape }) => shape.length === first.shape.length &&
    shape.every((size, i) => i === along - 1 || size === first.shape[i]));
  if (!fits) throw node.error(`examples of ${symbols.slice(0, 4).map(({ shape }) => shapeText(shape)).join(' and ')} do not fit`);
  const total = symbols.reduce((sum, { shape }) => sum + shape[along - 1], 0);
  return node.apply(new Concatenate(along), symbols, first.shape.map((size, i) => (i === along - 1 ? total : size)));
};

const reduce = (method: 'mean' | 'max' | 'min' | 'sum'): Reader => (node) => {
  const x = node.symbol(0);
  const given = node.integers(1) ?? node.ints('axes') ?? [];
  if (given.length === 0) { // all axes, unless the node says none
    if (node.int('noop_with_empty_axes', 0) !== 0) return x;
    throw node.error('takes the batch away');
  }
  const axes = [...new Set(given.map((axis) => node.axis(axis, x)))];
  const keep = node.int('keepdims', 1) !== 0;
  const shape = x.shape.flatMap((size, i) => (axes.includes(i + 1) ? (keep ? [1] : []) : [size]));
  return node.apply(new Operation(node.opType, (v) => v[method](axes, keep)), [x], shape);
};

const slice: Reader = (node) => {
  const x = node.input(0);
  const [starts, ends, axes] = [1, 2, 3].map((i) => node.integers(i));
  const from = starts ?? node.ints('starts') ?? [];
  const to = ends ?? node.ints('ends') ?? [];
  const steps = node.integers(4) ?? from.map(() => 1);
  const shape = x instanceof Tensor ? x.shape : [1, ...x.shape];
  const which = axes ?? node.ints('axes') ?? from.map((_, i) => i);
  const ranges: Array<readonly [number, number | null, number] | null> = shape.map(() => null);
  which.forEach((axis, i) => {
    const at = x instanceof Tensor ? (axis + shape.length) % shape.length : node.axis(axis, x);
    const bound = (value: number): number => Math.max(-shape[at] - 1, Math.min(shape[at], value));
    const step = steps[i];
    if (!Number.isInteger(step) || step === 0) throw node.error(`step ${step} is none`);
    const stop = bound(to[i]);
    ranges[at] = [bound(from[i]), step < 0 && stop < -shape[at] ? null : stop, step];
  });
  if (x instanceof Tensor) return x.slice(...ranges).clone();
  const cut = shape.map((extent, i) => {
    const range = ranges[i];
    return range === null ? extent : tensor(new Uint8Array(Math.min(extent, 2 ** 24))).slice(range).size;
  });
  return node.apply(new Operation('Slice', (v) => v.slice(...ranges)), [x], cut.slice(1));
};

const pad: Reader = (node) => {
  const x = node.symbol(0);
  if (node.text('mode', 'constant') !== 'constant') throw node.error('only constants are put around');
  const pads = node.integers(1) ?? node.ints('pads') ?? [];
  const value = node.optional(2) === null ? node.float('value', 0) : node.scalar(2);
  const axes = x.shape.length + 1;
  const whole = pads.length === 2 * axes && pads.every((each) => Number.isInteger(each) && each >= 0);
  const good = whole && pads[0] + pads[axes] === 0;
  if (!good || node.optional(3) !== null) throw node.error(`pads [${pads.slice(0, 8).join(', ')}] are no rows and columns around an example`);
  const width = Array.from({ length: axes }, (_, i) => [pads[i], pads[i + axes]] as const);
  const shape = x.shape.map((size, i) => size + pads[i + 1] + pads[i + 1 + axes]);
  return node.apply(new Operation('Pad', (v) => v.pad(width, value)), [x], shape);
};

const gather: Reader = (node) => {
  const x = node.input(0);
  const indices = node.constant(1);
  const axis = node.int('axis', 0);
  if (x instanceof Tensor) {
    const list = node.integers(1)!;
    const found = take(x, list.map((each) => (each < 0 ? each + x.shape[axis] : each)), axis).value;
    return indices.ndim === 0 ? found.reshape(x.shape.filter((_, i) => i !== axis)) : found;
  }
  const at = node.axis(axis, x);
  if (indices.ndim !== 1) throw node.error('only lists of indices are read');
  const list = node.integers(1)!.map((each) => (each < 0 ? each + x.shape[at - 1] : each));
  if (!list.every((each) => Number.isInteger(each) && each >= 0 && each < x.shape[at - 1])) throw node.error('an index lies outside');
  const shape = x.shape.map((size, i) => (i === at - 1 ? list.length : size));
  return node.apply(new Operation('Gather', (v) => take(v, list, at)), [x], shape);
};

const clip: Reader = (node) => {
  const x = node.symbol(0);
  const bound = (i: number, name: string): number | null => {
    const value = node.optional(i) === null ? node.float(name, NaN) : node.scalar(i);
    return Number.isFinite(value) ? value : null;
  };
  const [low, high] = [bound(1, 'min'), bound(2, 'max')];
  return node.apply(new Operation('Clip', (v) => v.clip(low, high)), [x], x.shape);
};

/** By operator. */
export const operationReaders: Readonly<Record<string, Reader>> = {
  Identity: (node) => node.input(0),
  Dropout: (node) => node.input(0),
  Cast: (node) => node.input(0),
  // the batch is 0: in a Reshape that stands for the length that is there
  Shape: (node) => tensor(Float64Array.of(0, ...node.symbol(0).shape)),
  Constant: (node) => {
    const value = node.tensor('value');
    if (value !== null) return value;
    for (const [name, numbers] of [['value_ints', node.ints('value_ints')], ['value_floats', node.floats('value_floats')]] as const) {
      if (numbers !== null) return tensor(name === 'value_ints' ? Float64Array.from(numbers) : Float32Array.from(numbers));
    }
    if (node.has('value_int')) return tensor(node.int('value_int', 0), [], 'float64');
    if (node.has('value_float')) return tensor(node.float('value_float', 0), [], 'float32');
    throw node.error('holds no numbers');
  },
  MatMul: matmul,
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Concat: concatenate,
  Slice: slice,
  Pad: pad,
  Gather: gather,
  Clip: clip,
  ReduceMean: reduce('mean'),
  ReduceMax: reduce('max'),
  ReduceMin: reduce('min'),
  ReduceSum: reduce('sum'),
  Add: binary((a, b) => a.add(b)),
  Sub: binary((a, b) => a.sub(b)),
  Mul: binary((a, b) => a.mul(b)),
  Div: binary((a, b) => a.div(b)),
  Max: binary((a, b) => a.maximum(b)),
  Min: binary((a, b) => a.minimum(b)),
  Pow: binary((a, b) => a.pow(b)),
  Neg: unary((x) => x.neg()),
  Exp: unary((x) => x.exp()),
  Log: unary((x) => x.log()),
  Sqrt: unary((x) => x.sqrt()),
  Abs: unary((x) => x.abs()),
  Sin: unary((x) => x.sin()),
  Cos: unary((x) => x.cos()),
  Sign: unary((x) => x.sign()),
  Floor: unary((x) => x.floor()),
  Ceil: unary((x) => x.ceil()),
  Round: unary((x) => x.round()),
  // part of a GELU, which takes its place; by itself it has no derivative here
  Erf: unary(() => { throw new TypeError('Erf: is read as part of GELU only'); }),
};
