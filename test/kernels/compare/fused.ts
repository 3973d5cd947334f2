import fc from 'fast-check';
import type { FloatArray, Kernels } from '../../../src/kernels/contract.ts';
import type { PoolGeometry } from '../../../src/kernels/geometry.ts';
import { naiveKernels as naive } from '../../../src/kernels/naive/index.ts';
import { kernelCase, type AnyCase } from './case.ts';
import type { PoolSizes } from '../../support/geometry.ts';
import { poolGeometry, poolSizes } from './pooling.ts';
import type { Workbench } from './workbench.ts';

/** poolSizes draws few planes: as many channels, and a small batch of them. */
interface Shape {
  sizes: PoolSizes;
  batch: number;
}

const shapes: fc.Arbitrary<Shape> = fc.record({ sizes: poolSizes, batch: fc.integer({ min: 1, max: 3 }) });

/**
 * With eps 1/4 and variance 3/4 the deviation is exactly 1, so whole numbers are normalised without rounding: every
 * backend sees the same ties and must choose the same places.
 */
const exact = { eps: 0.25, variance: 0.75 };

function prepare(bench: Workbench, s: Shape, content: 'exact' | 'random') {
  const g: PoolGeometry = poolGeometry({ ...s.sizes, planes: s.sizes.planes * s.batch });
  const channels = s.sizes.planes;
  const integers = content === 'exact';
  const x = bench.random('x', g.planes * g.height * g.width, { integers });
  const mean = bench.random('mean', channels, { integers });
  const variance = integers
    ? bench.given('variance', new Array<number>(channels).fill(exact.variance))
    : bench.random('variance', channels, { atLeast: 0.1 });
  return {
    g, channels, x, mean, variance,
    gamma: bench.random('gamma', channels, { integers }),
    beta: bench.random('beta', channels, { integers }),
    eps: integers ? exact.eps : 1e-5,
    size: g.planes * g.outHeight * g.outWidth,
  };
}

function checkExact(bench: Workbench, tested: Kernels, s: Shape): void {
  const { g, channels, x, gamma, beta, mean, variance, eps, size } = prepare(bench, s, 'exact');
  const [out, argmax] = [bench.output('out', size), bench.integerOutput('argmax', size)];
  const winners = bench.output('winners', size);
  const [expected, places] = [bench.expected(size), new Int32Array(size)];
  tested.batchnormReluPoolForward(x, gamma, beta, mean, variance, out, argmax, winners, g, channels, eps);
  naive.batchnormReluPoolForward(x, gamma, beta, mean, variance, expected, places, null, g, channels, eps);
  bench.same('out', out, expected);
  bench.same('argmax', argmax, places);
  bench.same('winners', winners, pixelsAt(x, places, g));
}

/** What x has at these places, one of each window. */
function pixelsAt(x: FloatArray, places: Int32Array, g: PoolGeometry): Float64Array {
  const [plane, windows] = [g.height * g.width, g.outHeight * g.outWidth];
  return Float64Array.from(places, (place, o) => x[Math.floor(o / windows) * plane + place]);
}

