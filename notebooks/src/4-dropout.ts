/* The notebook of this name as a program: npx tsx notebooks/src/4-dropout.ts */

// %% [markdown]
// # Dropout
//
// In training each activation is set to 0 by chance, so that no neuron can rely on a certain other one. This notebook
// checks the layer and then looks at what it does to the gap between training and validation.
//
// Two conventions are about: `keepProb` is the chance to stay (the course's `p` in its present form), `dropProb` the
// chance to be dropped (PyTorch's `p`). Here either can be given, and the name says which.

// %%
import process from 'node:process';
import { RandomState, ready, Rng, type Tensor } from 'tilegrad';
import { makeShapes, prepareImages } from 'tilegrad/data';
import * as layers from 'tilegrad/layers';
import { FullyConnectedNet } from 'tilegrad/models';
import { getCifar10Data } from 'tilegrad/node';
import { evalNumericalGradientArray, gradCheckSparse, relError, Solver } from 'tilegrad/train';
import { accuracyChart, display, lossChart } from 'tilegrad/viz';

await ready();

/** Compares what an exercise computes with what the library does, once it computes anything. */
function grade<F>(name: string, mine: F | null, error: (f: F) => number): void {
  console.log(mine === null ? `${name}: not filled in yet` : `${name}: error ${error(mine).toExponential(1)}`);
}

// %% [markdown]
// ## Forward
//
// What stays is divided by the chance to stay, so that the mean of the output is that of the input, in training as at
// test time, where the layer does nothing.

// %%
const random = new RandomState(231);
const x = random.randn(500, 500).add(10);
display([0.25, 0.4, 0.7].map((keepProb) => {
  const [trained] = layers.dropoutForward(x, { keepProb, mode: 'train', rng: random });
  const [tested] = layers.dropoutForward(x, { keepProb, mode: 'test' });
  return {
    keepProb, 'mean of the input': x.mean().item(),
    'in training': trained.mean().item(), 'at test time': tested.mean().item(),
    'zeros in training': trained.equal(0).mean().item(), 'zeros at test time': tested.equal(0).mean().item(),
  };
}));

// %% [markdown]
// **Exercise.** Make the mask from uniform numbers `u`: what stays where `u < keepProb`, and what it is multiplied by.

// %%
const myDropout = null as null | ((x: Tensor, u: Tensor, keepProb: number) => Tensor);
grade('my dropout', myDropout, (f) => relError(
  f(x, new RandomState(7).rand(500, 500), 0.4),
  layers.dropoutForward(x, { keepProb: 0.4, mode: 'train', rng: new RandomState(7) })[0],
));

// %% [markdown]
// ## Backward
//
// The gradient passes through the mask as the values did. A seed makes the layer draw the same mask every time,
// without which there would be no slope to measure.

// %%
const input = random.randn(10, 10).add(10);
const upstream = random.randn(10, 10);
const param = { keepProb: 0.2, mode: 'train', seed: 123 } as const;
const dx = layers.dropoutBackward(upstream, layers.dropoutForward(input, param)[1]);
const slopes = evalNumericalGradientArray(() => layers.dropoutForward(input, param)[0], input, upstream);
console.log('dx: error', relError(dx, slopes).toExponential(1));

// %% [markdown]
// **Question: what happens if the layer does not divide by `p`, the chance to stay, and why?**
//
// Then the next layer gets `p` times the input on average in training, and the whole of it at test time. Its weights
// have been learnt for the smaller sums; at test time every sum is 1/p times as large, layer after layer, scores are
// far too big and the biases no longer fit. The next cell measures it: without the division the mean differs between
// the two modes by exactly p. One could multiply by p at test time instead; dividing in training leaves the test,
// which runs more often, as it is.

// %%
const [divided] = layers.dropoutForward(x, { keepProb: 0.4, mode: 'train', rng: new RandomState(1) });
display([{
  'mean at test time': x.mean().item(), 'in training, divided': divided.mean().item(),
  'in training, not divided': divided.mul(0.4).mean().item(),
}]);

// %% [markdown]
// ## In a network
//
// Gradients of whole networks, at twelve places of every parameter and for different chances to stay. The first loss
// stays about ln(10) for all.

