/** Scores as the mean over several views of an image. */

import { describe, expect, it } from 'vitest';
import { DeepConvNet, FastConvNet, FullyConnectedNet, ThreeLayerConvNet } from '../../src/models/index.ts';
import { flip, pad, Rng, type Tensor } from '../../src/tensor/index.ts';
import { relError } from '../../src/train/index.ts';

const X = new Rng(3).normal(0, 1, [5, 3, 8, 8], 'float64');
const options = { inputDim: [3, 8, 8], numClasses: 4, dtype: 'float64' } as const;
const build = (): ThreeLayerConvNet =>
  new ThreeLayerConvNet({ ...options, numFilters: 4, filterSize: 3, hiddenDim: 6, weightScale: 0.3, rng: new Rng(1) });

/** Moved down and right by a pixel (up and left for -1), the way NumPy's reflecting pad does it. */
function moved(by: number): Tensor {
  const wide = pad(X, [[0, 0], [0, 0], [1, 1], [1, 1]], 'reflect');
  const [from, to] = [1 - by, 9 - by];
  return wide.slice(null, null, [from, to], [from, to]);
}

describe('testTimeViews', () => {
  it('average the scores of the image, its mirror image, and both moved', () => {
    const net = build();
    const plain = (x: Tensor): Tensor => net.loss(x).clone();
    const both = (x: Tensor): Tensor => plain(x).add(plain(flip(x, 3))).mul(0.5);
    const mirror = both(X);
    const shifted = mirror.mul(0.5).add(both(moved(1)).mul(0.25)).add(both(moved(-1)).mul(0.25));
    net.testTimeViews = 'mirror';
    expect(relError(net.loss(X), mirror)).toBeLessThan(1e-12);
    expect(relError(net.loss(X), net.loss(flip(X, 3)))).toBeLessThan(1e-12);
    net.testTimeViews = 'mirror-shift';
    expect(relError(net.loss(X), shifted)).toBeLessThan(1e-12);
  });

  it('leave training alone, and are part of the configuration', () => {
    const y = [0, 1, 2, 3, 0];
    const [plain] = build().loss(X, y);
    const net = build();
    net.testTimeViews = 'mirror-shift';
    expect(net.loss(X, y)[0]).toBe(plain);
    const fast = new FastConvNet({ ...options, blocks: [[4]], whiteningFilters: 8, testTimeViews: 'mirror' });
    const again = new FastConvNet({ ...fast.config, rng: new Rng(9) });
    expect([fast.config.testTimeViews, again.testTimeViews]).toEqual(['mirror', 'mirror']);
    expect(build().config).not.toHaveProperty('testTimeViews');
  });

  it('are refused for plain numbers and by other names', () => {
    expect(() => new FullyConnectedNet([4], { testTimeViews: 'mirror' })).toThrow(/^FullyConnectedNet: testTimeViews are/);
    const wrong = { inputDim: [3, 8, 8], testTimeViews: 'upside-down' as never };
    expect(() => new DeepConvNet({ ...wrong, numFilters: [2] })).toThrow(/^DeepConvNet: testTimeViews must be/);
  });
});

describe('the L2 penalty of a FastConvNet', () => {
  it('sees the last weights as they act, and no frozen ones', () => {
    const small = { ...options, blocks: [[4]], whiteningFilters: 8, logitScale: 0.3 };
    const [bare, net] = [0, 0.7].map((reg) => new FastConvNet({ ...small, reg }));
    const squares = (name: string): number => net.params[name].mul(net.params[name]).sum().item();
    const y = [0, 1, 2, 3, 0];
    const penalty = 0.5 * 0.7 * (squares('W2') + 0.3 ** 2 * squares('W3'));
    expect(net.loss(X, y)[0] - bare.loss(X, y)[0]).toBeCloseTo(penalty, 10);
  });
});

describe('learnFirst', () => {
  it('makes the first layer of a FastConvNet one that is learnt', () => {
    const y = [0, 1, 2, 3, 0];
    const nets = [false, true].map((learnFirst) =>
      new FastConvNet({ ...options, blocks: [[4]], whiteningFilters: 8, learnFirst }));
    const names = nets.map((net) => Object.keys(net.loss(X, y)[1]));
    expect(names.map((list) => list.includes('W1') && list.includes('b1'))).toEqual([false, true]);
  });
});
