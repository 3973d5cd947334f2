import fc from 'fast-check';
import type { FloatArray, Kernels } from '../../../src/kernels/contract.ts';
import type { ChannelGeometry, GroupGeometry } from '../../../src/kernels/geometry.ts';
import { naiveKernels as naive } from '../../../src/kernels/naive/index.ts';
import { kernelCase, type AnyCase } from './case.ts';
import { abs, tolerances, type Workbench } from './workbench.ts';

const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
const inner = fc.oneof(fc.constant(1), upTo(45));
const channelSizes: fc.Arbitrary<ChannelGeometry> = fc.record({ outer: upTo(9), channels: upTo(21), inner });
const groupSizes: fc.Arbitrary<GroupGeometry> = fc.record({
  batch: upTo(4), groups: upTo(4), channelsPerGroup: upTo(7), inner,
});
const eps = 1e-5;

interface Shape {
  g: ChannelGeometry;
  /** mean of the data, far from zero as well: what a formula with E[x^2] - mean^2 does not survive */
  shift: number;
  relu: boolean;
  /** another array is added before the relu, and the gradient comes in two parts */
  added: boolean;
  alias: boolean;
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  g: channelSizes, shift: fc.constantFrom(0, 5, 100), relu: fc.boolean(), added: fc.boolean(),
  alias: fc.boolean(),
});

/** The channel of every element, in memory order. */
function channelOf(g: ChannelGeometry, at: number): number {
  return Math.floor(at / g.inner) % g.channels;
}

function checkStatistics(bench: Workbench, tested: Kernels, { g, shift }: Shape): void {
  const x = bench.random('x', g.outer * g.channels * g.inner, { shift });
  const [mean, variance] = [bench.output('mean', g.channels), bench.output('variance', g.channels)];
  const [wantedMean, wantedVariance] = [bench.expected(g.channels), bench.expected(g.channels)];
  const [absMean, unused] = [bench.expected(g.channels), bench.expected(g.channels)];
  tested.batchnormStatistics(x, mean, variance, g);
  naive.batchnormStatistics(x, wantedMean, wantedVariance, g);
  naive.batchnormStatistics(abs(x), absMean, unused, g);
  bench.close('mean', mean, wantedMean, absMean);
  // The mean's own rounding error enters the variance squared; it matters only where the variance is nearly zero.
  const spread = wantedVariance.map((value, c) => value + tolerances[bench.type] * absMean[c] ** 2);
  bench.close('variance', variance, wantedVariance, spread);
}

/** Inputs of the kernels that apply and reverse a batchnorm: statistics that belong to x, gamma of either sign. */
function prepare(bench: Workbench, { g, shift }: Shape) {
  const x = bench.random('x', g.outer * g.channels * g.inner, { shift });
  const [means, variances] = [bench.expected(g.channels), bench.expected(g.channels)];
  naive.batchnormStatistics(x, means, variances, g);
  return {
    x,
    dout: bench.random('dout', x.length),
    gamma: bench.random('gamma', g.channels),
    beta: bench.random('beta', g.channels),
    mean: bench.given('mean', means),
    variance: bench.given('variance', variances),
  };
}

/** (|x| + |mean|) / sqrt(variance + eps): the magnitude of a normalised element. */
function normalisedMagnitude(x: FloatArray, mean: FloatArray, variance: FloatArray, g: ChannelGeometry): Float64Array {
  return Float64Array.from(x, (value, at) => {
    const c = channelOf(g, at);
    return (Math.abs(value) + Math.abs(mean[c])) / Math.sqrt(variance[c] + eps);
  });
}