// %%
const [X, y] = [random.randn(2, 15), random.randint(10, null, 2)];
display([1, 0.75, 0.5].map((dropoutKeep) => {
  const net = new FullyConnectedNet([20, 30], {
    inputDim: 15, weightScale: 5e-2, dtype: 'float64', dropoutKeep, seed: 123, rng: new RandomState(231),
  });
  const [loss, grads] = net.loss(X, y);
  const names = ['W1', 'W2', 'W3', 'b1', 'b2', 'b3'];
  const error = (name: string): number => Math.max(
    ...gradCheckSparse(() => net.loss(X, y)[0], net.params[name], grads[name], { numChecks: 12 })
      .map((check) => check.relError),
  );
  return { dropoutKeep, loss, ...Object.fromEntries(names.map((name) => [name, error(name)])) };
}));

// %% [markdown]
// ## As a regulariser
//
// 500 images, one hidden layer of 500: more parameters than the images can pin down. Two networks, one of which keeps
// a quarter of its activations in training.

// %%
const cifar = process.env.CIFAR10;
const drawn = Math.min(500, Number(process.env.NUM_TRAIN ?? 500));
const held = Math.min(500, drawn);
const all = cifar === undefined
  ? prepareImages(makeShapes({ seed: 0, numTrain: drawn + held, numTest: 1 }), { numValidation: held })
  : await getCifar10Data(cifar);
const data = { ...all, XTrain: all.XTrain.slice([0, drawn]), yTrain: all.yTrain.slice(0, drawn) };
console.log(cifar === undefined ? 'drawn shapes' : 'CIFAR-10', data.XTrain.shape.join('x'));

async function train(dropoutKeep: number, hidden: number = 500): Promise<Solver> {
  const net = new FullyConnectedNet([hidden], { dropoutKeep, rng: new Rng(0) });
  const solver = new Solver(net, data, {
    updateRule: 'adam', optimConfig: { learningRate: 5e-4 }, batchSize: 100, numEpochs: 25, verbose: false,
  });
  await solver.train();
  return solver;
}
const runs = { 'all are kept': await train(1), 'a quarter is kept': await train(0.25) };
const row = (run: string, solver: Solver): Record<string, string | number> => {
  const [training, validation] = [solver.trainAccHistory.at(-1)!, solver.valAccHistory.at(-1)!];
  return { run, training, validation, gap: training - validation, 'best validation': solver.bestValAcc };
};
display(Object.entries(runs).map(([run, solver]) => row(run, solver)));

// %%
display([lossChart(runs), accuracyChart(runs)]);

// %% [markdown]
// **Question: what do validation and training accuracy with and without dropout say about dropout as a regulariser?**
//
// Without dropout training accuracy runs to the top: the network learns the 500 images by heart, and the gap to
// validation is the price. With dropout training accuracy rises more slowly and stays lower at every epoch, while
// validation accuracy is about as high or higher: the gap column shrinks. That is what a regulariser does, it gives up
// some of the fit in return for less of a gap. Which of the two ends higher on validation images depends on how much
// there was to overfit: on a few hundred images with one seed the difference of validation accuracies is small beside
// its chance, and the curves of training accuracy are the safer evidence.
//
// **Question: a network is regularised by dropout with chance `p` to stay. Its hidden layers are to be made smaller.
// How should `p` change?**
//
// On average `p` times the layer's size take part in a step, and what is left must still be able to represent the
// data. A smaller layer has less to spare and overfits less, so `p` should go up (or stay), never down. The cell makes
// the layer four times smaller: with the same `p` about 31 units are left in a step, and training accuracy falls a
// little; with a larger `p` it is back at the top. How much of that is good for new images is another matter: where
// there is as much to overfit as here, the strong regularisation still pays on validation images.

// %%
const smaller: [string, number, number][] = [
  ['500 units, p 0.25', 500, 0.25], ['125 units, p 0.25', 125, 0.25], ['125 units, p 0.75', 125, 0.75],
];
const table: Record<string, string | number>[] = [];
for (const [name, hidden, keep] of smaller)
  table.push({ ...row(name, await train(keep, hidden)), 'units in a step': hidden * keep });
display(table);
