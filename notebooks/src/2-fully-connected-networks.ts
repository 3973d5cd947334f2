/* The notebook of this name as a program: npx tsx notebooks/src/2-fully-connected-networks.ts */

// %% [markdown]
// # Fully connected networks and update rules
//
// Affine layers and ReLU with their gradients, losses, networks of any depth, and the rules that turn gradients into
// steps: momentum, RMSProp, Adam, AdaGrad.

// %%
import process from 'node:process';
import { linspace, RandomState, ready, Rng, tensor, type Tensor } from 'tilegrad';
import { makeShapes, prepareImages } from 'tilegrad/data';
import * as layers from 'tilegrad/layers';
import { FullyConnectedNet, TwoLayerNet } from 'tilegrad/models';
import { getCifar10Data } from 'tilegrad/node';
import * as train from 'tilegrad/train';
import { accuracyChart, confusionMatrix, display, filterGrid, imageGrid, lineChart, lossChart } from 'tilegrad/viz';

await ready();
const { evalNumericalGradient, evalNumericalGradientArray, gradCheckSparse, relError, Solver } = train;

/** Compares what an exercise computes with what the library does, once it computes anything. */
function grade<F>(name: string, mine: F | null, error: (f: F) => number): void {
  console.log(mine === null ? `${name}: not filled in yet` : `${name}: error ${error(mine).toExponential(1)}`);
}

// %% [markdown]
// ## Layers
//
// An affine layer flattens each example and multiplies: `out = x w + b`. The figures were computed with NumPy.

// %%
const [affine] = layers.affineForward(
  linspace(-0.1, 0.5, 240).reshape(2, 4, 5, 6), linspace(-0.2, 0.3, 360).reshape(120, 3), linspace(-0.3, 0.1, 3),
);
const random = new RandomState(231);
const x = random.randn(10, 2, 3);
const [w, b, dout] = [random.randn(6, 5), random.randn(5), random.randn(10, 5)];
const forward = (): Tensor => layers.affineForward(x, w, b)[0];
const gradients = layers.affineBackward(dout, layers.affineForward(x, w, b)[1]);
const [wide, upstream] = [random.randn(10, 10), random.randn(10, 10)];
const relu = layers.reluBackward(upstream, layers.reluForward(wide)[1]);
const reluSlopes = evalNumericalGradientArray(() => layers.reluForward(wide)[0], wide, upstream);
const expected = [[1.49834967, 1.70660132, 1.91485297], [3.25553199, 3.5141327, 3.77273342]];
display([
  { check: 'affine, forward', error: relError(affine, expected) },
  ...[x, w, b].map((input, i) => ({
    check: `affine, ${['dx', 'dw', 'db'][i]}`,
    error: relError(gradients[i], evalNumericalGradientArray(forward, input, dout)),
  })),
  { check: 'ReLU, dx', error: relError(relu, reluSlopes) },
]);

// %% [markdown]
// **Exercise.** The affine layer's backward pass: three lines with `matmul`, `transpose` and `sum`.

// %%
const myAffineBackward = null as null | ((dout: Tensor, x: Tensor, w: Tensor) => [dx: Tensor, dw: Tensor, db: Tensor]);
grade('my affine layer', myAffineBackward, (f) =>
  Math.max(...f(dout, x, w).map((gradient, i) => relError(gradient, gradients[i]))));

// %% [markdown]
// **Question: which of sigmoid, ReLU and leaky ReLU can pass no (or almost no) gradient back, and for which inputs?**
//
// The cell pushes a gradient of 1 through each at some inputs. Sigmoid's slope is s(1 - s): at most a quarter, and
// next to nothing for inputs far from 0 on either side, where it is saturated. ReLU's is exactly 0 for every negative
// input; a neuron that is negative for all images learns nothing any more. Leaky ReLU keeps a small slope there, so
// its gradient never vanishes, though it becomes small.