function checkApply(bench: Workbench, tested: Kernels, s: Shape): void {
  const { x, gamma, beta, mean, variance } = prepare(bench, s);
  const out = s.alias ? bench.inPlace('out', x) : bench.output('out', x.length);
  const expected = bench.expected(x.length);
  const added = s.added && s.g.inner > 1 ? bench.random('added', x.length) : null;
  tested.batchnormApply(s.alias ? out : x, gamma, beta, mean, variance, out, s.g, eps, s.relu, added);
  naive.batchnormApply(x, gamma, beta, mean, variance, expected, s.g, eps, s.relu, added);
  const magnitude = normalisedMagnitude(x, mean, variance, s.g).map((value, at) => {
    const c = channelOf(s.g, at);
    return Math.abs(gamma[c]) * value + Math.abs(beta[c]) + Math.abs(added?.[at] ?? 0);
  });
  bench.close('out', out, expected, magnitude);
}

function checkBackward(kernel: 'batchnormBackward' | 'batchnormBackwardConstant') {
  return (bench: Workbench, tested: Kernels, s: Shape): void => {
    const { g } = s;
    const { x, dout, gamma, mean, variance } = prepare(bench, s);
    const reluOut = s.relu ? bench.random('reluOut', x.length, { integers: true }) : null;
    const dx = s.alias ? bench.inPlace('dx', dout) : bench.output('dx', x.length);
    const [dgamma, dbeta] = [bench.output('dgamma', g.channels), bench.output('dbeta', g.channels)];
    const wanted = [bench.expected(x.length), bench.expected(g.channels), bench.expected(g.channels)];
    const passing = s.added && g.inner > 1 && reluOut !== null && kernel === 'batchnormBackward';
    const passed = passing ? [bench.output('passed', x.length), bench.expected(x.length)] : [null, null];
    const more = passing && s.shift > 0 ? bench.random('more', x.length) : null;
    tested[kernel](s.alias ? dx : dout, x, gamma, mean, variance, reluOut, dx, dgamma, dbeta, g, eps, passed[0], more);
    naive[kernel](dout, x, gamma, mean, variance, reluOut, wanted[0], wanted[1], wanted[2], g, eps, passed[1], more);
    const size = dout.map((d, at) => Math.abs(d) + Math.abs(more?.[at] ?? 0));
    if (passing) bench.close('passed', passed[0]!, passed[1]!, Float64Array.from(size));

    const normalised = normalisedMagnitude(x, mean, variance, g);
    const absGamma = new Float64Array(g.channels);
    const absBeta = new Float64Array(g.channels);
    size.forEach((d, at) => {
      absGamma[channelOf(g, at)] += d * normalised[at];
      absBeta[channelOf(g, at)] += d;
    });
    const count = g.outer * g.inner;
    const magnitude = normalised.map((value, at) => {
      const c = channelOf(g, at);
      const indirect = kernel === 'batchnormBackward' ? (absBeta[c] + value * absGamma[c]) / count : 0;
      return Math.abs(gamma[c]) / Math.sqrt(variance[c] + eps) * (size[at] + indirect);
    });
    bench.close('dx', dx, wanted[0], magnitude);
    bench.close('dgamma', dgamma, wanted[1], absGamma);
    bench.close('dbeta', dbeta, wanted[2], absBeta);
  };
}

type GroupShape = { g: GroupGeometry; shift: number };
const groupShapes: fc.Arbitrary<GroupShape> = fc.record({ g: groupSizes, shift: fc.constantFrom(0, 5, 100) });

/** A group seen as channels: one "channel" for each (example, group), whose statistics are its own. */
function asChannels(g: GroupGeometry): ChannelGeometry {
  return { outer: 1, channels: g.batch * g.groups, inner: g.channelsPerGroup * g.inner };
}

/** The index into gamma of every element. */
function gammaOf(g: GroupGeometry, at: number): number {
  return Math.floor(at / g.inner) % (g.groups * g.channelsPerGroup);
}

function prepareGroups(bench: Workbench, { g, shift }: GroupShape) {
  const x = bench.random('x', g.batch * g.groups * g.channelsPerGroup * g.inner, { shift });
  const sets = g.batch * g.groups;
  const [means, variances, absMeans, unused] = Array.from({ length: 4 }, () => bench.expected(sets));
  naive.batchnormStatistics(x, means, variances, asChannels(g));
  naive.batchnormStatistics(abs(x), absMeans, unused, asChannels(g));
  const channels = g.groups * g.channelsPerGroup;
  return { x, sets, means, variances, absMeans, channels, gamma: bench.random('gamma', channels) };
}

