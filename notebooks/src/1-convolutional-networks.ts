/* The notebook of this name as a program: npx tsx notebooks/src/1-convolutional-networks.ts */

// %% [markdown]
// # Convolutional networks
//
// From loops that read like the formulas, over fast layers with the same signatures, to a network of three layers and
// to normalisation per channel. Every layer is checked twice: against figures worked out elsewhere, and its backward
// pass against slopes measured by moving each input a little.
//
// Cells marked **Exercise** hold `null` where your own code may stand. Filled in or not, the notebook runs from top to
// bottom; once there is a function, it is compared with the library's.

// %%
import process from 'node:process';
import { linspace, RandomState, ready, Rng, tensor, zeros, type Tensor } from 'tilegrad';
import { makeShapes, prepareImages } from 'tilegrad/data';
import * as layers from 'tilegrad/layers';
import { ThreeLayerConvNet } from 'tilegrad/models';
import { getCifar10Data } from 'tilegrad/node';
import { evalNumericalGradient, evalNumericalGradientArray, relError, Solver } from 'tilegrad/train';
import { display, displayInJupyter, filterGrid, progressDisplay, tensorToPicture } from 'tilegrad/viz';

displayInJupyter(); // tensors that look like images are drawn where they end a cell
await ready(); // kernels and threads are there before anything is timed

/** Compares what an exercise computes with what the library does, once it computes anything. */
function grade<F>(name: string, mine: F | null, error: (f: F) => number): void {
  console.log(mine === null ? `${name}: not filled in yet` : `${name}: error ${error(mine).toExponential(1)}`);
}

// %% [markdown]
// ## Convolution, forward, by loops
//
// `x (N, C, H, W)` slides under `F` filters `w (F, C, KH, KW)`; `{ stride, pad }` say how far a window moves and how
// many zeros surround the image. A filter's output at a place is the sum of products over the window there, plus its
// bias. The figures below were computed with NumPy.

// %%
const x = linspace(-0.1, 0.5, 2 * 3 * 4 * 4).reshape(2, 3, 4, 4);
const w = linspace(-0.2, 0.3, 3 * 3 * 4 * 4).reshape(3, 3, 4, 4);
const b = linspace(-0.1, 0.2, 3);
const [out] = layers.convForwardNaive(x, w, b, { stride: 2, pad: 1 });
const expected = [
  [[[-0.08759809, -0.10987781], [-0.18387192, -0.2109216]], [[0.21027089, 0.21661097], [0.22847626, 0.23004637]],
    [[0.50813986, 0.54309974], [0.64082444, 0.67101435]]],
  [[[-0.98053589, -1.03143541], [-1.19128892, -1.24695841]], [[0.69108355, 0.66880383], [0.59480972, 0.56776003]],
    [[2.36270298, 2.36904306], [2.38090835, 2.38247847]]],
];
console.log('convForwardNaive: difference', relError(out, expected).toExponential(1), '(the figures have 8 digits)');

// %% [markdown]
// **Exercise.** Write the forward pass with loops over images, filters and output pixels. `pad` from `tilegrad`
// surrounds the axes with zeros, `slice` takes windows (a range is `[from, to]`, an empty array a whole axis), `get`
// and `set` reach single elements. One output is `window.mul(filter).sum()`, plus the bias.

// %%
const myConvForward = null as null | ((x: Tensor, w: Tensor, b: Tensor, stride: number, padding: number) => Tensor);
grade('my convolution', myConvForward, (f) => relError(f(x, w, b, 2, 1), out));

// %% [markdown]
// ## A convolution one can see
//
// Filters need not be learnt. One output channel that adds red, green and blue in the proportions of perceived
// brightness is the grey picture; one that subtracts what lies above from what lies below shows horizontal edges.

