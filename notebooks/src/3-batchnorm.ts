/* The notebook of this name as a program: npx tsx notebooks/src/3-batchnorm.ts */

// %% [markdown]
// # Batch normalisation, and layer normalisation
//
// What a layer hands to the next changes its scale whenever the weights before it change. Batch normalisation puts
// each feature back to mean 0 and variance 1 over the batch, and then lets the network choose scale and shift itself.
// This notebook checks the layer, and measures what it is good for, and where it fails.

// %%
import process from 'node:process';
import { ones, RandomState, ready, Rng, tensor, zeros, type Tensor } from 'tilegrad';
import { makeShapes, prepareImages } from 'tilegrad/data';
import * as layers from 'tilegrad/layers';
import { FullyConnectedNet } from 'tilegrad/models';
import { getCifar10Data } from 'tilegrad/node';
import { evalNumericalGradientArray, gradCheckSparse, relError, Solver } from 'tilegrad/train';
import { accuracyChart, display, lineChart, lossChart } from 'tilegrad/viz';

await ready();
const digits = (t: Tensor): string =>
  Array.from(t.data, (value) => value.toFixed(4).replace(/^-(0\.0+)$/, '$1')).join(', ');

/** Compares what an exercise computes with what the library does, once it computes anything. */
function grade<F>(name: string, mine: F | null, error: (f: F) => number): void {
  console.log(mine === null ? `${name}: not filled in yet` : `${name}: error ${error(mine).toExponential(1)}`);
}

// %% [markdown]
// ## Forward
//
// The outputs of a small random network have means and deviations far from 0 and 1. After the layer they have those
// that `beta` and `gamma` ask for.

// %%
const random = new RandomState(231);
const X = random.randn(200, 50);
const [W1, W2] = [random.randn(50, 60), random.randn(60, 3)];
const hidden = X.matmul(W1).maximum(0).matmul(W2);
function figures(of: string, t: Tensor): Record<string, string> {
  return { of, mean: digits(t.mean(0)), deviation: digits(t.std(0)) };
}
const normalised = (gamma: number[], beta: number[]): Tensor => layers.batchnormForward(
  hidden, tensor(gamma, null, 'float64'), tensor(beta, null, 'float64'), { mode: 'train' },
)[0];
display([
  figures('before', hidden), figures('gamma 1, beta 0', normalised([1, 1, 1], [0, 0, 0])),
  figures('gamma 1 2 3, beta 11 12 13', normalised([1, 2, 3], [11, 12, 13])),
]);

// %% [markdown]
// **Exercise.** The forward pass in training: `mean(0)`, `var(0)` (not corrected), epsilon 1e-5.

// %%
const myBatchnorm = null as null | ((x: Tensor, gamma: Tensor, beta: Tensor) => Tensor);
grade('my batchnorm', myBatchnorm, (f) =>
  relError(f(hidden, ones([3], 'float64'), zeros([3], 'float64')), normalised([1, 1, 1], [0, 0, 0])));

// %% [markdown]
// At test time there may be one image only, and it should not matter who its neighbours are: running averages of mean
// and variance, gathered while training, take the place of the batch's. They are close to right, not exact.

// %%
const warm: layers.BatchnormParam = { mode: 'train' };
const [unit, none] = [ones([3], 'float64'), zeros([3], 'float64')];
const nextBatch = (): Tensor => random.randn(200, 50).matmul(W1).maximum(0).matmul(W2);
for (let t = 0; t < 50; t++) layers.batchnormForward(nextBatch(), unit, none, warm);
warm.mode = 'test';
const tested = layers.batchnormForward(nextBatch(), unit, none, warm)[0];
display([figures('at test time', tested)]);

// %% [markdown]
// ## Backward
//
// Mean and variance depend on every example, so the gradient of one example reaches all others. One can follow the
// graph backwards node by node (`batchnormBackward`), or work out on paper what it comes to (`batchnormBackwardAlt`):
// `dx` is the incoming gradient less its mean, less the part of it that runs along the normalised values. Both agree,
// and the second has less to do.

