/** Every backward kernel against central differences of its forward: what makes the naive kernels a definition. */

import { describe, expect, it } from 'vitest';
import type { ChannelGeometry, GroupGeometry } from '../../../src/kernels/geometry.ts';
import { batchnormBackwardGraph, naiveKernels as k } from '../../../src/kernels/naive/index.ts';
import { Workbench } from '../compare/workbench.ts';
import { convOf, type ConvSizes, poolOf, type PoolSizes } from '../../support/geometry.ts';

const bench = new Workbench('float64', 231, (type, length) =>
  type === 'int32' ? new Int32Array(length) : new Float64Array(length));
const random = (length: number): Float64Array => bench.random('', length) as Float64Array;
const empty = (length: number): Float64Array => new Float64Array(length).fill(NaN);

/** The sum of out * dout: a number whose gradient is what a backward kernel computes from dout. */
function dot(out: Float64Array, dout: Float64Array): number {
  return out.reduce((sum, value, i) => sum + value * dout[i], 0);
}

/**
 * Compares a gradient with (f(x + h) - f(x - h)) / 2h in every element of x. With numbers around 1 and h = 1e-5 the
 * difference quotient is good to about 1e-9.
 */
function expectGradient(name: string, f: () => number, x: Float64Array, gradient: Float64Array): void {
  const h = 1e-5;
  const scale = Math.max(1, ...gradient.map(Math.abs));
  expect(gradient.length).toBe(x.length);
  for (let i = 0; i < x.length; i++) {
    const value = x[i];
    x[i] = value + h;
    const above = f();
    x[i] = value - h;
    const below = f();
    x[i] = value;
    const error = Math.abs((above - below) / (2 * h) - gradient[i]) / scale;
    expect(error, `${name}[${i}] = ${gradient[i]}`).toBeLessThan(1e-8);
  }
}