// %%
const samples = makeShapes({ seed: 3, numTrain: 4, numTest: 1 }).train.images.astype('float64');
const handMade = zeros([2, 3, 3, 3], 'float64');
[0.299, 0.587, 0.114].forEach((share, channel) => handMade.set(share, 0, channel, 1, 1));
[[1, 2, 1], [0, 0, 0], [-1, -2, -1]].forEach((row, i) => row.forEach((value, j) => handMade.set(value, 1, 2, i, j)));
const [filtered] = layers.convForward(samples, handMade, tensor([0, 128], null, 'float64'), { stride: 1, pad: 1 });
display([0, 1, 2, 3].map((n) => [
  { title: 'input', picture: tensorToPicture(samples.slice(n)) },
  { title: 'grey', picture: tensorToPicture(filtered.slice(n, 0)) },
  { title: 'horizontal edges', picture: tensorToPicture(filtered.slice(n, 1)) },
]), { width: 200 });

// %% [markdown]
// ## Convolution, backward
//
// The gradient of a sum of products is again a convolution: `dw` gathers, at every place where the filter was, the
// image under it times the gradient there; `dx` puts the filter back at every place, scaled by the gradient; `db` is a
// sum. The check moves each element by a little to both sides and measures the slope, in float64.

// %%
const random = new RandomState(231);
const image = random.randn(4, 3, 5, 5);
const filters = random.randn(2, 3, 3, 3);
const bias = random.randn(2);
const upstream = random.randn(4, 2, 5, 5);
const param = { stride: 1, pad: 1 };
const convolve = (): Tensor => layers.convForwardNaive(image, filters, bias, param)[0];
const [dx, dw, db] = layers.convBackwardNaive(upstream, layers.convForwardNaive(image, filters, bias, param)[1]);
display([
  { gradient: 'dx', error: relError(dx, evalNumericalGradientArray(convolve, image, upstream)) },
  { gradient: 'dw', error: relError(dw, evalNumericalGradientArray(convolve, filters, upstream)) },
  { gradient: 'db', error: relError(db, evalNumericalGradientArray(convolve, bias, upstream)) },
]);

// %% [markdown]
// **Exercise.** Write the backward pass. With the loops of the forward pass, add `window * dout[n, f, i, j]` to the
// filter's gradient, and `filter * dout[n, f, i, j]` to the window's place in a padded `dx`, whose edge you cut off at
// the end.

// %%
const myConvBackward = null as null | ((
  dout: Tensor, x: Tensor, w: Tensor, stride: number, padding: number,
) => [dx: Tensor, dw: Tensor, db: Tensor]);
grade('my backward pass', myConvBackward, (f) =>
  Math.max(...f(upstream, image, filters, 1, 1).map((gradient, i) => relError(gradient, [dx, dw, db][i]))));

// %% [markdown]
// ## Max pooling
//
// Each window leaves its largest element. Backward, the gradient goes to the element that was chosen, and to no other.

// %%
const poolParam = { poolHeight: 2, poolWidth: 2, stride: 2 };
const [pooled] = layers.maxPoolForwardNaive(linspace(-0.3, 0.4, 96).reshape(2, 3, 4, 4), poolParam);
const expectedPooled = [
  [[[-0.26315789, -0.24842105], [-0.20421053, -0.18947368]], [[-0.14526316, -0.13052632], [-0.08631579, -0.07157895]],
    [[-0.02736842, -0.01263158], [0.03157895, 0.04631579]]],
  [[[0.09052632, 0.10526316], [0.14947368, 0.16421053]], [[0.20842105, 0.22315789], [0.26736842, 0.28210526]],
    [[0.32631579, 0.34105263], [0.38526316, 0.4]]],
];
const poolInput = random.randn(3, 2, 8, 8);
const poolUpstream = random.randn(3, 2, 4, 4);
const pool = (): Tensor => layers.maxPoolForwardNaive(poolInput, poolParam)[0];
const poolGradient = layers.maxPoolBackwardNaive(poolUpstream, layers.maxPoolForwardNaive(poolInput, poolParam)[1]);
display([
  { check: 'forward, against figures', error: relError(pooled, expectedPooled) },
  {
    check: 'backward, against slopes',
    error: relError(poolGradient, evalNumericalGradientArray(pool, poolInput, poolUpstream)),
  },
]);

// %% [markdown]
// **Exercise.** Pooling by loops: `window.max().item()` for each window.

// %%
const myMaxPool = null as null | ((x: Tensor, size: number, stride: number) => Tensor);
grade('my pooling', myMaxPool, (f) => relError(f(poolInput, 2, 2), pool()));

