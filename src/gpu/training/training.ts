/**
 * Training on a device. Parameters, what the optimiser remembers, and all that a step computes stay on the device; a
 * step is one submission, and the processor does not wait for it. Every `readEvery` steps the state is read back into
 * the network and its optimiser: what is known when the device is lost.
 *
 *   const training = await trainOnDevice(net, new Adam(net.parameters()), { inputShape: [3, 32, 32] });
 *   for (const [x, y] of loader) await training.step(x, y);
 *   await training.close();                                 // net and optimiser are as after the last step
 *   training.losses, training.device, training.why
 */

import { inStep } from '../../kernels/memory/allocate.ts';
import { undoneOnError } from '../../layers/undo.ts';
import { Dropout } from '../../nn/layers/elementwise.ts';
import { BatchNorm1d, BatchNorm2d } from '../../nn/layers/norm.ts';
import { crossEntropy } from '../../nn/losses.ts';
import { inputsOf, type Module } from '../../nn/module.ts';
import { Optimizer } from '../../nn/optimizers.ts';
import { checkInteger, checkOneOf, checkOptions, checkWritable, describe } from '../../runtime/check.ts';
import { claimForTraining } from '../../runtime/under-training.ts';
import { checkTensor } from '../../tensor/check.ts';
import { contiguousData } from '../../tensor/internal.ts';
import { checkLabels, type Labels } from '../../tensor/labels.ts';
import { shapeText, sameShape } from '../../tensor/shape.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { DeviceError } from '../error.ts';
import { readNetwork, type Network } from '../network/network.ts';
import { openWebGpu, WebGpuDevice } from '../webgpu/device.ts';
import { DeviceState } from './state.ts';

export interface DeviceTrainingOptions {
  /** the shape of one example, as for summary() */
  inputShape: number | readonly number[];
  /** where to train; openWebGpu() unless given */
  device?: WebGpuDevice;
  /** steps after which the state is read back, 50 unless given: so many are lost with the device at most */
  readEvery?: number;
  /**
   * what to do where there is no device, it has no room, or it is lost: 'cpu' (unless given) trains on with the
   * processor from the state that was read last, 'error' throws
   */
  onTrouble?: 'cpu' | 'error';
}

/**
 * Prepares training of a network of known layers with the softmax cross-entropy of its scores (N, C). Until it is
 * closed nothing else trains the network. Throws TypeError for arguments of the wrong kind, unknown options, layers
 * that devices do not know (by path and class), parameters that layers share, batchnorm and dropout that are frozen,
 * and a network that is being trained; RangeError for shapes that do not fit; with onTrouble 'error' DeviceError where
 * there is no device.
 */
export async function trainOnDevice(
  model: Module, optimizer: Optimizer, options: DeviceTrainingOptions,
): Promise<DeviceTraining> {
  const fn = 'trainOnDevice';
  checkOptions(fn, options, ['inputShape', 'device', 'readEvery', 'onTrouble']);
  const network = readNetwork(fn, model, options.inputShape);
  if (network.output.shape.length !== 1) {
    throw new RangeError(`${fn}: the network must give scores (N, C), got examples of ${shapeText(network.output.shape)}`);
  }
  if (!(optimizer instanceof Optimizer)) throw new TypeError(`${fn}: optimizer must be an Optimizer, got ${describe(optimizer)}`);
  const readEvery = checkInteger(fn, 'readEvery', options.readEvery ?? 50, 1, 1e6);
  const onTrouble = checkOneOf(fn, 'onTrouble', options.onTrouble ?? 'cpu', ['cpu', 'error']);
  if (options.device !== undefined && !(options.device instanceof WebGpuDevice)) {
    throw new TypeError(`${fn}: device must come from openWebGpu, got ${describe(options.device)}`);
  }
  checkWritable(fn, 'model', model, ['training']);
  const release = claimForTraining(fn, [model, ...model.parameters().filter(({ requiresGrad }) => requiresGrad)]);
  try {
    trainAll(fn, model);
    const training = new DeviceTraining(model, optimizer, network, { readEvery, onTrouble, release });
    await training.begin(options.device);
    return training;
  } catch (error) {
    release();
    throw error;
  }
}

/** Puts the model into training mode; throws TypeError, and changes nothing, where that leaves a layer in another. */
function trainAll(fn: string, model: Module): void {
  const modes = model.modules().map((module) => [module, module.training] as const);
  model.train();
  const frozen = model.namedModules().find(([, module]) => !module.training
    && (module instanceof BatchNorm1d || module instanceof BatchNorm2d || module instanceof Dropout));
  if (frozen === undefined) return;
  for (const [module, training] of modes) module.training = training;
  throw new TypeError(`${fn}: ${frozen[0]} (${frozen[1].constructor.name}) is frozen, which devices do not compute`);
}

/** Training that trainOnDevice has prepared: steps on the device, or on the processor where that is gone. */
export class DeviceTraining {
  readonly #model: Module;
  readonly #optimizer: Optimizer;
  readonly #network: Network;
  readonly #readEvery: number;
  readonly #onTrouble: 'cpu' | 'error';
  readonly #why: string[] = [];
  readonly #losses: number[] = [];
  readonly #release: () => void;
  /** what is under way, and whatever was asked for meanwhile */
  #queue: Promise<unknown> = Promise.resolve();
  #closed: boolean = false;
  #device: WebGpuDevice | null = null;
  #own: boolean = false;
  #state: DeviceState | null = null;
  #steps: number = 0;

