/** Valid calls of all that `tilegrad` exports: tensors, generators, settings. */

import { Rng, RandomState, Tensor, arange, tensor, zeros } from '../../src/index.ts';
import { large } from './walk.ts';
import type { Call, Seed, Table } from './walk.ts';

/** (2, 3), without negative elements, so that pow takes it */
export function matrix(dtype: 'float32' | 'int32' = 'float32'): Tensor {
  return tensor([[1, 2, 3], [4, 5, 6]], null, dtype);
}

const square = (): Tensor => tensor([[1, 2], [3, 4]]);
const one: Seed = () => [matrix()];
const pair: Seed = () => [matrix(), tensor([1, 2, 3])];
const reduction: Seed = () => [matrix(), 0, true];
const spread: Seed = () => [matrix(), [0, 1], false, 1];
const modest = (args: Seed): Call => ({ args, without: large });

const functions: Table = {
  configure: () => [{ backend: 'naive', threads: 1, relaxedSimd: false, strict: false }],
  info: () => [],
  ready: () => [],
  shutdown: () => [],
  add: pair,
  sub: pair,
  mul: pair,
  div: pair,
  mod: pair,
  pow: [pair, () => [matrix('int32'), 2]],
  maximum: pair,
  minimum: pair,
  equal: pair,
  notEqual: pair,
  less: pair,
  lessEqual: pair,
  greater: pair,
  greaterEqual: pair,
  logicalAnd: pair,
  logicalOr: pair,
  logicalNot: one,
  allClose: () => [matrix(), matrix(), 1e-5, 1e-8],
  where: () => [matrix(), tensor([1, 2, 3]), 0],
  clip: () => [matrix(), 1, 2],
  tensor: [
    () => [
      [
        [1, 2],
        [3, 4],
      ],
      [4],
      'int32',
    ],
    () => [Uint32Array.of(1, 2), [2, 1], 'float64'],
  ],
  zeros: modest(() => [[2, 3], 'float64']),
  ones: modest(() => [[2], 'float64']),
  full: modest(() => [[2], 7, 'int32']),
  zerosLike: () => [matrix(), 'float64'],
  onesLike: () => [matrix(), 'float64'],
  arange: modest(() => [0, 6, 2, 'float64']),
  linspace: modest(() => [0, 1, 5, 'float64']),
  logspace: modest(() => [-4, 0, 5, 10, 'float64']),
  eye: modest(() => [3, 4, 1, 'float64']),
  einsum: [() => ['ij,j->i', matrix(), tensor([1, 2, 3])], () => ['...ii', zeros([2, 3, 3])]],
  argwhere: one, insert: [() => [matrix(), 1, 7, 1], () => [matrix(), [0, 1], matrix(), 0]],
  pick: () => [matrix(), [0, 2]], take: () => [matrix(), [0, 2], 1],
  concat: () => [[matrix(), matrix()], 1], stack: () => [[matrix(), matrix()], 1],
  pad: modest(() => [matrix(), [[1, 1], [0, 2]], 'reflect', 7]),
  dot: pair, matmul: pair, outer: pair,
  tensordot: [() => [matrix(), matrix(), [[0], [0]]], () => [matrix(), matrix(), 2]],
  trace: () => [square()], eigh: () => [square()],
  toNdarray: one,
  fromNdarray: () => [{ data: Float32Array.of(1, 2), shape: [2], stride: [1], offset: 0 }],
  sum: reduction,
  prod: reduction,
  mean: reduction,
  max: reduction,
  min: reduction,
  any: reduction,
  all: reduction,
  argmax: reduction,
  argmin: reduction,
  std: spread,
  variance: spread,
  sort: () => [matrix(), 1],
  argsort: () => [matrix(), 1],
  abs: one,
  ceil: one,
  cos: one,
  exp: one,
  expm1: one,
  floor: one,
  log: one,
  log1p: one,
  neg: one,
  round: one,
  sigmoid: one,
  sign: one,
  sin: one,
  sqrt: one,
  square: one,
  tanh: one,
  broadcastTo: () => [tensor([1, 2]), [3, 2]],
  expandDims: () => [matrix(), 1],
  flip: () => [matrix(), [0, 1]],
  moveaxis: () => [matrix(), 0, 1],
  rot90: () => [matrix(), 1, [0, 1]],
  squeeze: () => [zeros([1, 2, 1]), [0]],
  swapaxes: () => [matrix(), 0, 1],
  slidingWindowView: () => [matrix(), [1, 2], [0, 1]],
};

const internal: Table = {
  'Tensor.touch': 'internal', 'Tensor.position': 'internal',
  'RandomState.gauss': 'internal', 'Rng.gauss': 'internal',
};