// %%
const x = random.randn(4, 5).mul(5).add(12);
const [gamma, beta, dout] = [random.randn(5), random.randn(5), random.randn(4, 5)];
const forward = (): Tensor => layers.batchnormForward(x, gamma, beta, { mode: 'train' })[0];
const cache = layers.batchnormForward(x, gamma, beta, { mode: 'train' })[1];
const [graph, formula] = [layers.batchnormBackward(dout, cache), layers.batchnormBackwardAlt(dout, cache)];
display([x, gamma, beta].map((input, i) => {
  const slopes = evalNumericalGradientArray(forward, input, dout);
  return {
    gradient: ['dx', 'dgamma', 'dbeta'][i], 'graph against slopes': relError(graph[i], slopes),
    'formula against slopes': relError(formula[i], slopes), 'graph against formula': relError(graph[i], formula[i]),
  };
}));

// %%
const wide = random.randn(128, 2048).mul(5).add(12);
const [, wideCache] = layers.batchnormForward(wide, random.randn(2048), random.randn(2048), { mode: 'train' });
const wideUpstream = random.randn(128, 2048);
function milliseconds(compute: () => unknown): number {
  return Math.min(...Array.from({ length: 12 }, () => {
    const start = performance.now();
    compute();
    return performance.now() - start;
  }));
}
const viaGraph = milliseconds(() => layers.batchnormBackward(wideUpstream, wideCache));
const viaFormula = milliseconds(() => layers.batchnormBackwardAlt(wideUpstream, wideCache));
display([{ size: '128x2048', 'graph, ms': viaGraph, 'formula, ms': viaFormula, speedup: viaGraph / viaFormula }]);

// %% [markdown]
// **Exercise.** `dx` by the formula, from `dout`, the normalised values `z`, `gamma` and the deviation.

// %%
const myBackward = null as null | ((dout: Tensor, z: Tensor, gamma: Tensor, deviation: Tensor) => Tensor);
grade('my backward pass', myBackward, (f) => {
  const deviation = x.var(0).add(1e-5).sqrt();
  return relError(f(dout, x.sub(x.mean(0)).div(deviation), gamma, deviation), graph[0]);
});

// %% [markdown]
// ## In a network
//
// The same check for a whole network, at twelve places of every parameter, without and with regularisation. A bias in
// front of a batchnorm does nothing (the mean takes it away), so its gradient is 0 and the slopes there are rounding:
// their relative errors say nothing.

// %%
const [Xs, ys] = [random.randn(2, 15), random.randint(10, null, 2)];
const checked = ['W1', 'W2', 'W3', 'b3', 'gamma1', 'beta1', 'gamma2', 'beta2'];
const checks = [0, 3.14].map((reg) => {
  const net = new FullyConnectedNet([20, 30], {
    inputDim: 15, reg, weightScale: 5e-2, dtype: 'float64', normalization: 'batchnorm', rng: new RandomState(231),
  });
  const [loss, grads] = net.loss(Xs, ys);
  const error = (name: string): number => Math.max(
    ...gradCheckSparse(() => net.loss(Xs, ys)[0], net.params[name], grads[name], { numChecks: 12 })
      .map((check) => check.relError),
  );
  return { reg, loss, ...Object.fromEntries(checked.map((name) => [name, error(name)])) };
});
display(checks);

// %% [markdown]
// ## Does it help a deep network?
//
// Five hidden layers of 100, a thousand images, ten epochs of Adam: with and without.

// %%
const cifar = process.env.CIFAR10;
const drawn = Number(process.env.NUM_TRAIN ?? 1000);
const held = Math.min(500, drawn);
const all = cifar === undefined
  ? prepareImages(makeShapes({ seed: 0, numTrain: drawn + held, numTest: 1 }), { numValidation: held })
  : await getCifar10Data(cifar);
const data = { ...all, XTrain: all.XTrain.slice([0, drawn]), yTrain: all.yTrain.slice(0, drawn) };
console.log(cifar === undefined ? 'drawn shapes' : 'CIFAR-10', data.XTrain.shape.join('x'));