// %%
const probe = tensor([[-20, -2, -0.5, 0.5, 2, 20]], null, 'float64');
const one = tensor([[1, 1, 1, 1, 1, 1]], null, 'float64');
const slopesOf: [string, Tensor][] = [
  ['sigmoid', layers.sigmoidBackward(one, layers.sigmoidForward(probe)[1])],
  ['ReLU', layers.reluBackward(one, layers.reluForward(probe)[1])],
  ['leaky ReLU', layers.leakyReluBackward(one, layers.leakyReluForward(probe, 0.01)[1])],
];
display(slopesOf.map(([name, slope]) => ({
  name, ...Object.fromEntries(Array.from(probe.data, (at, i) => [`at ${at}`, slope.data[i]])),
})));

// %% [markdown]
// ## Losses
//
// For scores that know nothing, softmax gives ln(10) = 2.303 and the SVM loss 9: each of nine wrong classes misses its
// margin of 1.

// %%
const scores = new RandomState(231).randn(50, 10).mul(0.001);
const labels = new RandomState(1).randint(10, null, 50);
const losses = { svm: layers.svmLoss, softmax: layers.softmaxLoss };
display(Object.entries(losses).map(([name, loss]) => {
  const [value, dx] = loss(scores, labels);
  return { name, loss: value, error: relError(dx, evalNumericalGradient(() => loss(scores, labels)[0], scores)) };
}));

// %% [markdown]
// ## Networks of any depth
//
// The first loss, and the gradients at twelve places of every parameter, without and with regularisation.

// %%
const [Xs, ys] = [random.randn(2, 15), random.randint(10, null, 2)];
display([0, 3.14].map((reg) => {
  const net = new FullyConnectedNet([20, 30], {
    inputDim: 15, reg, weightScale: 5e-2, dtype: 'float64', rng: new RandomState(231),
  });
  const [loss, grads] = net.loss(Xs, ys);
  const error = (name: string): number => Math.max(
    ...gradCheckSparse(() => net.loss(Xs, ys)[0], net.params[name], grads[name], { numChecks: 12 })
      .map((check) => check.relError),
  );
  return { reg, loss, ...Object.fromEntries(Object.keys(grads).sort().map((name) => [name, error(name)])) };
}));

// %% [markdown]
// ## Data, and a network of two layers
//
// Drawn shapes of ten classes, or CIFAR-10 where the variable `CIFAR10` names its archive.

// %%
const cifar = process.env.CIFAR10;
const drawn = Number(process.env.NUM_TRAIN ?? 4000);
const held = Math.min(500, drawn);
const set = makeShapes({ seed: 0, numTrain: drawn + held, numTest: held });
const data = cifar === undefined
  ? prepareImages(set, { numValidation: held, normalize: true }) : await getCifar10Data(cifar, { normalize: true });
console.log(cifar === undefined ? 'drawn shapes' : 'CIFAR-10', data.XTrain.shape.join('x'));

const two = new TwoLayerNet({ hiddenDim: 100, reg: 1e-3, weightScale: 1e-2, rng: new Rng(0) });
const twoSolver = new Solver(two, data, {
  updateRule: 'sgd', optimConfig: { learningRate: 2e-2 }, lrDecay: 0.95, batchSize: 100, numEpochs: 10, verbose: false,
});
await twoSolver.train();
console.log('training', twoSolver.trainAccHistory.at(-1), 'best validation', twoSolver.bestValAcc);
display(twoSolver);

// %% [markdown]
// The weights of the first layer, as pictures: each column of `W1` has as many entries as an image.

// %%
const templates = two.params.W1.transpose().slice([0, 24]).reshape(24, 3, 32, 32);
display([[{ title: 'first layer', picture: filterGrid(templates, { columns: 12 }) }]], { width: 480 });

// %% [markdown]
// **Question: the accuracy in training is well above that of new images. What narrows the gap: more training images,
// more hidden units, or stronger regularisation?**
//
// More images and stronger regularisation; more units widen it. The cell trains on a part of the images, then changes
// one thing at a time. With more images there is less that holds of the training set alone; regularisation forbids the
// large weights with which single images are remembered; more units add the means to remember. Neither tells by itself
// that the accuracy on new images rises: too much regularisation narrows the gap by lowering both.