/** On arbitrary numbers two pixels may differ by a rounding error, so the place is checked by the value found there. */
function checkRandom(bench: Workbench, tested: Kernels, s: Shape): void {
  const { g, channels, x, gamma, beta, mean, variance, eps, size } = prepare(bench, s, 'random');
  const [out, argmax] = [bench.output('out', size), bench.integerOutput('argmax', size)];
  const winners = bench.output('winners', size);
  const [expected, places] = [bench.expected(size), new Int32Array(size)];
  tested.batchnormReluPoolForward(x, gamma, beta, mean, variance, out, argmax, winners, g, channels, eps);
  naive.batchnormReluPoolForward(x, gamma, beta, mean, variance, expected, places, null, g, channels, eps);

  const plane = g.height * g.width;
  const at = (o: number, place: number): number => x[Math.floor(o / (g.outHeight * g.outWidth)) * plane + place];
  const channel = (o: number): number => Math.floor(o / (g.outHeight * g.outWidth)) % channels;
  const magnitude = Float64Array.from(expected, (_, o) => {
    const c = channel(o);
    const deviation = Math.abs(at(o, places[o])) + Math.abs(mean[c]);
    return Math.abs(gamma[c]) * deviation / Math.sqrt(variance[c] + eps) + Math.abs(beta[c]);
  });
  bench.close('out', out, expected, magnitude);
  for (let o = 0; o < size; o++) {
    const y = Math.floor(argmax[o] / g.width) - Math.floor(o / g.outWidth) % g.outHeight * g.strideY + g.padTop;
    const column = argmax[o] % g.width - o % g.outWidth * g.strideX + g.padLeft;
    if (y < 0 || y >= g.poolHeight || column < 0 || column >= g.poolWidth) {
      throw new Error(`argmax[${o}]: ${argmax[o]} lies outside its window`);
    }
  }
  bench.same('winners', winners, pixelsAt(x, argmax, g));
  const scaled = (place: Int32Array): number[] => Array.from(place, (p, o) => gamma[channel(o)] * at(o, p));
  bench.close('value at argmax', scaled(argmax), scaled(places), magnitude);
}

function checkBackward(bench: Workbench, tested: Kernels, s: Shape): void {
  const { g, channels, x, gamma, beta, mean, variance, eps, size } = prepare(bench, s, 'random');
  const [pooled, places, won] = [bench.expected(size), new Int32Array(size), bench.expected(size)];
  naive.batchnormReluPoolForward(x, gamma, beta, mean, variance, pooled, places, won, g, channels, eps);
  const [out, argmax] = [bench.given('out', pooled), bench.integers('argmax', places)];
  const winners = bench.given('winners', won);
  const dout = bench.random('dout', size);
  const dx = bench.output('dx', x.length);
  const [dgamma, dbeta] = [bench.output('dgamma', channels), bench.output('dbeta', channels)];
  const wanted = [bench.expected(x.length), bench.expected(channels), bench.expected(channels)];
  tested.batchnormReluPoolBackward(
    dout, out, argmax, winners, x, gamma, mean, variance, dx, dgamma, dbeta, g, channels, eps,
  );
  naive.batchnormReluPoolBackward(
    dout, out, argmax, winners, x, gamma, mean, variance, wanted[0], wanted[1], wanted[2], g, channels, eps,
  );

  // Magnitudes as for batchnormBackward, with the gradients that arrive through the pool.
  const plane = g.height * g.width;
  const arrived = new Float64Array(x.length);
  const [absGamma, absBeta] = [new Float64Array(channels), new Float64Array(channels)];
  const normalised = (i: number, c: number): number =>
    (Math.abs(x[i]) + Math.abs(mean[c])) / Math.sqrt(variance[c] + eps);
  for (let o = 0; o < size; o++) {
    const p = Math.floor(o / (g.outHeight * g.outWidth));
    const i = p * plane + argmax[o];
    arrived[i] += Math.abs(dout[o]);
    absGamma[p % channels] += Math.abs(dout[o]) * normalised(i, p % channels);
    absBeta[p % channels] += Math.abs(dout[o]);
  }
  const count = plane * g.planes / channels;
  const magnitude = arrived.map((d, i) => {
    const c = Math.floor(i / plane) % channels;
    const indirect = (absBeta[c] + normalised(i, c) * absGamma[c]) / count;
    return Math.abs(gamma[c]) / Math.sqrt(variance[c] + eps) * (d + indirect);
  });
  bench.close('dx', dx, wanted[0], magnitude);
  bench.close('dgamma', dgamma, wanted[1], absGamma);
  bench.close('dbeta', dbeta, wanted[2], absBeta);
}

export const fusedCases: readonly AnyCase[] = [
  kernelCase({ kernel: 'batchnormReluPoolForward', title: 'whole numbers, with ties', shapes, check: checkExact }),
  kernelCase({ kernel: 'batchnormReluPoolForward', shapes, check: checkRandom }),
  kernelCase({ kernel: 'batchnormReluPoolBackward', shapes, check: checkBackward }),
];
