/** Activations and arithmetic element by element: one row a kernel, one a unary or binary operation. */

import { constant, select, type Value } from '../../../wasm/index.ts';
import type { ActivationKernels, BinaryOperation, ElementwiseKernels, UnaryOperation } from '../../contract.ts';
import {
  exponential, exponentialLessOne, hyperbolicTangent, type Keep, logarithm, logistic, normal,
} from './functions.ts';
import type { KernelBuilder } from '../kernel.ts';
import { launched } from '../launch.ts';
import { rectified, wherePositive, zero } from '../vectors.ts';
import { map, type MapKernel, over, tasksOver } from './map.ts';

function ifPositive(x: Value, yes: Value, no: Value): Value {
  return select(x.gt(zero(x.kind)), yes, no);
}

const combinations: Record<BinaryOperation, (a: Value, b: Value) => Value> = {
  add: (a, b) => a.add(b),
  sub: (a, b) => a.sub(b),
  mul: (a, b) => a.mul(b),
  div: (a, b) => a.div(b),
  maximum: (a, b) => a.max(b),
  minimum: (a, b) => a.min(b),
};

const transforms: Record<UnaryOperation, (x: Value, keep: Keep) => Value> = {
  neg: (x) => x.neg(),
  sqrt: (x) => x.sqrt(),
  abs: (x) => x.abs(),
  square: (x) => x.mul(x),
  relu: rectified,
  exp: (x, keep) => exponential(keep, x),
  log: (x, keep) => logarithm(keep, x),
  tanh: (x, keep) => hyperbolicTangent(keep, x),
  sigmoid: (x, keep) => logistic(keep, x).here,
};

const unaryTypes = { x: 'input', out: 'output' } as const;
const binaryTypes = { a: 'input', b: 'input', out: 'output' } as const;
const scalarTypes = { a: 'input', s: 'f64', out: 'output' } as const;

/** The same keys, each with what `make` gives for it. */
function mapped<Name extends string, From, To>(
  from: Readonly<Record<Name, From>>, make: (name: Name, value: From) => To,
): Record<Name, To> {
  const entries = Object.entries(from) as Array<[Name, From]>;
  return Object.fromEntries(entries.map(([name, value]) => [name, make(name, value)])) as Record<Name, To>;
}

const binaries = mapped(combinations, (name, combine) =>
  map(name, binaryTypes, ({ a, b }) => ({ out: combine(a, b) })));
const binaryScalars = mapped(combinations, (name, combine) =>
  map(`${name}_scalar`, scalarTypes, ({ a, s }) => ({ out: combine(a, s) })));
const unaries: Record<UnaryOperation, MapKernel<typeof unaryTypes>> =
  mapped(transforms, (name, transform) => map(name, unaryTypes, ({ x }, keep) => ({ out: transform(x, keep) })));

const { relu, sigmoid, tanh } = unaries;
const reluBackward = map('relu_backward', { dout: 'input', x: 'input', dx: 'output' },
  ({ dout, x }) => ({ dx: wherePositive(x, dout) }));
const leakyRelu = map('leaky_relu', { x: 'input', alpha: 'f64', out: 'output' },
  ({ x, alpha }, keep) => ({ out: ifPositive(x, x, keep(alpha.mul(x))) }));
const leakyReluBackward = map('leaky_relu_backward', { dout: 'input', x: 'input', alpha: 'f64', dx: 'output' },
  ({ dout, x, alpha }, keep) => ({ dx: ifPositive(x, dout, keep(alpha.mul(dout))) }));
const elu = map('elu', { x: 'input', alpha: 'f64', out: 'output' },
  ({ x, alpha }, keep) => ({ out: ifPositive(x, x, keep(alpha.mul(exponentialLessOne(keep, x)))) }));
const eluBackward = map('elu_backward', { dout: 'input', x: 'input', out: 'input', alpha: 'f64', dx: 'output' },
  ({ dout, x, out, alpha }, keep) => ({ dx: ifPositive(x, dout, keep(dout.mul(out.add(alpha)))) }));
const outTypes = { dout: 'input', out: 'input', dx: 'output' } as const;
const sigmoidBackward = map('sigmoid_backward', outTypes,
  ({ dout, out }, keep, kind) => ({ dx: dout.mul(out).mul(keep(constant(kind, 1).sub(out))) }));
