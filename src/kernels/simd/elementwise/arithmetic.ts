/** Activations and arithmetic element by element: one row a kernel, one a unary or binary operation. */

import { constant, select, type Value } from '../../../wasm/index.ts';
import type { ActivationKernels, BinaryOperation, ElementwiseKernels, UnaryOperation } from '../../contract.ts';
import type { KernelBuilder } from '../kernel-builder.ts';
import {
  exponential, exponentialLessOne, hyperbolicTangent, type Keep, logarithm, logistic, normal,
} from './functions.ts';
import { wherePositive, zero } from '../vectors.ts';
import { emitMap, type MapDescription, runMap } from './map.ts';

function ifPositive(x: Value, yes: Value, no: Value): Value {
  return select(x.gt(zero(x.kind)), yes, no);
}

const binaries: Record<BinaryOperation, (a: Value, b: Value) => Value> = {
  add: (a, b) => a.add(b),
  sub: (a, b) => a.sub(b),
  mul: (a, b) => a.mul(b),
  div: (a, b) => a.div(b),
  maximum: (a, b) => a.max(b),
  minimum: (a, b) => a.min(b),
};

const unaries: Record<UnaryOperation, (x: Value, keep: Keep) => Value> = {
  neg: (x) => x.neg(),
  sqrt: (x) => x.sqrt(),
  abs: (x) => x.abs(),
  square: (x) => x.mul(x),
  relu: (x) => x.pmax(zero(x.kind)), // x < 0 ? 0 : x, which keeps NaN
  exp: (x, keep) => exponential(keep, x),
  log: (x, keep) => logarithm(keep, x),
  tanh: (x, keep) => hyperbolicTangent(keep, x),
  sigmoid: (x, keep) => logistic(keep, x).here,
};

const descriptions: readonly MapDescription[] = [
  { name: 'relu_backward', inputs: 2, outputs: 1, scalars: 0, step: ([dout, x]) => [wherePositive(x, dout)] },
  {
    name: 'leaky_relu', inputs: 1, outputs: 1, scalars: 1,
    step: ([x], [alpha], keep) => [ifPositive(x, x, keep(alpha.mul(x)))],
  },
  {
    name: 'leaky_relu_backward', inputs: 2, outputs: 1, scalars: 1,
    step: ([dout, x], [alpha], keep) => [ifPositive(x, dout, keep(alpha.mul(dout)))],
  },
  {
    name: 'elu', inputs: 1, outputs: 1, scalars: 1,
    step: ([x], [alpha], keep) => [ifPositive(x, x, keep(alpha.mul(exponentialLessOne(keep, x))))],
  },
  {
    name: 'elu_backward', inputs: 3, outputs: 1, scalars: 1,
    step: ([dout, x, out], [alpha], keep) => [ifPositive(x, dout, keep(dout.mul(out.add(alpha))))],
  },
  {
    name: 'sigmoid_backward', inputs: 2, outputs: 1, scalars: 0,
    step: ([dout, out], _, keep, kind) => [dout.mul(out).mul(keep(constant(kind, 1).sub(out)))],
  },
  {
    name: 'tanh_backward', inputs: 2, outputs: 1, scalars: 0,
    step: ([dout, out], _, keep, kind) => [dout.mul(keep(constant(kind, 1).sub(out.mul(out))))],
  },
  { name: 'gelu', inputs: 1, outputs: 1, scalars: 0, step: ([x], _, keep) => [x.mul(normal(keep, x).share)] },
  {
    name: 'gelu_backward', inputs: 2, outputs: 1, scalars: 0,
    step: ([dout, x], _, keep) => {
      const { curve, share } = normal(keep, x);
      return [dout.mul(share.add(x.mul(curve).mul(1 / Math.sqrt(2 * Math.PI))))];
    },
  },
  { name: 'silu', inputs: 1, outputs: 1, scalars: 0, step: ([x], _, keep) => [x.mul(logistic(keep, x).here)] },
  {
    name: 'silu_backward', inputs: 2, outputs: 1, scalars: 0,
    step: ([dout, x], _, keep) => {
      const { here, opposite } = logistic(keep, x);
      return [dout.mul(here).mul(x.mul(opposite).add(1))];
    },
  },
  { name: 'axpy', inputs: 2, outputs: 1, scalars: 1, step: ([x, y], [alpha]) => [y.add(alpha.mul(x))] },
  ...Object.entries(binaries).flatMap(([name, combine]): MapDescription[] => [
    { name, inputs: 2, outputs: 1, scalars: 0, step: ([a, b]) => [combine(a, b)] },
    { name: `${name}_scalar`, inputs: 1, outputs: 1, scalars: 1, step: ([a], [s]) => [combine(a, s)] },
  ]),
  ...Object.entries(unaries).map(([name, transform]): MapDescription => ({
    name, inputs: 1, outputs: 1, scalars: 0, step: ([x], _, keep) => [transform(x, keep)],
  })),
];

/** Adds the kernels to the module. */
export function emitArithmetic(kernels: KernelBuilder): void {
  for (const description of descriptions) emitMap(kernels, description);
}

export const arithmeticKernels: Partial<ActivationKernels & ElementwiseKernels> = {
  reluForward: (x, out) => runMap('relu', [x], [out], []),
  reluBackward: (dout, x, dx) => runMap('relu_backward', [dout, x], [dx], []),
  leakyReluForward: (x, out, alpha) => runMap('leaky_relu', [x], [out], [alpha]),
  leakyReluBackward: (dout, x, dx, alpha) => runMap('leaky_relu_backward', [dout, x], [dx], [alpha]),
  eluForward: (x, out, alpha) => runMap('elu', [x], [out], [alpha]),
  eluBackward: (dout, x, out, dx, alpha) => runMap('elu_backward', [dout, x, out], [dx], [alpha]),
  sigmoidForward: (x, out) => runMap('sigmoid', [x], [out], []),
  sigmoidBackward: (dout, out, dx) => runMap('sigmoid_backward', [dout, out], [dx], []),
  tanhForward: (x, out) => runMap('tanh', [x], [out], []),
  tanhBackward: (dout, out, dx) => runMap('tanh_backward', [dout, out], [dx], []),
  geluForward: (x, out) => runMap('gelu', [x], [out], []),
  geluBackward: (dout, x, dx) => runMap('gelu_backward', [dout, x], [dx], []),
  siluForward: (x, out) => runMap('silu', [x], [out], []),
  siluBackward: (dout, x, dx) => runMap('silu_backward', [dout, x], [dx], []),
  binary: (operation, a, b, out) => runMap(operation, [a, b], [out], []),
  binaryScalar: (operation, a, s, out) => runMap(`${operation}_scalar`, [a], [out], [s]),
  unary: (operation, x, out) => runMap(operation, [x], [out], []),
  axpy: (alpha, x, y) => runMap('axpy', [x, y], [y], [alpha]),
};
