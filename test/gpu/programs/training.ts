/** Checks of training on WebGPU against the same training on the processor. */

import { makeShapes, prepareImages } from '../../../src/data/index.ts';
import { DeviceError, openWebGpu, trainOnDevice, type WebGpuDevice } from '../../../src/gpu/index.ts';
import { Rng, type Tensor } from '../../../src/index.ts';
import * as nn from '../../../src/nn/index.ts';
import { atMost, check, type Report, same } from './checks.ts';

type Batch = readonly [x: Tensor, y: Int32Array];
type MakeOptimizer = (parameters: nn.Variable[]) => nn.Optimizer;

const optimizers: Readonly<Record<string, MakeOptimizer>> = {
  SGD: (p) => new nn.SGD(p, { lr: 0.02 }),
  'SGD with momentum and decay': (p) => new nn.SGD(p, { lr: 0.02, momentum: 0.9, weightDecay: 0.01 }),
  'SGD with Nesterov momentum': (p) => new nn.SGD(p, { lr: 0.02, momentum: 0.9, nesterov: true }),
  Adam: (p) => new nn.Adam(p, { lr: 1e-3, weightDecay: 0.01 }),
  AdamW: (p) => new nn.AdamW(p, { lr: 1e-3 }),
  RMSprop: (p) => new nn.RMSprop(p, { lr: 1e-3 }),
  Adagrad: (p) => new nn.Adagrad(p, { lr: 1e-2 }),
};

/** Drawn pictures of some size, in batches; the last is smaller. */
function batchesOf(side: number, sizes: readonly number[]): Batch[] {
  const rng = new Rng(11);
  return sizes.map((n) => {
    const y = Int32Array.from({ length: n }, () => Math.floor(rng.random() * 5));
    return [rng.normal(0, 1, [n, 3, side, side]).astype('float32'), y];
  });
}

/** Every layer that devices know, with strides, pads, dilation, groups and windows that overlap. */
function everyLayer(seed: number): nn.Sequential {
  const layer = { rng: new Rng(seed) };
  return nn.sequential(
    new nn.Conv2d(3, 8, 3, { padding: 1, ...layer }), new nn.BatchNorm2d(8), new nn.ReLU(),
    new nn.Residual(
      nn.sequential(new nn.Conv2d(8, 8, [3, 2], { padding: 'same', groups: 4, bias: false, ...layer }), new nn.BatchNorm2d(8), new nn.GELU()),
    ),
    new nn.MaxPool2d(3, { stride: 2, padding: 1 }),
    new nn.Concat(
      nn.sequential(new nn.Conv2d(8, 4, 3, { padding: 2, dilation: 2, ...layer }), new nn.SiLU()),
      nn.sequential(new nn.Conv2d(8, 6, 1, layer), new nn.ELU()),
    ),
    new nn.Residual(
      nn.sequential(new nn.Conv2d(10, 12, 3, { stride: 2, padding: 1, ...layer }), new nn.LeakyReLU(0.1)),
      new nn.Conv2d(10, 12, 1, { stride: 2, ...layer }),
    ),
    new nn.AvgPool2d(2, { stride: 1, padding: 1, countIncludePad: false }), new nn.AdaptiveAvgPool2d([2, 3]),
    new nn.Flatten(), new nn.Dropout(0.3, { rng: new Rng(seed) }), new nn.Linear(72, 16, layer), new nn.BatchNorm1d(16),
    new nn.Tanh(), new nn.Linear(16, 16, { bias: false, ...layer }), new nn.Sigmoid(), new nn.Linear(16, 5, layer),
  );
}

/** One step on the processor; returns the loss. */
function step(model: nn.Module, optimizer: nn.Optimizer, [x, y]: Batch): number {
  const loss = nn.crossEntropy(model.forward(nn.variable(x)), y);
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  return loss.item();
}

/** The largest difference between two states' tensors, each relative to the largest element of the second. */
function differenceOf(a: Readonly<Record<string, Tensor>>, b: Readonly<Record<string, Tensor>>): number {
  same('names', Object.keys(a).sort(), Object.keys(b).sort());
  return Math.max(0, ...Object.keys(b).map((name) => {
    const scale = b[name].astype('float64').abs().max().item();
    const off = a[name].astype('float64').sub(b[name].astype('float64')).abs().max().item();
    return off === 0 ? 0 : off / scale;
  }));
}

function curveDifference(a: readonly number[], b: readonly number[]): number {
  same('losses', a.length, b.length);
  return Math.max(...a.map((loss, i) => Math.abs(loss - b[i])));
}