function checkGroupForward(bench: Workbench, tested: Kernels, s: GroupShape): void {
  const { g } = s;
  const { x, sets, means, variances, absMeans, channels, gamma } = prepareGroups(bench, s);
  const beta = bench.random('beta', channels);
  const out = bench.output('out', x.length);
  const [mean, variance] = [bench.output('mean', sets), bench.output('variance', sets)];
  const wanted = [bench.expected(x.length), bench.expected(sets), bench.expected(sets)];
  tested.groupnormForward(x, gamma, beta, out, mean, variance, g, eps);
  naive.groupnormForward(x, gamma, beta, wanted[0], wanted[1], wanted[2], g, eps);
  bench.close('mean', mean, wanted[1], absMeans);
  bench.close('variance', variance, wanted[2], variances.map((v, i) => v + tolerances[bench.type] * absMeans[i] ** 2));
  const magnitude = normalisedMagnitude(x, means, variances, asChannels(g))
    .map((value, at) => Math.abs(gamma[gammaOf(g, at)]) * value + Math.abs(beta[gammaOf(g, at)]));
  bench.close('out', out, wanted[0], magnitude);
}

function checkGroupBackward(bench: Workbench, tested: Kernels, s: GroupShape): void {
  const { g } = s;
  const { x, sets, means, variances, channels, gamma } = prepareGroups(bench, s);
  const dout = bench.random('dout', x.length);
  const [mean, variance] = [bench.given('mean', means), bench.given('variance', variances)];
  const dx = bench.output('dx', x.length);
  const [dgamma, dbeta] = [bench.output('dgamma', channels), bench.output('dbeta', channels)];
  const wanted = [bench.expected(x.length), bench.expected(channels), bench.expected(channels)];
  tested.groupnormBackward(dout, x, gamma, mean, variance, dx, dgamma, dbeta, g, eps);
  naive.groupnormBackward(dout, x, gamma, mean, variance, wanted[0], wanted[1], wanted[2], g, eps);

  const normalised = normalisedMagnitude(x, mean, variance, asChannels(g));
  const [absGamma, absBeta] = [new Float64Array(channels), new Float64Array(channels)];
  const [total, along] = [new Float64Array(sets), new Float64Array(sets)];
  dout.forEach((d, at) => {
    const h = Math.abs(gamma[gammaOf(g, at)] * d);
    absGamma[gammaOf(g, at)] += Math.abs(d) * normalised[at];
    absBeta[gammaOf(g, at)] += Math.abs(d);
    total[channelOf(asChannels(g), at)] += h;
    along[channelOf(asChannels(g), at)] += h * normalised[at];
  });
  const count = g.channelsPerGroup * g.inner;
  const magnitude = normalised.map((value, at) => {
    const set = channelOf(asChannels(g), at);
    const direct = Math.abs(gamma[gammaOf(g, at)] * dout[at]);
    return (direct + (total[set] + value * along[set]) / count) / Math.sqrt(variance[set] + eps);
  });
  bench.close('dx', dx, wanted[0], magnitude);
  bench.close('dgamma', dgamma, wanted[1], absGamma);
  bench.close('dbeta', dbeta, wanted[2], absBeta);
}

export const normalisationCases: readonly AnyCase[] = [
  kernelCase({ kernel: 'batchnormStatistics', shapes, check: checkStatistics }),
  kernelCase({ kernel: 'batchnormApply', shapes, check: checkApply }),
  kernelCase({ kernel: 'batchnormBackward', shapes, check: checkBackward('batchnormBackward') }),
  kernelCase({ kernel: 'batchnormBackwardConstant', shapes, check: checkBackward('batchnormBackwardConstant') }),
  kernelCase({ kernel: 'groupnormForward', shapes: groupShapes, check: checkGroupForward }),
  kernelCase({ kernel: 'groupnormBackward', shapes: groupShapes, check: checkGroupBackward }),
];