type Normalization = 'batchnorm' | 'layernorm' | null;
interface Setting { normalization: Normalization; hidden?: number[]; weightScale?: number; batchSize?: number }

/** Trains a fully connected network and returns its Solver, with the figures of every epoch. */
async function train(setting: Setting): Promise<Solver> {
  const { normalization, hidden: widths = [100, 100, 100, 100, 100], weightScale = 2e-2, batchSize = 50 } = setting;
  const net = new FullyConnectedNet(widths, { normalization, weightScale, rng: new Rng(0) });
  const solver = new Solver(net, data, {
    updateRule: 'adam', optimConfig: { learningRate: 1e-3 }, batchSize, numEpochs: 10, verbose: false,
  });
  await solver.train();
  return solver;
}

const runs = {
  'with batchnorm': await train({ normalization: 'batchnorm' }), without: await train({ normalization: null }),
};
display([lossChart(runs), accuracyChart(runs)]);

// %% [markdown]
// From the second epoch on the network with batchnorm is ahead on the training images, and its loss ends lower.
// Without it the signal must pass five layers of weights that are a little too small, and both activations and
// gradients shrink on the way.
//
// ## The scale of the first weights
//
// Eight layers, trained from first weights of scale 1e-4 to 1. How good is the best epoch, with and without?

// %%
const points = drawn < 500 ? 4 : 20;
const scales = Array.from({ length: points }, (_, i) => 10 ** (-4 + (4 * i) / (points - 1)));
const eight = [50, 50, 50, 50, 50, 50, 50];
const best: Record<string, number[]> = {
  'batchnorm, training': [], 'none, training': [], 'batchnorm, validation': [], 'none, validation': [],
};
const lastLoss: Record<'batchnorm' | 'none', number[]> = { batchnorm: [], none: [] };
for (const weightScale of scales) {
  for (const [name, normalization] of [['batchnorm', 'batchnorm'], ['none', null]] as const) {
    let accuracies = [0];
    let validation = [0];
    let loss = NaN;
    try {
      const solver = await train({ hidden: eight, normalization, weightScale });
      [accuracies, validation] = [solver.trainAccHistory, solver.valAccHistory];
      loss = solver.lossHistory.slice(-5).reduce((sum, value) => sum + value / 5, 0);
    } catch { /* the loss became infinite: the run counts as one that learnt nothing */ }
    best[`${name}, training`].push(Math.max(...accuracies));
    best[`${name}, validation`].push(Math.max(...validation));
    lastLoss[name].push(loss);
  }
}
const exponents = scales.map(Math.log10);
const common = { x: exponents, xLabel: 'weight scale, as a power of ten' };
display([
  lineChart(best, { ...common, title: 'Best accuracy', yLabel: 'accuracy', percent: true }),
  lineChart({ batchnorm: lastLoss.batchnorm, none: lastLoss.none.map((v) => Math.min(v, 5)) }, {
    ...common, title: 'Loss at the end (cut off at 5)', yLabel: 'loss',
  }),
]);

// %% [markdown]
// **Question: how does the scale of the first weights affect a network with and without batch normalisation, and
// why?**
//
// Without it there is a narrow range around 1e-1 in which the network learns. Each layer multiplies the signal by
// about `scale * sqrt(fanIn / 2)`, so eight layers multiply by its eighth power: below the range the activations
// vanish, all images look alike to the last layer, the loss stays at ln(10) and its gradient is nothing; above it
// scores and loss explode. With batchnorm every layer divides its scale out again, so that activations hardly depend
// on it: the network learns at every scale, and its validation accuracy is nearly flat where that of the other is at
// chance. Both curves bend down at the right end, where large weights make the gradient on them small (dividing a
// weight's effect by its scale divides its gradient too), so that steps of a fixed length change little; and the last
// layer, which has no normalisation after it, gives large scores at first. In the best spot of the range the plain
// network is as good or better: batchnorm does not replace a good scale as much as it saves the search for one.
//
// ## The size of the batch