  /** Made by trainOnDevice. */
  constructor(
    model: Module, optimizer: Optimizer, network: Network,
    { readEvery, onTrouble, release }: { readEvery: number; onTrouble: 'cpu' | 'error'; release: () => void },
  ) {
    this.#model = model;
    this.#optimizer = optimizer;
    this.#network = network;
    this.#readEvery = readEvery;
    this.#onTrouble = onTrouble;
    this.#release = release;
  }

  /** What computes: 'webgpu', or 'cpu' where it was not to be had or is lost. */
  get device(): 'webgpu' | 'cpu' { return this.#state === null ? 'cpu' : 'webgpu'; }
  /** What should be known of the device and of what became of it, one sentence each. */
  get why(): readonly string[] { return [...this.#device?.why ?? [], ...this.#why]; }
  /** Steps made. Falls back to those that were read when the device is lost. */
  get steps(): number { return this.#steps; }
  /** The loss of each step that was read back. */
  get losses(): readonly number[] { return this.#losses; }

  /** Opens the device and sends the state there. Called by trainOnDevice. */
  async begin(device?: WebGpuDevice): Promise<void> {
    try {
      this.#device = device ?? await openWebGpu();
      this.#own = device === undefined;
      const { session } = this.#device;
      this.#state = await DeviceState.create(session, this.#network, this.#model, this.#optimizer, this.#readEvery);
    } catch (error) {
      this.#fallBack(error);
    }
  }

  /**
   * One step on a batch x (N, ...) with labels y (N). Resolves when it was handed to the device, or with every
   * readEvery-th when that has come back. Steps that are not waited for are made one after another. Throws TypeError or
   * RangeError for what is no such batch, Error where the loss is not finite, which is noticed when it is read, and
   * after close(); with onTrouble 'error' DeviceError, which closes.
   */
  async step(x: Tensor, y: Labels): Promise<void> {
    const fn = 'DeviceTraining.step';
    const [n, ...shape] = checkTensor(fn, 'x', x).shape;
    if (n === undefined || n === 0 || !sameShape(shape, this.#network.input)) {
      throw new RangeError(`${fn}: x must hold examples of ${shapeText(this.#network.input)}, got ${shapeText(x.shape)}`);
    }
    if (x.dtype !== 'float32') throw new TypeError(`${fn}: x must be float32, got ${x.dtype}`);
    const labels = checkLabels(fn, 'y', y, n, this.#network.output.shape[0]);
    await this.#inTurn(async () => {
      if (this.#closed) throw new Error(`${fn}: the training was closed`);
      if (this.#state !== null) {
        try {
          await this.#state.step(contiguousData(x) as Float32Array, labels);
          this.#steps++;
          if (this.#state.unread === this.#readEvery) await this.#read();
          return;
        } catch (error) {
          this.#fallBack(error);
        }
      }
      this.#stepOnProcessor(x, labels);
    });
  }

  /**
   * Reads the state back: afterwards the network and the optimiser are as after the last step, and `losses` is
   * complete. Throws as step does.
   */
  async readBack(): Promise<void> {
    await this.#inTurn(async () => {
      try {
        await this.#read();
      } catch (error) {
        this.#fallBack(error);
      }
    });
  }

  /**
   * Reads the state back and gives the device's memory back, and the device where it was opened for this training, also
   * where reading throws. The network may then be trained by others.
   */
  async close(): Promise<void> {
    try {
      await this.readBack();
    } finally {
      this.#end();
    }
  }

  /** Runs fn when what was asked for before is done. */
  #inTurn(fn: () => Promise<void>): Promise<void> {
    const turn = this.#queue.then(fn);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  #end(): void {
    this.#closed = true;
    this.#leaveDevice();
    this.#release();
  }

  async #read(): Promise<void> {
    if (this.#state === null || this.#state.unread === 0) return;
    this.#losses.push(...await this.#state.readBack());
  }

  #leaveDevice(): void {
    this.#state?.destroy();
    this.#state = null;
    if (this.#own) this.#device?.close();
  }

  /**
   * Goes on without the device, from what was read last; throws what is no trouble of a device, or is not wanted so.
   */
  #fallBack(error: unknown): void {
    if (!(error instanceof DeviceError)) throw error;
    const unread = this.#state?.unread ?? 0;
    this.#state?.restoreGenerators();
    this.#leaveDevice();
    this.#steps -= unread;
    if (this.#onTrouble === 'error') {
      this.#end();
      throw error;
    }
    this.#why.push(`${error.message}; the processor trains on from step ${this.#steps}`);
  }

  #stepOnProcessor(x: Tensor, labels: Int32Array): void {
    const zeroGrad = (): void => { // the optimiser may have been given some of the parameters only
      this.#model.zeroGrad();
      this.#optimizer.zeroGrad();
    };
    const loss = undoneOnError(() => inStep(() => {
      zeroGrad();
      const result = crossEntropy(this.#model.forward(...inputsOf(this.#model, x)), labels);
      const value = result.item();
      checkFinite(value, this.#steps + 1);
      try {
        result.backward();
        this.#optimizer.step();
      } finally {
        zeroGrad();
      }
      return value;
    }));
    this.#losses.push(loss);
    this.#steps++;
  }
}

/** Throws Error for a loss that is no number: what is trained further from there is lost. */
function checkFinite(loss: number, step: number): void {
  if (Number.isFinite(loss)) return;
  throw new Error(`DeviceTraining.step: the loss became ${loss} at step ${step}: training diverged; a lower learning rate may help`);
}