// %% [markdown]
// ## The same, fast
//
// The fast layers have the signatures of the naive ones. A convolution becomes a product of matrices (or Winograd's
// scheme, which multiplies less), in WebAssembly with SIMD, on all cores. The best of some runs counts, since the
// first ones still warm up.

// %%
function milliseconds(compute: () => unknown, runs: number): number {
  return Math.min(...Array.from({ length: runs }, () => {
    const start = performance.now();
    compute();
    return performance.now() - start;
  }));
}

const large = {
  x: random.randn(100, 3, 31, 31), w: random.randn(25, 3, 3, 3), b: random.randn(25),
  dout: random.randn(100, 25, 16, 16),
};
const largeParam = { stride: 2, pad: 1 };
const pools = { x: random.randn(100, 3, 32, 32), dout: random.randn(100, 3, 16, 16) };
const [naiveOut, naiveCache] = layers.convForwardNaive(large.x, large.w, large.b, largeParam);
const [fastOut, fastCache] = layers.convForwardFast(large.x, large.w, large.b, largeParam);
const [naivePooled, naivePoolCache] = layers.maxPoolForwardNaive(pools.x, poolParam);
const [fastPooled, fastPoolCache] = layers.maxPoolForwardFast(pools.x, poolParam);
const rows: [string, () => unknown, () => unknown, number][] = [
  [
    'convolution, forward', () => layers.convForwardNaive(large.x, large.w, large.b, largeParam),
    () => layers.convForwardFast(large.x, large.w, large.b, largeParam), relError(naiveOut, fastOut),
  ],
  [
    'convolution, backward', () => layers.convBackwardNaive(large.dout, naiveCache),
    () => layers.convBackwardFast(large.dout, fastCache),
    relError(layers.convBackwardNaive(large.dout, naiveCache)[1], layers.convBackwardFast(large.dout, fastCache)[1]),
  ],
  [
    'max pooling, forward', () => layers.maxPoolForwardNaive(pools.x, poolParam),
    () => layers.maxPoolForwardFast(pools.x, poolParam), relError(naivePooled, fastPooled),
  ],
  [
    'max pooling, backward', () => layers.maxPoolBackwardNaive(pools.dout, naivePoolCache),
    () => layers.maxPoolBackwardFast(pools.dout, fastPoolCache),
    relError(
      layers.maxPoolBackwardNaive(pools.dout, naivePoolCache), layers.maxPoolBackwardFast(pools.dout, fastPoolCache),
    ),
  ],
];
display(rows.map(([layer, naive, fast, difference]) => {
  const [slow, quick] = [milliseconds(naive, 2), milliseconds(fast, 12)];
  return { layer, 'naive, ms': slow, 'fast, ms': quick, speedup: slow / quick, difference };
}));

// %% [markdown]
// ## Sandwiches
//
// What always stands together has one name: convolution, ReLU, pool. The gradient passes through the three in reverse.

// %%
const sandwichInput = random.randn(2, 3, 16, 16);
const sandwichFilters = random.randn(3, 3, 3, 3);
const sandwichBias = random.randn(3);
const pooledUpstream = random.randn(2, 3, 8, 8);
const reluUpstream = random.randn(2, 3, 16, 16);
const convReluPool = (): Tensor =>
  layers.convReluPoolForward(sandwichInput, sandwichFilters, sandwichBias, param, poolParam)[0];
const convRelu = (): Tensor => layers.convReluForward(sandwichInput, sandwichFilters, sandwichBias, param)[0];
const pooledGradients = layers.convReluPoolBackward(
  pooledUpstream, layers.convReluPoolForward(sandwichInput, sandwichFilters, sandwichBias, param, poolParam)[1],
);
const reluGradients = layers.convReluBackward(
  reluUpstream, layers.convReluForward(sandwichInput, sandwichFilters, sandwichBias, param)[1],
);
display([sandwichInput, sandwichFilters, sandwichBias].map((input, i) => ({
  gradient: ['dx', 'dw', 'db'][i],
  'conv - relu - pool': relError(pooledGradients[i], evalNumericalGradientArray(convReluPool, input, pooledUpstream)),
  'conv - relu': relError(reluGradients[i], evalNumericalGradientArray(convRelu, input, reluUpstream)),
})));