// %%
const sizes = [5, 10, 50];
const bySize = { 'no normalisation, batch 50': await train({ normalization: null }) } as Record<string, Solver>;
for (const batchSize of sizes)
  bySize[`batchnorm, batch ${batchSize}`] = await train({ normalization: 'batchnorm', batchSize });
display(Object.entries(bySize).map(([run, solver]) => ({
  run, 'best training accuracy': Math.max(...solver.trainAccHistory), 'best validation accuracy': solver.bestValAcc,
})));

// %%
display(accuracyChart(bySize), { width: 720 });

// %% [markdown]
// **Question: what has the batch size to do with batch normalisation?**
//
// The statistics are estimates from the batch, and their error falls with the root of its size. From five examples
// they are so rough that each image is shifted and scaled by chance, differently at every step, and the running
// averages used at test time are not what the network was trained with: at batch 5 the network ends far below the one
// without normalisation, although it makes ten times as many steps. With larger batches the noise goes away and the
// gain appears. A little of that noise even regularises; much of it is only noise.
//
// ## Layer normalisation
//
// The same formula, over the features of one example instead of over the batch: training and test time are the same,
// and the batch may have any size.

// %%
const layerForward = (): Tensor => layers.layernormForward(x, gamma, beta)[0];
const layerGradients = layers.layernormBackward(dout, layers.layernormForward(x, gamma, beta)[1]);
const [plain] = layers.layernormForward(x, ones([5], 'float64'), zeros([5], 'float64'));
console.log('mean of each example     ', digits(plain.mean(1)));
console.log('deviation of each example', digits(plain.std(1)));
display([x, gamma, beta].map((input, i) => ({
  gradient: ['dx', 'dgamma', 'dbeta'][i],
  error: relError(layerGradients[i], evalNumericalGradientArray(layerForward, input, dout)),
})));

// %% [markdown]
// **Exercise.** Layernorm's forward pass is batchnorm's with another axis.

// %%
const myLayernorm = null as null | ((x: Tensor, gamma: Tensor, beta: Tensor) => Tensor);
grade('my layernorm', myLayernorm, (f) => relError(f(x, gamma, beta), layerForward()));

// %% [markdown]
// **Question: which ways of preparing images are like batch normalisation, and which like layer normalisation?** Think
// of these four: scaling each image so that its pixels sum to 1; subtracting from every image the mean image of the
// data set; scaling each image so that the pixels of each row sum to 1; setting every pixel to black or white by a
// threshold.
//
// What counts is where the statistic is taken. The mean image is one figure for each pixel, taken over many images:
// that is batch normalisation (its first half). The sum of an image's pixels is a figure of that image alone: layer
// normalisation. The sum of each row is also taken within one image, but over a part of its features: that is layer
// normalisation in groups, as group normalisation does it with channels. A fixed threshold uses no statistic of
// anything, and is neither.

// %%
const byLayer = { 'no normalisation, batch 50': bySize['no normalisation, batch 50'] } as Record<string, Solver>;
for (const batchSize of sizes)
  byLayer[`layernorm, batch ${batchSize}`] = await train({ normalization: 'layernorm', batchSize });
display(Object.entries(byLayer).map(([run, solver]) => ({
  run, 'best training accuracy': Math.max(...solver.trainAccHistory), 'best validation accuracy': solver.bestValAcc,
})));

// %% [markdown]
// The batch no longer enters the statistics. What is left of the batch's size is what it does to any network: small
// batches make more and noisier steps in the same number of epochs.
//
// **Question: when does layer normalisation work badly?** In a very deep network, with few features, or with strong
// regularisation?
//
// With few features, because then the statistic is again an estimate from few numbers: with two of them the normalised
// values are always +1 and -1, whatever was there. The next cell shows it. Depth alone does not hurt; depth is what
// normalisation is for. Strong regularisation makes weights small, which the division undoes, so that it hurts through
// the last layer and through gamma only, and not because of the normalisation.

// %%
const two = random.randn(4, 2).mul(10);
console.log(two.toString());
console.log(layers.layernormForward(two, ones([2], 'float64'), zeros([2], 'float64'))[0].toString());