/** With a learning rate of 1, one step of plain SGD moves each parameter by its gradient. */
async function gradientsAgree(device: WebGpuDevice): Promise<string> {
  const [ours, theirs] = [everyLayer(1), everyLayer(1)];
  const before = ours.stateDict();
  const [batch] = batchesOf(11, [6]);
  const training = await trainOnDevice(ours, new nn.SGD(ours.parameters(), { lr: 1 }), { inputShape: [3, 11, 11], device, onTrouble: 'error' });
  await training.step(...batch);
  await training.close();
  const loss = step(theirs, new nn.SGD(theirs.parameters(), { lr: 1 }), batch);
  const moved = (state: nn.StateDict): nn.StateDict => Object.fromEntries(
    Object.entries(state).map(([name, value]) => [name, value.astype('float64').sub(before[name].astype('float64'))]),
  );
  const [mine, wanted] = [moved(ours.stateDict()), moved(theirs.stateDict())];
  // The bias of a convolution before a batchnorm has gradient 0: what is left there is rounding, nothing to compare.
  const scale = Math.max(...Object.values(wanted).map((value) => value.abs().max().item()));
  for (const name of Object.keys(wanted)) {
    if (wanted[name].abs().max().item() > 1e-5 * scale) continue;
    atMost(`a vanishing gradient (${name})`, mine[name].abs().max().item(), 1e-5 * scale);
    Reflect.deleteProperty(mine, name);
    Reflect.deleteProperty(wanted, name);
  }
  atMost('loss', Math.abs(training.losses[0] - loss), 1e-4);
  return atMost(`gradients and averages of ${Object.keys(wanted).length} arrays`, differenceOf(mine, wanted), 1e-4);
}

/** Several steps with batches of two sizes, read back on the way; afterwards both optimisers remember the same. */
async function optimizerAgrees(device: WebGpuDevice, make: MakeOptimizer): Promise<string> {
  const build = (): nn.Sequential => {
    const layer = { rng: new Rng(4) };
    return nn.sequential(new nn.Flatten(), new nn.Linear(27, 20, layer), new nn.Tanh(), new nn.Linear(20, 5, layer));
  };
  const [ours, theirs] = [build(), build()];
  const [mine, wanted] = [make(ours.parameters()), make(theirs.parameters())];
  const batches = batchesOf(3, [8, 8, 5, 8, 5, 8, 8]);
  step(ours, mine, batches[0]); // the optimiser comes with something that it remembers
  const training = await trainOnDevice(ours, mine, { inputShape: [3, 3, 3], device, readEvery: 2, onTrouble: 'error' });
  for (const [i, batch] of batches.slice(1).entries()) {
    if (i === 3) mine.groups[0].lr *= 0.5;
    await training.step(...batch);
  }
  await training.close();
  step(ours, mine, batches[0]); // and goes on with what came back
  const losses = batches.map((batch, i) => {
    if (i === 4) wanted.groups[0].lr *= 0.5;
    return step(theirs, wanted, batch);
  });
  step(theirs, wanted, batches[0]);
  atMost('losses', curveDifference(training.losses, losses.slice(1)), 1e-4);
  atMost('what is remembered', differenceOf(mine.stateDict().state, wanted.stateDict().state), 1e-4);
  return atMost('parameters', differenceOf(ours.stateDict(), theirs.stateDict()), 1e-4);
}

/** The course's network: the curves of both over 20 steps. */
async function curvesAgree(device: WebGpuDevice, numFilters: number, make: MakeOptimizer): Promise<string> {
  const data = prepareImages(makeShapes({ numTrain: 300, numTest: 10 }), { normalize: true });
  const build = (): nn.Sequential => nn.threeLayerConvNet({ rng: new Rng(0), numFilters, weightScale: 1e-2 });
  const [ours, theirs] = [build(), build()];
  const [mine, wanted] = [make(ours.parameters()), make(theirs.parameters())];
  const training = await trainOnDevice(ours, mine, { inputShape: [3, 32, 32], device, onTrouble: 'error' });
  const losses: number[] = [];
  for (let i = 0; i < 20; i++) {
    const batch = [data.XTrain.slice([10 * i, 10 * i + 10]), data.yTrain.slice(10 * i, 10 * i + 10)] as const;
    await training.step(...batch);
    losses.push(step(theirs, wanted, batch));
  }
  await training.close();
  const text = atMost('20 losses', curveDifference(training.losses, losses), 1e-3);
  return `${text}; the last is ${training.losses[19].toFixed(4)}, the processor's ${losses[19].toFixed(4)}`;
}