// %% [markdown]
// ## A network of three layers
//
// convolution - ReLU - 2x2 pool - affine - ReLU - affine - softmax. Before it is trained, three checks.
//
// **The first loss.** A network that knows nothing gives every class the same probability, so the loss is ln(10) =
// 2.303. Regularisation adds to that.

// %%
const guesses = new RandomState(231);
const noise = guesses.randn(50, 3, 32, 32);
const noiseLabels = guesses.randint(10, null, 50);
const fresh = new ThreeLayerConvNet({ dtype: 'float64' });
console.log('without regularisation', fresh.loss(noise, noiseLabels)[0].toFixed(4), 'where ln(10) is 2.3026');
fresh.reg = 0.5;
console.log('with reg 0.5          ', fresh.loss(noise, noiseLabels)[0].toFixed(4));

// %% [markdown]
// **The gradients**, on a few small images. A step of 1e-6 still finds ReLUs and pools that change their mind on the
// way, so errors of up to 1e-2 would prove nothing; these are far below.

// %%
const tiny = new ThreeLayerConvNet({
  inputDim: [3, 8, 8], numFilters: 3, filterSize: 3, hiddenDim: 7, weightScale: 1e-2, dtype: 'float64',
  rng: new RandomState(231),
});
const tinyImages = guesses.randn(2, 3, 8, 8);
const tinyLabels = guesses.randint(10, null, 2);
const [, gradients] = tiny.loss(tinyImages, tinyLabels);
const tinyLoss = (): number => tiny.loss(tinyImages, tinyLabels)[0];
display(Object.keys(gradients).sort().map((name) => ({
  parameter: name,
  error: relError(gradients[name], evalNumericalGradient(tinyLoss, tiny.params[name], { h: 1e-6 })),
})));

// %% [markdown]
// **Few images.** A network that is right must be able to learn a hundred images by heart, whatever it then says of
// others. The images are drawn shapes of ten classes, unless the variable `CIFAR10` names the archive of the
// photographs; `NUM_TRAIN` sets how many are used.

// %%
const cifar = process.env.CIFAR10;
const drawn = Number(process.env.NUM_TRAIN ?? 4000);
const held = Math.min(500, drawn); // images for validation, and for the test
const data = cifar === undefined
  ? prepareImages(makeShapes({ seed: 0, numTrain: drawn + held, numTest: held }), { numValidation: held })
  : await getCifar10Data(cifar);
console.log(cifar === undefined ? 'drawn shapes' : 'CIFAR-10', data.XTrain.shape.join('x'));
display(data.XTrain.slice([0, 20]));

// %%
const few = { ...data, XTrain: data.XTrain.slice([0, 100]), yTrain: data.yTrain.slice(0, 100) };
const memory = new Solver(new ThreeLayerConvNet({ weightScale: 1e-2, rng: new Rng(0) }), few, {
  updateRule: 'adam', optimConfig: { learningRate: 1e-3 }, batchSize: 50, numEpochs: 15, verbose: false,
});
await memory.train();
console.log('training', memory.trainAccHistory.at(-1), 'validation', memory.valAccHistory.at(-1));
display(memory);

// %% [markdown]
// Training accuracy goes to 1 and validation accuracy stays far behind: what has been learnt is these images. The gap
// is the measure of overfitting.
//
// ## One epoch on all images

// %%
const model = new ThreeLayerConvNet({ hiddenDim: 500, reg: 1e-3, weightScale: 1e-3, rng: new Rng(0) });
const untrained = filterGrid(model.params.W1, { scale: 3 });
const solver = new Solver(model, data, {
  updateRule: 'adam', optimConfig: { learningRate: 1e-3 }, batchSize: 50, numEpochs: 1, printEvery: 20, verbose: true,
  onProgress: progressDisplay(),
});
console.log(await solver.train());

// %%
console.log('training  ', solver.checkAccuracy(data.XTrain, data.yTrain));
console.log('validation', solver.checkAccuracy(data.XVal, data.yVal));
console.log('test      ', solver.checkAccuracy(data.XTest, data.yTest));
display(solver);