const methods: Table = {
  Tensor: () => [Float32Array.of(1, 2, 3, 4), [2, 2], [2, 1], 0, null],
  ...methodsOf('Tensor', matrix, {
    view: () => [[3], [1], 0],
    get: () => [0, 1],
    set: () => [7, 0, 1],
    toArray: [],
    slice: [() => [0, [0, 2, 1]], () => ['...', null]],
    step: () => [1, 2],
    transpose: [() => [1, 0], () => [[1, 0]]],
    reshape: [() => [3, 2], () => [[3, -1]]],
    flatten: [],
    broadcastTo: [() => [4, 2, 3], () => [[2, 3]]],
    expandDims: () => [0],
    squeeze: () => [[]],
    clone: [],
    contiguous: [],
    astype: () => ['float64'],
    assign: () => [tensor([1, 2, 3])],
    toString: [],
    toNdarray: [],
    toJSON: [],
    matmul: () => [tensor([1, 2, 3])],
    dot: () => [tensor([1, 2, 3])],
    take: () => [[0, 2], 1],
    clip: () => [1, 2],
    isNaN: [],
    isFinite: [],
  }),
  ...methodsOf('Tensor', () => tensor([7]), { item: [] }),
  ...methodsOf(
    'Tensor',
    matrix,
    Object.fromEntries(
      [
        'add',
        'sub',
        'mul',
        'div',
        'mod',
        'pow',
        'maximum',
        'minimum',
        'addInPlace',
        'subInPlace',
        'mulInPlace',
        'divInPlace',
        'equal',
        'notEqual',
        'less',
        'lessEqual',
        'greater',
        'greaterEqual',
      ].map((name) => [name, () => [tensor([1, 2, 3])]]),
    ),
  ),
  ...methodsOf(
    'Tensor',
    matrix,
    Object.fromEntries(
      [
        'neg',
        'abs',
        'square',
        'exp',
        'log',
        'sqrt',
        'tanh',
        'sigmoid',
        'expm1',
        'log1p',
        'sin',
        'cos',
        'sign',
        'floor',
        'ceil',
        'round',
      ].map((name) => [name, []]),
    ),
  ),
  ...methodsOf(
    'Tensor',
    matrix,
    Object.fromEntries(
      ['sum', 'prod', 'mean', 'max', 'min', 'argmax', 'argmin', 'any', 'all'].map((name) => [name, () => [0, true]]),
    ),
  ),
  ...methodsOf('Tensor', matrix, { var: () => [0, true, 1], std: () => [0, true, 1] }),
  Rng: () => [7],
  RandomState: [() => [7], () => [[7, 8]]],
  ...methodsOf('Rng', () => new Rng(1), {
    next32: [],
    random: modest(() => [[2], 'float64']),
    fillUniform: () => [new Float32Array(2)],
    fillNormal: () => [new Float32Array(2), 1, 2],
    uniform: modest(() => [0, 1, [2], 'float64']),
    normal: modest(() => [0, 1, [2], 'float64']),
    integers: modest(() => [0, 9, [2]]),
    permutation: [modest(() => [4]), modest(() => [matrix()])],
    shuffle: [() => [[1, 2, 3]], () => [matrix()]],
    getState: [],
    setState: () => [new Rng(2).getState()],
  }),
  ...methodsOf('RandomState', () => new RandomState(1), {
    seed: () => [7], random: [], fillUniform: () => [new Float64Array(2)],
    fillNormal: () => [new Float64Array(2), 1, 2],
    rand: [modest(() => [2, 3]), modest(() => [[2, 3]])], randn: [modest(() => [2, 3]), modest(() => [[2, 3]])],
    uniform: modest(() => [0, 1, [2]]), normal: modest(() => [0, 1, [2]]), randint: modest(() => [0, 9, [2]]),
    permutation: [modest(() => [4]), modest(() => [matrix()])], shuffle: [() => [[1, 2, 3]], () => [matrix()]],
    choice: [modest(() => [5, [2], false]), modest(() => [arange(4), [2], true])],
    getState: [],
    setState: () => [new RandomState(2).getState()],
  }),
};

/** Entries for methods, all called on what `on` makes; an empty list stands for a call without arguments. */
export function methodsOf(
  type: string, on: () => object, table: Readonly<Record<string, unknown>>,
): Table {
  return Object.fromEntries(Object.entries(table).map(([name, entry]) => {
    if (entry === 'internal') return [`${type}.${name}`, entry];
    const list = Array.isArray(entry) ? entry as unknown[] : [entry];
    const calls = (list.length === 0 ? [() => []] : list) as (Seed | Call)[];
    return [`${type}.${name}`, calls.map((call) => (typeof call === 'function' ? { args: call, on } : { ...call, on }))];
  }));
}

export const tensorTable: Table = { ...functions, ...internal, ...methods };