// %%
const part = Math.floor(data.yTrain.length / 4);
const fewer = { ...data, XTrain: data.XTrain.slice([0, part]), yTrain: data.yTrain.slice(0, part) };
type Figures = Record<string, string | number>;
async function gap(run: string, images: typeof data, hiddenDim: number, reg: number): Promise<Figures> {
  const solver = new Solver(new TwoLayerNet({ hiddenDim, reg, weightScale: 1e-2, rng: new Rng(0) }), images, {
    updateRule: 'adam', optimConfig: { learningRate: 1e-3 }, batchSize: 100, numEpochs: 10, verbose: false,
  });
  await solver.train();
  const [training, validation] = [solver.trainAccHistory.at(-1)!, solver.valAccHistory.at(-1)!];
  return { run, training, validation, gap: training - validation };
}
display([
  await gap('a quarter of the images', fewer, 100, 0), await gap('all images', data, 100, 0),
  await gap('a quarter, 300 units', fewer, 300, 0), await gap('a quarter, reg 0.1', fewer, 100, 0.1),
]);

// %% [markdown]
// **Question: which images are taken for others, and does that make sense?** Rows are what an image shows, columns
// what the network says.

// %%
const guesses = two.loss(data.XVal).argmax(1);
const confusion = confusionMatrix(data.yVal, Int32Array.from(guesses.data), 10);
display(confusion.map((row, i) => ({
  class: data.classNames[i], ...Object.fromEntries(row.map((count, j) => [data.classNames[j], count])),
})));

// %% [markdown]
// The confusions are not spread evenly: they gather where two classes have parts in common. Among the drawn shapes
// stripes are taken for stripes of another direction, zigzags for diagonal stripes, dots for grids, crosses for rings.
// A network without convolutions compares pixels at fixed places with one template per hidden unit, so it goes by what
// is where, and is lost when a pattern moves. Some that it got wrong:

// %%
const wrong = Array.from(guesses.data).flatMap((guess, i) => guess === data.yVal[i] ? [] : [i]).slice(0, 16);
const mistaken = imageGrid(data.XVal.take(wrong), { columns: 8, normalize: 'each' });
display([[{ title: 'taken for another class', picture: mistaken }]], { width: 480 });

// %% [markdown]
// ## Overfitting fifty images
//
// Networks of three and of five layers must be able to learn fifty images by heart within twenty epochs. What first
// weights and learning rates let them?

// %%
const fifty = { ...data, XTrain: data.XTrain.slice([0, 50]), yTrain: data.yTrain.slice(0, 50) };
async function overfit(hidden: number[], weightScale: number, learningRate: number): Promise<number> {
  const net = new FullyConnectedNet(hidden, { weightScale, rng: new Rng(0) });
  const solver = new Solver(net, fifty, {
    optimConfig: { learningRate }, batchSize: 25, numEpochs: 20, verbose: false, numValSamples: 1,
    stopWhenDiverged: false,
  });
  await solver.train();
  return Math.max(...solver.trainAccHistory);
}
const scales = [1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1];
const overfits: Figures[] = [];
const depths: [string, number[]][] = [['three layers', [100, 100]], ['five layers', [100, 100, 100, 100]]];
for (const [depth, hidden] of depths) {
  for (const learningRate of [1e-2, 1e-3]) {
    const row: Figures = { depth, learningRate };
    for (const scale of scales) row[`scale ${scale}`] = await overfit(hidden, scale, learningRate);
    overfits.push(row);
  }
}
display(overfits);

