import fc from 'fast-check';
import type { BinaryOperation, FloatArray, Kernels, UnaryOperation } from '../../../src/kernels/contract.ts';
import { naiveKernels as naive } from '../../../src/kernels/naive/index.ts';
import { kernelCase, type AnyCase } from './case.ts';
import { abs, type Workbench } from './workbench.ts';

/** Lengths around vector widths and beyond; 0 too. */
export const lengths: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 0, max: 40 }), fc.integer({ min: 41, max: 3000 }),
);

const binaryOperations: BinaryOperation[] = ['add', 'sub', 'mul', 'div', 'maximum', 'minimum'];
const unaryOperations: UnaryOperation[] = ['neg', 'exp', 'log', 'sqrt', 'abs', 'tanh', 'sigmoid', 'relu', 'square'];

type Alias = 'none' | 'a' | 'b';

function checkBinary(
  bench: Workbench, tested: Kernels, s: { operation: BinaryOperation; length: number; special: boolean; alias: Alias },
): void {
  const source = [bench.random('a', s.length, s), bench.random('b', s.length, s)];
  const out = bench.output('out', s.length);
  const a = s.alias === 'a' ? out : source[0];
  const b = s.alias === 'b' ? out : source[1];
  if (s.alias !== 'none') out.set(s.alias === 'a' ? source[0] : source[1]);
  const expected = bench.expected(s.length);
  tested.binary(s.operation, a, b, out);
  naive.binary(s.operation, source[0], source[1], expected);
  bench.close('out', out, expected);
}

function checkBinaryScalar(
  bench: Workbench, tested: Kernels, s: { operation: BinaryOperation; length: number; special: boolean },
): void {
  const a = bench.random('a', s.length, s);
  // A number that float32 holds exactly: how a backend rounds the scalar is its own affair.
  const scalar = s.special ? NaN : bench.given('s', [bench.uniform() - 0.5])[0];
  const out = bench.output('out', s.length);
  const expected = bench.expected(s.length);
  tested.binaryScalar(s.operation, a, scalar, out);
  naive.binaryScalar(s.operation, a, scalar, expected);
  bench.close('out', out, expected);
}

function checkUnary(
  bench: Workbench, tested: Kernels,
  s: { operation: UnaryOperation; length: number; special: boolean; scale: number },
): void {
  const values = bench.random('values', s.length, s).map((value) => value * s.scale);
  const x = bench.given('x', s.operation === 'log' || s.operation === 'sqrt' ? values.map(Math.abs) : values);
  const out = bench.output('out', s.length);
  const expected = bench.expected(s.length);
  tested.unary(s.operation, x, out);
  naive.unary(s.operation, x, expected);
  bench.close(s.operation, out, expected);
}

/** Sums of numbers with a mean, so that a long chain of float32 additions would lose digits. */
function checkSum(kernel: 'sum' | 'sumOfSquares') {
  return (bench: Workbench, tested: Kernels, length: number): void => {
    const x = bench.random('x', length, { shift: 1 });
    const magnitude = kernel === 'sum' ? naive.sum(abs(x)) : naive.sumOfSquares(x);
    bench.close(kernel, [tested[kernel](x)], [naive[kernel](x)], [magnitude]);
  };
}

function checkSumRows(bench: Workbench, tested: Kernels, s: { rows: number; columns: number }): void {
  const x = bench.random('x', s.rows * s.columns, { shift: 1 });
  const out = bench.output('out', s.columns);
  const [expected, magnitude] = [bench.expected(s.columns), bench.expected(s.columns)];
  tested.sumRows(x, out, s.rows, s.columns);
  naive.sumRows(x, expected, s.rows, s.columns);
  naive.sumRows(abs(x), magnitude, s.rows, s.columns);
  bench.close('out', out, expected, magnitude);
}

function checkAxpy(bench: Workbench, tested: Kernels, length: number): void {
  const x = bench.random('x', length);
  const start = bench.random('start', length);
  const y = bench.inPlace('y', start);
  const alpha = bench.uniform() - 0.5;
  const expected: FloatArray = bench.expected(length);
  expected.set(start);
  tested.axpy(alpha, x, y);
  naive.axpy(alpha, x, expected);
  bench.close('y', y, expected, start.map((value, i) => Math.abs(value) + Math.abs(alpha * x[i])));
}

const longSums = fc.oneof({ weight: 9, arbitrary: lengths }, fc.integer({ min: 50_000, max: 70_000 }));

export const elementwiseCases: readonly AnyCase[] = [
  kernelCase({
    kernel: 'binary',
    share: 2,
    shapes: fc.record({
      operation: fc.constantFrom(...binaryOperations), length: lengths, special: fc.boolean(),
      alias: fc.constantFrom<Alias>('none', 'a', 'b'),
    }),
    check: checkBinary,
  }),
  kernelCase({
    kernel: 'binaryScalar',
    share: 2,
    shapes: fc.record({ operation: fc.constantFrom(...binaryOperations), length: lengths, special: fc.boolean() }),
    check: checkBinaryScalar,
  }),
  kernelCase({
    kernel: 'unary',
    share: 3,
    shapes: fc.record({
      operation: fc.constantFrom(...unaryOperations), length: lengths, special: fc.boolean(),
      scale: fc.constantFrom(1e-3, 1, 30, 1000),
    }),
    check: checkUnary,
  }),
  kernelCase({ kernel: 'axpy', shapes: lengths, check: checkAxpy }),
  kernelCase({ kernel: 'sum', shapes: longSums, check: checkSum('sum') }),
  kernelCase({ kernel: 'sumOfSquares', shapes: longSums, check: checkSum('sumOfSquares') }),
  kernelCase({
    kernel: 'sumRows',
    shapes: fc.record({ rows: fc.integer({ min: 0, max: 70 }), columns: fc.integer({ min: 1, max: 70 }) }),
    check: checkSumRows,
  }),
];