describe('naive backward kernels against numeric gradients', () => {
  it('affineBackward', () => {
    const [n, d, m] = [4, 5, 3];
    const [x, w, b, dout, out] = [random(n * d), random(d * m), random(m), random(n * m), empty(n * m)];
    const [dx, dw, db] = [empty(n * d), empty(d * m), empty(m)];
    k.affineBackward(dout, x, w, dx, dw, db, n, d, m);
    const f = (): number => {
      k.affineForward(x, w, b, out, n, d, m, {});
      return dot(out, dout);
    };
    expectGradient('dx', f, x, dx);
    expectGradient('dw', f, w, dw);
    expectGradient('db', f, b, db);
  });

  const convSizes: Array<[string, ConvSizes]> = [
    ['stride that does not divide', {
      batch: 2, channels: 2, height: 6, width: 5, filters: 3, kernelHeight: 3, kernelWidth: 2, stride: 2, pad: 1,
    }],
    ['stride beyond the kernel', {
      batch: 1, channels: 3, height: 8, width: 7, filters: 2, kernelHeight: 2, kernelWidth: 2, stride: 3, pad: 0,
    }],
    ['pad beyond the kernel', {
      batch: 2, channels: 1, height: 3, width: 4, filters: 2, kernelHeight: 2, kernelWidth: 3, stride: 1, pad: 4,
    }],
    ['one pixel', {
      batch: 1, channels: 1, height: 1, width: 1, filters: 1, kernelHeight: 1, kernelWidth: 1, stride: 1, pad: 0,
    }],
    ['a stride, pad and dilation for each axis, in groups', {
      batch: 2, channels: 4, height: 6, width: 7, filters: 6, kernelHeight: 2, kernelWidth: 3, stride: [1, 2],
      pad: [2, 1], dilation: [3, 2], groups: 2,
    }],
    ['depthwise, padded unevenly', {
      batch: 2, channels: 3, height: 5, width: 6, filters: 3, kernelHeight: 2, kernelWidth: 3, stride: 2, pad: 'same',
      groups: 3,
    }],
  ];
  it.each(convSizes)('convBackward, %s', (_, sizes) => {
    const g = convOf(sizes);
    const x = random(g.batch * g.channels * g.height * g.width);
    const w = random(g.filters * (g.channels / g.groups) * g.kernelHeight * g.kernelWidth);
    const [b, out] = [random(g.filters), empty(g.batch * g.filters * g.outHeight * g.outWidth)];
    const dout = random(out.length);
    const [dx, dw, db] = [empty(x.length), empty(w.length), empty(b.length)];
    k.convBackward(dout, x, w, dx, dw, db, g);
    const f = (): number => {
      k.convForward(x, w, b, out, g, {});
      return dot(out, dout);
    };
    expectGradient('dx', f, x, dx);
    expectGradient('dw', f, w, dw);
    expectGradient('db', f, b, db);
  });

  const poolSizes: Array<[string, PoolSizes]> = [
    ['halving', {
      planes: 3, height: 4, width: 6, poolHeight: 2, poolWidth: 2, stride: 2,
    }],
    ['overlapping', {
      planes: 2, height: 5, width: 5, poolHeight: 3, poolWidth: 2, stride: 1,
    }],
    ['with gaps', {
      planes: 2, height: 7, width: 8, poolHeight: 2, poolWidth: 2, stride: 3,
    }],
    ['padded', {
      planes: 2, height: 5, width: 6, poolHeight: 3, poolWidth: 2, stride: [2, 1], pad: 1, countIncludePad: false,
    }],
    ['padded unevenly', { planes: 2, height: 5, width: 6, poolHeight: 2, poolWidth: 3, stride: 2, pad: 'same' }],
  ];
  it.each(poolSizes)('maxPoolBackward and avgPoolBackward, %s', (_, sizes) => {
    const g = poolOf(sizes);
    const [x, out] = [random(g.planes * g.height * g.width), empty(g.planes * g.outHeight * g.outWidth)];
    const [dout, dx] = [random(out.length), empty(x.length)];
    const argmax = new Int32Array(out.length);
    k.maxPoolForward(x, out, argmax, g);
    k.maxPoolBackward(dout, argmax, dx, g);
    expectGradient('max pool', () => {
      k.maxPoolForward(x, out, null, g);
      return dot(out, dout);
    }, x, dx);
    k.avgPoolBackward(dout, dx, g);
    expectGradient('average pool', () => {
      k.avgPoolForward(x, out, g);
      return dot(out, dout);
    }, x, dx);
  });

  it('adaptiveAvgPoolBackward', () => {
    const g = { planes: 2, height: 5, width: 7, outHeight: 3, outWidth: 9 };
    const [x, out, dout, dx] = [random(70), empty(54), random(54), empty(70)];
    k.adaptiveAvgPoolBackward(dout, dx, g);
    expectGradient('dx', () => {
      k.adaptiveAvgPoolForward(x, out, g);
      return dot(out, dout);
    }, x, dx);
  });

  const activations: Array<[string, (x: Float64Array, out: Float64Array) => void,
    (dout: Float64Array, x: Float64Array, out: Float64Array, dx: Float64Array) => void]> = [
    ['relu', (x, out) => { k.reluForward(x, out); }, (dout, x, _, dx) => { k.reluBackward(dout, x, dx); }],
    ['relu, from its output', (x, out) => { k.reluForward(x, out); },
      (dout, _, out, dx) => { k.reluBackward(dout, out, dx); }],
    ['leakyRelu', (x, out) => { k.leakyReluForward(x, out, 0.1); },
      (dout, x, _, dx) => { k.leakyReluBackward(dout, x, dx, 0.1); }],
    ['elu', (x, out) => { k.eluForward(x, out, 1.3); },
      (dout, x, out, dx) => { k.eluBackward(dout, x, out, dx, 1.3); }],
    ['sigmoid', (x, out) => { k.sigmoidForward(x, out); },
      (dout, _, out, dx) => { k.sigmoidBackward(dout, out, dx); }],
    ['tanh', (x, out) => { k.tanhForward(x, out); }, (dout, _, out, dx) => { k.tanhBackward(dout, out, dx); }],
  ];
  it.each(activations)('%s', (name, forward, backward) => {
    const [x, dout, out, dx] = [random(60), random(60), empty(60), empty(60)];
    forward(x, out);
    backward(dout, x, out.slice(), dx);
    expectGradient(name, () => {
      forward(x, out);
      return dot(out, dout);
    }, x, dx);
  });

  const eps = 1e-5;
  const channelSizes: Array<[string, ChannelGeometry]> = [
    ['(N, D)', { outer: 5, channels: 4, inner: 1 }],
    ['(N, C, H, W)', { outer: 3, channels: 2, inner: 6 }],
  ];
  describe.each(channelSizes)('batchnorm of %s', (_, g) => {
    const size = g.outer * g.channels * g.inner;
    const [x, dout, out] = [random(size), random(size), empty(size)];
    const [gamma, beta] = [random(g.channels), random(g.channels)];
    const [mean, variance] = [empty(g.channels), empty(g.channels)];
    const [dx, dgamma, dbeta] = [empty(size), empty(g.channels), empty(g.channels)];
    const train = (relu: boolean) => (): number => {
      k.batchnormStatistics(x, mean, variance, g);
      k.batchnormApply(x, gamma, beta, mean, variance, out, g, eps, relu);
      return dot(out, dout);
    };
    const check = (f: () => number): void => {
      expectGradient('dx', f, x, dx);
      expectGradient('dgamma', f, gamma, dgamma);
      expectGradient('dbeta', f, beta, dbeta);
    };

    it('batchnormBackward', () => {
      const f = train(false);
      f();
      k.batchnormBackward(dout, x, gamma, mean, variance, null, dx, dgamma, dbeta, g, eps);
      check(f);
    });

    it('batchnormBackward with a fused relu', () => {
      const f = train(true);
      f();
      k.batchnormBackward(dout, x, gamma, mean, variance, out.slice(), dx, dgamma, dbeta, g, eps);
      check(f);
    });

    it('batchnormBackwardGraph', () => {
      const f = train(false);
      f();
      batchnormBackwardGraph(dout, x, gamma, mean, variance, dx, dgamma, dbeta, g, eps);
      check(f);
    });

    it('batchnormBackwardConstant', () => {
      const constants = random(g.channels).map((value) => value * value + 0.5);
      const f = (): number => {
        k.batchnormApply(x, gamma, beta, mean, constants, out, g, eps, true);
        return dot(out, dout);
      };
      f();
      k.batchnormBackwardConstant(dout, x, gamma, mean, constants, out.slice(), dx, dgamma, dbeta, g, eps);
      check(f);
    });
  });

  const groupSizes: Array<[string, GroupGeometry]> = [
    ['layernorm', { batch: 4, groups: 1, channelsPerGroup: 6, inner: 1 }],
    ['groupnorm', { batch: 2, groups: 3, channelsPerGroup: 2, inner: 4 }],
  ];
  it.each(groupSizes)('groupnormBackward as %s', (_, g) => {
    const channels = g.groups * g.channelsPerGroup;
    const size = g.batch * channels * g.inner;
    const [x, gamma, beta, dout, out] = [random(size), random(channels), random(channels), random(size), empty(size)];
    const [mean, variance] = [empty(g.batch * g.groups), empty(g.batch * g.groups)];
    const [dx, dgamma, dbeta] = [empty(size), empty(channels), empty(channels)];
    const f = (): number => {
      k.groupnormForward(x, gamma, beta, out, mean, variance, g, eps);
      return dot(out, dout);
    };
    f();
    k.groupnormBackward(dout, x, gamma, mean, variance, dx, dgamma, dbeta, g, eps);
    expectGradient('dx', f, x, dx);
    expectGradient('dgamma', f, gamma, dgamma);
    expectGradient('dbeta', f, beta, dbeta);
  });

  it('batchnormReluPoolBackward', () => {
    const [channels, batch] = [2, 3];
    const g = poolOf({
      planes: channels * batch, height: 4, width: 4, poolHeight: 2, poolWidth: 2, stride: 2,
    });
    const channelGeometry = { outer: batch, channels, inner: 16 };
    const [x, gamma, beta, dout] = [random(96), random(channels), random(channels), random(24)];
    const [out, argmax, mean, variance] = [empty(24), new Int32Array(24), empty(channels), empty(channels)];
    const [dx, dgamma, dbeta, winners] = [empty(96), empty(channels), empty(channels), empty(24)];
    const f = (): number => {
      k.batchnormStatistics(x, mean, variance, channelGeometry);
      k.batchnormReluPoolForward(x, gamma, beta, mean, variance, out, argmax, winners, g, channels, eps);
      return dot(out, dout);
    };
    f();
    k.batchnormReluPoolBackward(
      dout, out.slice(), argmax, winners.slice(), x, gamma, mean, variance, dx, dgamma, dbeta, g, channels, eps,
    );
    expectGradient('dx', f, x, dx);
    expectGradient('dgamma', f, gamma, dgamma);
    expectGradient('dbeta', f, beta, dbeta);
  });

  it.each(['softmaxLoss', 'svmLoss'] as const)('%s', (loss) => {
    const [n, classes] = [6, 5];
    const [scores, dscores, unused] = [random(n * classes), empty(n * classes), empty(n * classes)];
    const labels = Int32Array.from({ length: n }, (_, i) => i % classes);
    k[loss](scores, labels, dscores, n, classes);
    expectGradient('dscores', () => k[loss](scores, labels, unused, n, classes), scores, dscores);
  });
});
