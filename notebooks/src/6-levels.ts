/* The notebook of this name as a program: npx tsx notebooks/src/6-levels.ts */

// %% [markdown]
// # One network, written on every level
//
// A network can be written with nothing but functions and their backward passes, or in one expression that names its
// layers. Each level gives something away and takes work off one's hands. This notebook writes the same three-layer
// network (convolution 5x5 - ReLU - convolution 3x3 - ReLU - affine) on each of them.
//
// | level | who computes gradients | who updates | who loops |
// |---|---|---|---|
// | barebones | recorded operations | you | you |
// | modules | recorded operations | an optimiser | you |
// | sequential | recorded operations | an optimiser | you, or `fit` |
// | graph | recorded operations | an optimiser | you, or `fit` |

// %%
import process from 'node:process';
import { ready, Rng, zeros, type Tensor } from 'tilegrad';
import { batches, makeShapes, prepareImages } from 'tilegrad/data';
import { kaimingInit } from 'tilegrad/layers';
import * as nn from 'tilegrad/nn';
import { loadCifar10 } from 'tilegrad/node';
import { display, lineChart } from 'tilegrad/viz';

await ready();
const cifar = process.env.CIFAR10;
const drawn = Number(process.env.NUM_TRAIN ?? 4000);
const held = Math.min(500, drawn);
const set = cifar === undefined
  ? makeShapes({ seed: 0, numTrain: drawn + held, numTest: held }) : await loadCifar10(cifar);
const data = prepareImages(set, { numValidation: cifar === undefined ? held : 1000, normalize: true });
console.log(cifar === undefined ? 'drawn shapes' : 'CIFAR-10', data.XTrain.shape.join('x'));

// %% [markdown]
// ## Barebones
//
// A `Variable` is a tensor that remembers how it came about. Functions of variables record themselves; `backward()` of
// a loss walks the record back and leaves `grad` on every parameter. Flattening images is a `reshape`:

// %%
const flat = nn.variable(zeros([2, 1, 3, 2])).reshape(2, -1);
console.log('before 2x1x3x2, after', flat.shape.join('x'));

// %%
/** affine - relu - affine, as a function of images and parameters */
function twoLayers(x: nn.Variable, [w1, w2]: readonly nn.Variable[]): nn.Variable {
  return x.reshape(x.shape[0], -1).matmul(w1).relu().matmul(w2);
}

/** conv - relu - conv - relu - affine; padding keeps the 32x32 pixels */
function threeLayers(x: nn.Variable, [w1, b1, w2, b2, w3, b3]: readonly nn.Variable[]): nn.Variable {
  const first = nn.conv2d(x, w1, b1, { padding: 2 }).relu();
  const second = nn.conv2d(first, w2, b2, { padding: 1 }).relu();
  return second.reshape(x.shape[0], -1).matmul(w3).add(b3);
}

const shapes = threeLayers(nn.variable(zeros([64, 3, 32, 32])), [
  zeros([6, 3, 5, 5]), zeros([6]), zeros([9, 6, 3, 3]), zeros([9]), zeros([9 * 32 * 32, 10]), zeros([10]),
].map((t) => nn.parameter(t)));
console.log('64 images give scores', shapes.shape.join('x'));

// %% [markdown]
// Accuracy needs no record: `noGrad` switches it off. The training loop takes a batch, computes the loss, walks back,
// and takes a step down each gradient, by hand.

// %%
type Scores = (x: nn.Variable) => nn.Variable;

/** The share of images whose largest score is that of their class. */
function accuracy(scores: Scores, X: Tensor, y: Int32Array): number {
  let right = 0;
  for (const [images, labels] of batches(X, y)) {
    const guesses = nn.noGrad(() => scores(nn.variable(images)).value.argmax(1).data);
    right += labels.filter((label, i) => label === guesses[i]).length;
  }
  return right / y.length;
}

/** One epoch in batches of 64. `update` changes the parameters once their gradients are there; returns the losses. */
function trainEpoch(scores: Scores, update: () => void): number[] {
  const losses: number[] = [];
  for (const [X, y] of batches(data.XTrain, data.yTrain, { batchSize: 64, rng: new Rng(1) })) {
    const loss = nn.crossEntropy(scores(nn.variable(X)), y);
    loss.backward();
    update();
    losses.push(loss.item());
  }
  return losses;
}

/** Gradient descent without an optimiser. */
function descend(parameters: readonly nn.Variable[], learningRate: number): () => void {
  return () => nn.noGrad(() => {
    for (const w of parameters) {
      w.assign(w.value.sub(w.grad!.mul(learningRate)));
      w.zeroGrad();
    }
  });
}