const tanhBackward = map('tanh_backward', outTypes,
  ({ dout, out }, keep, kind) => ({ dx: dout.mul(keep(constant(kind, 1).sub(out.mul(out)))) }));
const gelu = map('gelu', unaryTypes, ({ x }, keep) => ({ out: x.mul(normal(keep, x).share) }));
const inTypes = { dout: 'input', x: 'input', dx: 'output' } as const;
const geluBackward = map('gelu_backward', inTypes, ({ dout, x }, keep) => {
  const { curve, share } = normal(keep, x);
  return { dx: dout.mul(share.add(x.mul(curve).mul(1 / Math.sqrt(2 * Math.PI)))) };
});
const silu = map('silu', unaryTypes, ({ x }, keep) => ({ out: x.mul(logistic(keep, x).here) }));
const siluBackward = map('silu_backward', inTypes, ({ dout, x }, keep) => {
  const { here, opposite } = logistic(keep, x);
  return { dx: dout.mul(here).mul(x.mul(opposite).add(1)) };
});
const axpy = map('axpy', { alpha: 'f64', x: 'input', y: 'input', nextY: 'output' },
  ({ alpha, x, y }) => ({ nextY: y.add(alpha.mul(x)) }));

/** Adds the kernels to the module. */
export function emitArithmetic(kernels: KernelBuilder): void {
  const all = [
    ...Object.values(unaries), ...Object.values(binaries), ...Object.values(binaryScalars), reluBackward, leakyRelu,
    leakyReluBackward, elu, eluBackward, sigmoidBackward, tanhBackward, gelu, geluBackward, silu, siluBackward, axpy,
  ];
  for (const float of ['f32', 'f64'] as const) for (const each of all) each.emit(kernels, float);
}

export const arithmeticKernels: Partial<ActivationKernels & ElementwiseKernels> = {
  reluForward: launched((x, out) => over(relu, x).x(x).out(out).run(tasksOver(x))),
  reluBackward: launched((dout, x, dx) => over(reluBackward, x).dout(dout).x(x).dx(dx).run(tasksOver(x))),
  leakyReluForward: launched((x, out, alpha) => over(leakyRelu, x).x(x).alpha(alpha).out(out).run(tasksOver(x))),
  leakyReluBackward: launched((dout, x, dx, alpha) =>
    over(leakyReluBackward, x).dout(dout).x(x).alpha(alpha).dx(dx).run(tasksOver(x))),
  eluForward: launched((x, out, alpha) => over(elu, x).x(x).alpha(alpha).out(out).run(tasksOver(x))),
  sigmoidForward: launched((x, out) => over(sigmoid, x).x(x).out(out).run(tasksOver(x))),
  tanhForward: launched((x, out) => over(tanh, x).x(x).out(out).run(tasksOver(x))),
  geluForward: launched((x, out) => over(gelu, x).x(x).out(out).run(tasksOver(x))),
  geluBackward: launched((dout, x, dx) => over(geluBackward, x).dout(dout).x(x).dx(dx).run(tasksOver(x))),
  siluForward: launched((x, out) => over(silu, x).x(x).out(out).run(tasksOver(x))),
  siluBackward: launched((dout, x, dx) => over(siluBackward, x).dout(dout).x(x).dx(dx).run(tasksOver(x))),
  eluBackward: launched((dout, x, out, dx, alpha) =>
    over(eluBackward, x).dout(dout).x(x).out(out).alpha(alpha).dx(dx).run(tasksOver(x))),
  sigmoidBackward: launched((dout, out, dx) =>
    over(sigmoidBackward, out).dout(dout).out(out).dx(dx).run(tasksOver(out))),
  tanhBackward: launched((dout, out, dx) => over(tanhBackward, out).dout(dout).out(out).dx(dx).run(tasksOver(out))),
  binary: launched((operation, a, b, out) => over(binaries[operation], out).a(a).b(b).out(out).run(tasksOver(out))),
  binaryScalar: launched((operation, a, s, out) =>
    over(binaryScalars[operation], out).a(a).s(s).out(out).run(tasksOver(out))),
  unary: launched((operation, x, out) => over(unaries[operation], x).x(x).out(out).run(tasksOver(x))),
  axpy: launched((alpha, x, y) => over(axpy, y).alpha(alpha).x(x).y(y).nextY(y).run(tasksOver(y))),
};