/** navigator.gpu, with a way to take the device that it gave. */
function fragileGpu(): { gpu: NonNullable<Parameters<typeof openWebGpu>[0]>['gpu']; lose: () => void } {
  interface Lost { destroy(): void }
  interface Adapter { requestDevice(options: object): Promise<Lost> }
  interface Globals { navigator: { gpu: { requestAdapter(options: object): Promise<Adapter> } } }
  const real = (globalThis as unknown as Globals).navigator.gpu;
  let device: Lost | null = null;
  const requestAdapter = async (options: object): Promise<unknown> => {
    const adapter = await real.requestAdapter(options);
    return new Proxy(adapter, {
      get: (target, name) => {
        if (name === 'requestDevice') return async (wanted: object) => (device = await adapter.requestDevice(wanted));
        return Reflect.get(target, name, target) as unknown;
      },
    });
  };
  return { gpu: { requestAdapter } as never, lose: () => device?.destroy() };
}

/** A device that is taken away in the middle: training goes on from the last reading, as the processor would have. */
async function survivesLoss(): Promise<string> {
  const { gpu, lose } = fragileGpu();
  const device = await openWebGpu({ gpu });
  const [ours, theirs] = [everyLayer(2), everyLayer(2)];
  const make: MakeOptimizer = (p) => new nn.Adam(p, { lr: 1e-3 });
  const [mine, wanted] = [make(ours.parameters()), make(theirs.parameters())];
  const batches = batchesOf(9, [6, 6, 6, 6, 6, 6]);
  const training = await trainOnDevice(ours, mine, { inputShape: [3, 9, 9], device, readEvery: 2 });
  for (const batch of batches.slice(0, 3)) await training.step(...batch); // the third has not been read back
  lose();
  await training.readBack();
  same('what computes', training.device, 'cpu');
  same('steps', training.steps, 2);
  for (const batch of batches.slice(2)) await training.step(...batch);
  const losses = batches.map((batch) => step(theirs, wanted, batch));
  atMost('losses', curveDifference(training.losses, losses), 1e-3);
  if (!training.why.some((line) => /lost.*trains on from step 2/.test(line))) throw new Error(training.why.join('; '));
  return training.why.at(-1)!;
}

/** With onTrouble 'error' the loss of the device is an error, and the network holds what was read last. */
async function reportsLoss(): Promise<string> {
  const { gpu, lose } = fragileGpu();
  const device = await openWebGpu({ gpu });
  const net = everyLayer(3);
  const training = await trainOnDevice(net, new nn.SGD(net.parameters()), { inputShape: [3, 9, 9], device, onTrouble: 'error' });
  const before = net.stateDict();
  const [batch] = batchesOf(9, [4]);
  await training.step(...batch);
  lose();
  try {
    await training.readBack();
  } catch (error) {
    if (!(error instanceof DeviceError) || error.trouble !== 'lost') throw error;
    same('the state', differenceOf(net.stateDict(), before), 0);
    return `${error.name}: ${error.message}`;
  }
  throw new Error('the loss went unnoticed');
}

/** A step whose arrays no device takes is an error that names the layer, and the device goes on working. */
async function refusesWhatDoesNotFit(device: WebGpuDevice): Promise<string> {
  const net = nn.sequential(
    new nn.Conv2d(1, 4096, 1), new nn.AdaptiveAvgPool2d(1), new nn.Flatten(), new nn.Linear(4096, 5),
  );
  const training = await trainOnDevice(net, new nn.SGD(net.parameters()), { inputShape: [1, 1024, 1024], device, onTrouble: 'error' });
  try {
    await training.step(new Rng(1).normal(0, 1, [1, 1, 1024, 1024]).astype('float32'), [1]);
  } catch (error) {
    if (!(error instanceof DeviceError) || error.trouble !== 'limits') throw error;
    if (!/output of 0 \(Conv2d\)/.test(error.message)) throw error;
    const out = new Float32Array(3);
    await device.kernels.reluForward!(Float32Array.of(-1, 0, 2), out);
    same('relu', Array.from(out), [0, 0, 2]);
    return `${error.name}: ${error.message}`;
  }
  throw new Error('17 GB were not refused');
}

/** All checks of training. Slow devices take fewer filters. */
export async function checkTraining(report: Report, device: WebGpuDevice, numFilters: number): Promise<void> {
  await check(report, 'gradients of every layer', () => gradientsAgree(device));
  for (const [name, make] of Object.entries(optimizers)) {
    await check(report, `updates of ${name}`, () => optimizerAgrees(device, make));
  }
  await check(report, 'threeLayerConvNet with Adam', () => curvesAgree(device, numFilters, (p) => new nn.Adam(p, { lr: 1e-3 })));
  await check(report, 'threeLayerConvNet with momentum', () =>
    curvesAgree(device, numFilters, (p) => new nn.SGD(p, { lr: 5e-3, momentum: 0.9 })));
  await check(report, 'what does not fit', () => refusesWhatDoesNotFit(device));
  await check(report, 'a lost device', survivesLoss);
  await check(report, 'a lost device with onTrouble error', reportsLoss);
}