const losses: Record<string, number[]> = {};
const results: { level: string; network: string; validation: number; test: number }[] = [];
function report(level: string, network: string, scores: Scores): void {
  const [validation, test] = [accuracy(scores, data.XVal, data.yVal), accuracy(scores, data.XTest, data.yTest)];
  results.push({ level, network, validation, test });
  console.log(`${level}, ${network}: validation ${validation.toFixed(3)}, test ${test.toFixed(3)}`);
}

// %%
const rng = new Rng(0);
const pair = [kaimingInit(3072, 1000, { rng }), kaimingInit(1000, 10, { relu: false, rng })]
  .map((t) => nn.parameter(t));
losses['two layers'] = trainEpoch((x) => twoLayers(x, pair), descend(pair, 1e-2));
report('barebones', 'two layers', (x) => twoLayers(x, pair));

/** The parameters of the convolutional network, drawn in one order from a seed, so that every level begins alike. */
function firstWeights(seed: number): Tensor[] {
  const draw = new Rng(seed);
  return [
    kaimingInit(3, 32, { k: 5, rng: draw }), zeros([32]), kaimingInit(32, 16, { k: 3, rng: draw }), zeros([16]),
    kaimingInit(16 * 32 * 32, 10, { relu: false, rng: draw }), zeros([10]),
  ];
}

const bare = firstWeights(0).map((t) => nn.parameter(t));
losses.barebones = trainEpoch((x) => threeLayers(x, bare), descend(bare, 3e-3));
report('barebones', 'three layers', (x) => threeLayers(x, bare));

// %% [markdown]
// **Exercise.** Momentum by hand: keep a velocity beside each parameter, `v = 0.9 v - rate * grad`, and add it.

// %%
const myMomentum = null as null | ((parameters: readonly nn.Variable[], learningRate: number) => () => void);
if (myMomentum === null) console.log('momentum by hand: not filled in yet');
else {
  const moved = firstWeights(0).map((t) => nn.parameter(t));
  losses['barebones, my momentum'] = trainEpoch((x) => threeLayers(x, moved), myMomentum(moved, 3e-3));
  report('barebones, my momentum', 'three layers', (x) => threeLayers(x, moved));
}

// %% [markdown]
// ## Modules
//
// A class holds layers as fields, and `forward` says how they are connected. `parameters()` finds all there is to
// learn, so an optimiser can take it over. `train()` and `eval()` tell batchnorm and dropout which of their two forms
// is meant.

// %%
class ThreeLayerConvNet extends nn.Module {
  readonly conv1: nn.Conv2d = new nn.Conv2d(3, 32, 5, { padding: 2 });
  readonly conv2: nn.Conv2d = new nn.Conv2d(32, 16, 3, { padding: 1 });
  readonly flatten: nn.Flatten = new nn.Flatten();
  readonly fc: nn.Linear = new nn.Linear(16 * 32 * 32, 10);

  forward(x: nn.Variable): nn.Variable {
    const second = this.conv2.forward(this.conv1.forward(x).relu()).relu();
    return this.fc.forward(this.flatten.forward(second));
  }
}

/** One epoch of a module with an optimiser, and its accuracies. */
function trainModule(level: string, net: nn.Module, optimizer: nn.Optimizer, network: string = 'three layers'): void {
  const scores: Scores = (x) => net.forward(x);
  net.train();
  losses[level] = trainEpoch(scores, () => {
    optimizer.step();
    optimizer.zeroGrad();
  });
  net.eval();
  report(level, network, scores);
}

nn.manualSeed(0);
const byModule = new ThreeLayerConvNet();
console.log(byModule.parameters().map(({ shape }) => shape.join('x')).join('  '));
trainModule('module, Adam', byModule, new nn.Adam(byModule.parameters(), { lr: 1e-3 }));

// %% [markdown]
// ## Sequential
//
// Where each layer feeds the next and nothing else, the list is the network.

// %%
const list = nn.sequential(
  new nn.Conv2d(3, 32, 5, { padding: 2, rng }), new nn.ReLU(),
  new nn.Conv2d(32, 16, 3, { padding: 1, rng }), new nn.ReLU(),
  new nn.Flatten(), new nn.Linear(16 * 32 * 32, 10, { rng }),
);
console.log(list.summary([3, 32, 32]));
trainModule('sequential, Nesterov', list, new nn.SGD(list.parameters(), { lr: 1e-2, momentum: 0.9, nesterov: true }));

// %% [markdown]
// `compile` and `fit` take the loop over as well.

// %%
const block = (from: number, to: number): nn.Module[] =>
  [new nn.Conv2d(from, to, 3, { padding: 1, rng }), new nn.BatchNorm2d(to), new nn.ReLU(), new nn.MaxPool2d(2)];