// %% [markdown]
// **Question: was the deeper network harder to train, and which one is more sensitive to the scale of its first
// weights?**
//
// The deeper one. In the table three layers learn a part of the images at every scale, and more the larger it is; five
// layers stay at chance over most of their rows, learn all of them in one column for each rate, and at the larger rate
// fall back in the next. A layer multiplies the signal by about `scale * sqrt(fanIn / 2)`, and depth raises that
// factor to a power: a scale that is three times off is a factor of 27 for three layers and of 243 for five, forward,
// and the same again for the gradients. Below the right scale nothing arrives and the loss stays where it was; above
// it scores explode. Three layers have a wider range between the two.
//
// ## Update rules
//
// Plain descent steps along the gradient of one batch. Momentum adds up a velocity, so that what batches agree on
// grows and what they do not cancels. RMSProp divides each parameter's step by a running average of its gradient's
// size; Adam does both, and corrects the averages for having started at zero.

// %%
const [w0, dw0] = [linspace(-0.4, 0.6, 20).reshape(4, 5), linspace(-0.6, 0.4, 20).reshape(4, 5)];
const [stepped, momentumState] = train.sgdMomentum(w0.clone(), dw0, {
  learningRate: 1e-3, velocity: linspace(0.6, 0.9, 20).reshape(4, 5),
});
console.log('a step with momentum  ', [0, 1, 2, 3, 4].map((i) => stepped.get(0, i).toFixed(6)).join(' '));
console.log('as computed with NumPy 0.140600 0.207389 0.274179 0.340968 0.407758');
console.log('what the rule remembers', Object.keys(momentumState).join(', '));

// %% [markdown]
// **Exercise.** Adam's step `t`, from the averages `m` and `v` before it: return the new weights.

// %%
type Adam = (w: Tensor, dw: Tensor, m: Tensor, v: Tensor, t: number) => Tensor;
const myAdam = null as null | Adam;
const [m0, v0] = [linspace(0.6, 0.9, 20).reshape(4, 5), linspace(0.7, 0.5, 20).reshape(4, 5)];
const [adamStep] = train.adam(w0.clone(), dw0, { learningRate: 1e-2, m: m0.clone(), v: v0.clone(), t: 5 });
grade('my Adam', myAdam, (f) => relError(f(w0, dw0, m0, v0, 6), adamStep));

// %%
const rules: [train.RuleName, number][] = [
  ['sgd', 5e-3], ['sgdMomentum', 5e-3], ['nesterov', 5e-3], ['rmsprop', 1e-4], ['adam', 1e-3], ['adagrad', 5e-3],
];
const runs: Record<string, train.Solver> = {};
for (const [updateRule, learningRate] of rules) {
  const net = new FullyConnectedNet([100, 100, 100, 100, 100], { weightScale: 5e-2, rng: new Rng(0) });
  runs[updateRule] = new Solver(net, data, {
    updateRule, optimConfig: { learningRate }, batchSize: 100, numEpochs: 5, verbose: false,
  });
  await runs[updateRule].train();
}
display(Object.entries(runs).map(([rule, solver]) => ({
  rule, 'last loss': solver.lossHistory.at(-1)!, training: solver.trainAccHistory.at(-1)!,
  validation: solver.bestValAcc,
})));

// %%
display([lossChart(runs), accuracyChart(runs)]);

// %% [markdown]
// **Question: AdaGrad divides by the root of the sum of all squared gradients so far. Why do its updates become very
// small, and would Adam's?**
//
// The sum never shrinks. Under a gradient of constant size it grows like t, so steps shrink like 1/sqrt(t), whether
// the goal is near or not; in a run as short as that of the table it still keeps up. Adam (and RMSProp) average with
// exponential forgetting instead: the average settles at the size of recent gradients, and steps stay about as long as
// the learning rate says. The cell feeds both the same gradient of 1.

// %%
const sizes: Record<string, number[]> = { adagrad: [], adam: [] };
for (const rule of ['adagrad', 'adam'] as const) {
  let at = tensor([0], null, 'float64');
  let config: train.UpdateConfig = { learningRate: 1e-2 };
  for (let t = 0; t < 100; t++) {
    const before = at.item();
    [at, config] = train[rule](at, tensor([1], null, 'float64'), config);
    sizes[rule].push(Math.abs(at.item() - before));
  }
}
display(lineChart(sizes, { title: 'Length of a step under a constant gradient', xLabel: 'step', yLabel: 'length' }));