// %% [markdown]
// ## What the first layer looks for
//
// Each filter, stretched to its own range. At first they are noise. After training some answer to colours (a filter of
// one hue), some to edges (light on one side, dark on the other), some to blobs; those that still look like noise have
// not found anything to do.

// %%
display([[
  { title: 'before training', picture: untrained },
  { title: 'after training', picture: filterGrid(model.params.W1, { scale: 3 }) },
]], { width: 320 });

// %% [markdown]
// ## Batchnorm of images
//
// A filter looks at every pixel in the same way, so its outputs are normalised over the batch and over all pixels: one
// mean and one deviation per channel.

// %%
const channels = new RandomState(231).randn(2, 3, 4, 5).mul(4).add(10);
const digits = (t: Tensor): string =>
  Array.from(t.data, (value) => value.toFixed(4).replace(/^-(0\.0+)$/, '$1')).join(', ');
const perChannel = (t: Tensor): { mean: string; std: string } => ({
  mean: digits(t.mean([0, 2, 3])), std: digits(t.std([0, 2, 3])),
});
const gamma = tensor([1, 1, 1], null, 'float64');
const beta = tensor([0, 0, 0], null, 'float64');
const shifted = [tensor([3, 4, 5], null, 'float64'), tensor([6, 7, 8], null, 'float64')] as const;
const normalise = (g: Tensor, s: Tensor): Tensor =>
  layers.spatialBatchnormForward(channels, g, s, { mode: 'train' })[0];
display([
  { of: 'the input', ...perChannel(channels) },
  { of: 'the output, gamma 1, beta 0', ...perChannel(normalise(gamma, beta)) },
  { of: 'the output, gamma 3 4 5, beta 6 7 8', ...perChannel(normalise(...shifted)) },
]);

// %% [markdown]
// At test time running averages stand in for the batch's own figures. After fifty batches they have settled.

// %%
const stream = new RandomState(231);
const running: layers.BatchnormParam = { mode: 'train' };
const four = { gamma: tensor([1, 1, 1, 1], null, 'float64'), beta: zeros([4], 'float64') };
for (let t = 0; t < 50; t++)
  layers.spatialBatchnormForward(stream.randn(10, 4, 11, 12).mul(2.3).add(13), four.gamma, four.beta, running);
running.mode = 'test';
const newBatch = stream.randn(10, 4, 11, 12).mul(2.3).add(13);
const [atTest] = layers.spatialBatchnormForward(newBatch, four.gamma, four.beta, running);
display([{ of: 'a new batch at test time', ...perChannel(atTest) }]);

// %% [markdown]
// ## Group normalisation
//
// Where the batch is small its figures are noise. Group normalisation takes them within each image instead, over some
// neighbouring channels; what it does to one image does not depend on the others.

// %%
const [G, six] = [2, new RandomState(231).randn(2, 6, 4, 5).mul(4).add(10)];
const groupGamma = tensor([1, 1, 1, 1, 1, 1], null, 'float64');
const groupBeta = zeros([6], 'float64');
const group = (): Tensor => layers.spatialGroupnormForward(six, groupGamma, groupBeta, G)[0];
const [, groupCache] = layers.spatialGroupnormForward(six, groupGamma, groupBeta, G);
const groups = group().reshape(4, -1);
console.log('mean of each image and group', digits(groups.mean(1)));
console.log('deviation                   ', digits(groups.std(1)));
const groupUpstream = random.randn(2, 6, 4, 5);
const groupGradients = layers.spatialGroupnormBackward(groupUpstream, groupCache);
display([six, groupGamma, groupBeta].map((input, i) => ({
  gradient: ['dx', 'dgamma', 'dbeta'][i],
  error: relError(groupGradients[i], evalNumericalGradientArray(group, input, groupUpstream)),
})));

// %% [markdown]
// **Exercise.** Group normalisation with `reshape`, `mean(axis, true)` and `var(axis, true)`; epsilon is 1e-5.

// %%
const myGroupnorm = null as null | ((x: Tensor, gamma: Tensor, beta: Tensor, groups: number) => Tensor);
grade('my group normalisation', myGroupnorm, (f) => relError(f(six, groupGamma, groupBeta, G), group()));
