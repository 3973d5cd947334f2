/** Arithmetic element by element: one line of WGSL an operation. */

import type { BinaryOperation, UnaryOperation } from '../../../kernels/contract.ts';
import { shortTailPolynomial } from '../../../kernels/naive/normal.ts';
import { forEachElement, type Shader, shader } from '../shader.ts';

/**
 * WGSL's own functions lose digits where results are small: tanh may be computed from two exponentials that cancel, and
 * there is no expm1 and no error function. Near 0 the first terms of their series do; elsewhere nothing cancels.
 */
const functions = `
fn expm1(x: f32) -> f32 {
  if (abs(x) > 0.2) { return exp(x) - 1.0; }
  return x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0))));
}
fn tanhOf(x: f32) -> f32 {
  let e = expm1(-2.0 * abs(x));
  return -sign(x) * e / (e + 2.0);
}
fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(1.0, e, x < 0.0) / (1.0 + e);
}
// the share of the standard normal distribution below x: src/kernels/naive/normal.ts says why it is computed so
fn normalShare(x: f32) -> f32 {
  let s = 4.0 / (4.0 + min(abs(x), 40.0));
  let t = 2.0 * s - 1.0;
  var polynomial = 0.0;
${[...shortTailPolynomial].reverse().map((c) => `  polynomial = polynomial * t + ${c.toExponential()};`).join('\n')}
  let tail = bell(x) * s * polynomial;
  return select(tail, 1.0 - tail, x > 0.0);
}
fn bell(x: f32) -> f32 { return exp(-min(x * x, 400.0) / 2.0); }
`;

/** out = an expression of x, and of s, a number. */
function mapOne(name: string, expression: string): Shader<'x' | 'out', 'length', 's'> {
  return shader({
    name, buffers: { x: 'in', out: 'out' }, sizes: ['length'], reals: ['s'],
    code: functions + forEachElement(`let v = x[i];\nout[i] = ${expression};`),
  });
}

/** out = an expression of a and b, and of s, a number. */
function mapTwo(name: string, expression: string): Shader<'a' | 'b' | 'out', 'length', 's'> {
  return shader({
    name, buffers: { a: 'in', b: 'in', out: 'out' }, sizes: ['length'], reals: ['s'],
    code: functions + forEachElement(`let u = a[i];\nlet v = b[i];\nout[i] = ${expression};`),
  });
}

const binaryExpressions: Readonly<Record<BinaryOperation, string>> = {
  add: 'u + v', sub: 'u - v', mul: 'u * v', div: 'u / v', maximum: 'max(u, v)', minimum: 'min(u, v)',
};

const unaryExpressions: Readonly<Record<UnaryOperation, string>> = {
  neg: '-v', exp: 'exp(v)', log: 'log(v)', sqrt: 'sqrt(v)', abs: 'abs(v)', tanh: 'tanhOf(v)', sigmoid: 'sigmoid(v)',
  relu: 'max(v, 0.0)', square: 'v * v',
};

/** Of the input: v is x, s the slope where there is one. */
const forwardExpressions = {
  reluForward: 'max(v, 0.0)',
  leakyReluForward: 'select(g.s * v, v, v > 0.0)',
  eluForward: 'select(g.s * expm1(min(v, 0.0)), v, v > 0.0)',
  sigmoidForward: 'sigmoid(v)',
  tanhForward: 'tanhOf(v)',
  geluForward: 'v * normalShare(v)',
  siluForward: 'v * sigmoid(v)',
} as const;

/** The gradient: u is dout; v is the input of the first three and the last two, the output of the others. */
const backwardExpressions = {
  reluBackward: 'select(0.0, u, v > 0.0)',
  leakyReluBackward: 'select(g.s * u, u, v > 0.0)',
  eluBackward: 'select(u * g.s * exp(min(v, 0.0)), u, v > 0.0)',
  sigmoidBackward: 'u * v * (1.0 - v)',
  tanhBackward: 'u * (1.0 - v * v)',
  geluBackward: 'u * (normalShare(v) + v * bell(v) * 0.3989422804)',
  siluBackward: 'u * sigmoid(v) * (1.0 + v * sigmoid(-v))',
} as const;

export type ForwardName = keyof typeof forwardExpressions;
export type BackwardName = keyof typeof backwardExpressions;

function table<Name extends string, Made>(
  expressions: Readonly<Record<Name, string>>, make: (name: string, expression: string) => Made,
): Readonly<Record<Name, Made>> {
  const entries = Object.entries<string>(expressions).map(([name, expression]) => [name, make(name, expression)]);
  return Object.fromEntries(entries) as Record<Name, Made>;
}

export const binaryShaders: Readonly<Record<BinaryOperation, Shader<'a' | 'b' | 'out', 'length', 's'>>> =
  table(binaryExpressions, mapTwo);

/** The same with a number in the place of b. */
export const scalarShaders: Readonly<Record<BinaryOperation, Shader<'x' | 'out', 'length', 's'>>> = table(
  binaryExpressions, (name, expression) => mapOne(`${name}Scalar`, expression.replace(/\bv\b/g, 'g.s').replace(/\bu\b/g, 'v')),
);

export const unaryShaders: Readonly<Record<UnaryOperation, Shader<'x' | 'out', 'length', 's'>>> =
  table(unaryExpressions, mapOne);

export const forwardShaders: Readonly<Record<ForwardName, Shader<'x' | 'out', 'length', 's'>>> =
  table(forwardExpressions, mapOne);

export const backwardShaders: Readonly<Record<BackwardName, Shader<'a' | 'b' | 'out', 'length', 's'>>> =
  table(backwardExpressions, mapTwo);

/** y += s x */
export const axpyShader: Shader<'x' | 'y', 'length', 's'> = shader({
  name: 'axpy', buffers: { x: 'in', y: 'inout' }, sizes: ['length'], reals: ['s'],
  code: forEachElement('y[i] += g.s * x[i];'),
});

/**
 * Rows of `run` elements are copied from x, whose rows begin fromStride apart at fromOffset, to out: what joins
 * channels side by side, takes them apart again, and copies whole arrays.
 */
export const copyRowsShader: Shader<'x' | 'out', 'length' | 'run' | 'fromStride' | 'fromOffset' | 'toStride' | 'toOffset'> =
  shader({
    name: 'copyRows', buffers: { x: 'in', out: 'inout' },
    sizes: ['length', 'run', 'fromStride', 'fromOffset', 'toStride', 'toOffset'],
    code: forEachElement(`
let row = i / g.run;
let column = i % g.run;
out[g.toOffset + row * g.toStride + column] = x[g.fromOffset + row * g.fromStride + column];`),
  });