const deep = nn.sequential(
  ...block(3, 16), ...block(16, 32), ...block(32, 64), new nn.Flatten(), new nn.Linear(64 * 4 * 4, 10, { rng }),
);
deep.compile({
  loss: 'crossEntropy', optimizer: (parameters) => new nn.Adam(parameters, { lr: 2e-3 }), metrics: ['accuracy'],
});
await deep.fit(data.XTrain, data.yTrain, {
  epochs: 1, batchSize: 64, validation: [data.XVal, data.yVal], rng: new Rng(1), verbose: false,
});
report('sequential, fit', 'three blocks with batchnorm', (x) => deep.forward(x));

// %% [markdown]
// ## Graphs
//
// Where the way forks and joins, layers are called on symbols, and `model` closes the graph. Here a block is bridged
// (its input is added to its output) and what comes of it is joined with an earlier layer.

// %%
const image = nn.input([3, 32, 32]);
const first = new nn.Conv2d(3, 16, 3, { padding: 'same', rng }).apply(image);
const stem = new nn.MaxPool2d(2).apply(new nn.ReLU().apply(first));
const inner = new nn.BatchNorm2d(16).apply(new nn.Conv2d(16, 16, 3, { padding: 'same', rng }).apply(stem));
const skipped = new nn.ReLU().apply(new nn.Add().apply(inner, stem));
const dense = new nn.MaxPool2d(2).apply(new nn.Concatenate(1).apply(skipped, stem));
const graph = nn.model(image, new nn.Linear(32 * 8 * 8, 10, { rng }).apply(new nn.Flatten().apply(dense)));
graph.compile({ optimizer: (parameters) => new nn.SGD(parameters, { lr: 1e-2, momentum: 0.9, nesterov: true }) });
await graph.fit(data.XTrain, data.yTrain, { epochs: 1, batchSize: 64, rng: new Rng(1), verbose: false });
report('graph, fit', 'with a skip and a dense connection', (x) => graph.forward(x));

// %% [markdown]
// ## In Keras's manner
//
// Keras's networks end in probabilities, their filters are laid out `(KH, KW, C, F)`, their first weights are drawn in
// another way, and metrics gather figures on the way. All of that has its place here.

// %%
const keras = nn.initializeLikeKeras(nn.sequential(
  new nn.Conv2d(3, 32, 5, { padding: 'same' }), new nn.ReLU(),
  new nn.Conv2d(32, 16, 3, { padding: 'same' }), new nn.ReLU(),
  new nn.Flatten(), new nn.Linear(16 * 32 * 32, 10), new nn.Softmax(),
), { rng });
const adam = new nn.Adam(keras.parameters(), { lr: 1e-3 });
const [meanLoss, share] = [new nn.Mean(), new nn.Accuracy()];
keras.train();
for (const [X, y] of batches(data.XTrain, data.yTrain, { batchSize: 64, rng: new Rng(1) })) {
  const probabilities = keras.forward(nn.variable(X));
  const loss = nn.categoricalCrossEntropy(probabilities, y);
  meanLoss.add(loss.item(), y.length);
  share.update(probabilities.value, y);
  loss.backward();
  adam.step();
  adam.zeroGrad();
}
console.log(`loss ${meanLoss.result().toFixed(4)}, accuracy ${share.result().toFixed(4)}`);
keras.eval();
report('Keras, loop', 'three layers', (x) => keras.forward(x));

// %% [markdown]
// ## Side by side

// %%
display(results);

// %%
const smooth = (values: number[]): number[] => values.map((_, i) => {
  const window = values.slice(Math.max(0, i - 4), i + 1);
  return window.reduce((sum, value) => sum + value / window.length, 0);
});
const shown = ['barebones', 'module, Adam', 'sequential, Nesterov'];
display(lineChart(Object.fromEntries(shown.map((name) => [name, smooth(losses[name])])), {
  title: 'Training loss of the three-layer network', xLabel: 'iteration', yLabel: 'loss, mean of five',
}), { width: 720 });

// %% [markdown]
// **Question: how do you tell, at this stage, whether the networks are good?**
//
// All of them saw each image once, so none can have learnt images by heart, and what differs is how far one pass
// brings them. Plain descent with a small rate gets least far; the same network with momentum or Adam gets much
// farther in the same steps, as the curves show; batchnorm and pooling help most, because the deep network sees larger
// parts of the image with fewer parameters. The level has nothing to do with it: with equal first weights, batches and
// rule, every level computes the same losses (`examples/levels/side-by-side.ts` shows that, to the last bit). One
// chooses the lowest level on which what one wants to change is still within reach.
