/** The end of a residual block is computed at once: to the last bit what batchnorm, sum and relu give singly. */

import { afterEach, describe, expect, it } from 'vitest';
import { configure, Rng, type Tensor } from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import { residualEnd } from '../../src/nn/residual-end.ts';
import { watchLayers } from '../../src/nn/watch.ts';
import { BasicBlock } from '../../src/nn/zoo/res-net.ts';

interface Answer {
  readonly out: Tensor;
  readonly gradients: readonly Tensor[];
  readonly state: unknown;
}

interface Settings {
  readonly dtype: 'float32' | 'float64';
  readonly size: number;
  readonly stride: number;
  readonly training: boolean;
  readonly inputGradient: boolean;
  readonly uses?: number;
}

/**
 * What two blocks, always the same, make of the same x; layer by layer where somebody watches them. The first one's
 * output is used `uses` times beside the second; of one that is used once its own gradient is kept.
 */
function answer({ dtype, size, stride, training, inputGradient, uses = 0 }: Settings, singly: boolean): Answer {
  const rng = new Rng(7);
  const downsample = stride === 1 ? null : new nn.Conv2d(6, 6, 1, { stride, dtype, rng });
  const block = new BasicBlock(6, 6, stride, downsample, { dtype, rng });
  const second = new BasicBlock(6, 6, 1, null, { dtype, rng });
  const parameters = [...block.parameters(), ...second.parameters()];
  for (const each of parameters) each.value.assign(rng.normal(0.1, 0.5, each.shape).astype(dtype));
  for (const each of [block, second]) {
    if (training) each.train();
    else each.eval();
  }
  const x = nn.variable(rng.normal(0, 1, [3, 6, size, size]).astype(dtype), { requiresGrad: inputGradient });
  const stop = singly ? watchLayers(() => undefined) : () => undefined;
  try {
    const joint = block.forward(x);
    if (uses === 1) joint.retainGrad();
    const out = Array.from({ length: uses }).reduce<nn.Variable>((sum) => sum.add(joint), second.forward(joint));
    const kept = out.value.clone();
    const dout = rng.normal(0, 1, out.shape).astype(dtype);
    out.backward(dout, { retainGraph: true });
    out.backward(dout);
    const leaves = [...(inputGradient ? [x] : []), ...(uses === 1 ? [joint] : []), ...parameters];
    const state = [block.bn2.runningMean.toArray(), block.bn2.runningVar.toArray()];
    return { out: kept, gradients: leaves.map(({ grad }) => grad!.clone()), state };
  } finally {
    stop();
  }
}

afterEach(() => configure({ backend: 'auto', threads: 'auto' }));

const cases: Settings[] = (['float32', 'float64'] as const).flatMap((dtype) => [
  { dtype, size: 9, stride: 1, training: true, inputGradient: true },
  { dtype, size: 8, stride: 2, training: true, inputGradient: true },
  { dtype, size: 34, stride: 1, training: true, inputGradient: false },
  { dtype, size: 2, stride: 2, training: true, inputGradient: true }, // batchnorm over columns
  { dtype, size: 6, stride: 1, training: false, inputGradient: true },
  { dtype, size: 6, stride: 1, training: true, inputGradient: true, uses: 1 },
  { dtype, size: 34, stride: 1, training: true, inputGradient: true, uses: 2 },
]);

describe.each([1, 2, 3])('a residual block on %i threads', (threads) => {
  it.each(cases)('ends as its parts do: $dtype, side $size, stride $stride, training $training, uses $uses', (settings) => {
    configure({ backend: 'simd', threads });
    const together = answer(settings, false);
    const singly = answer(settings, true);
    expect(together.out.toArray()).toEqual(singly.out.toArray());
    together.gradients.forEach((gradient, i) => expect(gradient.toArray()).toEqual(singly.gradients[i].toArray()));
    expect(together.state).toEqual(singly.state);
  });
});

it('a residual block ends as its parts do where these are of no common shape, and refuses as they do', () => {
  const norm = new nn.BatchNorm2d(4);
  const [x, one] = [[2, 4, 3, 3], [1, 4, 1, 1]].map((shape) => nn.variable(new Rng(1).normal(0, 1, shape)));
  const wanted = new nn.BatchNorm2d(4).forward(x).add(one).relu();
  expect(residualEnd(norm, x, one).value.toArray()).toEqual(wanted.value.toArray());
  expect(() => residualEnd(norm, one, one)).toThrow(/BatchNorm2d: x must have more than 1 value per channel/);
  expect(() => residualEnd(norm, nn.variable(new Rng(1).normal(0, 1, [2, 5, 3, 3])), x)).toThrow(/channels|gamma/);
});

it('layers are not computed together with what stands in the place of one: a subclass, or another module', () => {
  class Negated extends nn.BatchNorm2d {
    override forward(x: nn.Variable): nn.Variable { return super.forward(x).neg(); }
  }
  class Halved extends nn.Linear {
    override forward(x: nn.Variable): nn.Variable { return super.forward(x).mul(0.5); }
  }
  class Sevens extends nn.ReLU {
    override forward(x: nn.Variable): nn.Variable { return x.mul(0).add(7); }
  }
  const rng = new Rng(3);
  const x = nn.variable(rng.normal(0, 1, [2, 4, 3, 3]));
  const rows = nn.variable(rng.normal(0, 1, [3, 4]));
  const byHand = (...layers: nn.Module[]): unknown =>
    layers.reduce((out, layer) => layer.forward(out), layers[0] instanceof nn.Linear ? rows : x).value.toArray();
  for (const layers of [
    [new nn.Conv2d(4, 4, 1), new Negated(4), new nn.ReLU()], [new nn.Conv2d(4, 4, 1), new Sevens()],
    [new Halved(4, 4), new nn.ReLU()], [new nn.Linear(4, 4), new Sevens()],
  ]) {
    const net = nn.sequential(...layers);
    expect(net.forward(layers[0] instanceof nn.Linear ? rows : x).value.toArray()).toEqual(byHand(...layers));
  }
  const expected = new Negated(4).forward(x).add(x).relu();
  expect(residualEnd(new Negated(4), x, x).value.toArray()).toEqual(expected.value.toArray());
  const block = new BasicBlock(4, 4, 1, null, {});
  Object.assign(block, { bn2: new nn.Flatten() });
  expect(() => block.forward(x)).toThrow(/shape/);
});

it('batchnorm that is frozen among layers that train computes with its running averages and leaves them', () => {
  const rng = new Rng(4);
  for (const [layer, norm, shape] of [
    [new nn.Conv2d(3, 4, 3), new nn.BatchNorm2d(4), [2, 3, 5, 5]], [new nn.Linear(3, 4), new nn.BatchNorm1d(4), [6, 3]],
  ] as const) {
    const relu = new nn.ReLU();
    const net = nn.sequential(layer, norm, relu).train();
    norm.eval();
    const x = nn.variable(rng.normal(0, 1, shape));
    const out = net.forward(x).value.data;
    relu.forward(norm.forward(layer.forward(x))).value.data.forEach((value, i) => expect(out[i]).toBeCloseTo(value, 5));
    expect(norm.runningMean.toArray()).toEqual([0, 0, 0, 0]);
    // and the other way round
    net.eval();
    norm.train();
    net.forward(x);
    expect(norm.runningMean.toArray()).not.toEqual([0, 0, 0, 0]);
  }
});
