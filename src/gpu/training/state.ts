/** The state of a training on the device: what is sent there at the beginning, and read back now and then. */

import type { Variable } from '../../autograd/variable.ts';
import type { Module } from '../../nn/module.ts';
import type { Optimizer } from '../../nn/optimizers.ts';
import type { StateEntry } from '../../nn/state-entry.ts';
import { contiguousDataAs } from '../../tensor/internal.ts';
import { sizeOf } from '../../tensor/shape.ts';
import { tensor } from '../../tensor/creation.ts';
import type { GeneratorState } from '../../tensor/random/source.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { DeviceParameter } from '../network/form.ts';
import type { Network } from '../network/network.ts';
import type { Session } from '../webgpu/session.ts';
import type { GpuBuffer } from '../webgpu/types.ts';
import { buildProgram, feed, type Program, type Resident } from './program.ts';
import { DeviceUpdates } from './updates.ts';

/** Sizes of batches whose programs are kept: the usual one and the last of an epoch, and a few more. */
const mostPrograms = 4;

interface Kept {
  readonly entry: StateEntry;
  readonly buffer: GpuBuffer;
}

export class DeviceState implements Resident {
  readonly losses: GpuBuffer;
  readonly #session: Session;
  readonly #network: Network;
  readonly #model: Module;
  readonly #optimizer: Optimizer;
  readonly #parameters: Map<Variable, DeviceParameter> = new Map();
  readonly #kept: Kept[] = [];
  readonly #updates: DeviceUpdates;
  readonly #programs: Map<number, Program> = new Map();
  #generators: readonly GeneratorState[] = [];
  #steps: number = 0;
  #unread: number = 0;

  /** Sends the parameters and what layers keep. Throws DeviceError where the device has no room. */
  static async create(
    session: Session, network: Network, model: Module, optimizer: Optimizer, capacity: number,
  ): Promise<DeviceState> {
    const { state } = await session.within('the parameters', () => {
      const made = new DeviceState(session, network, model, optimizer, capacity);
      return { state: made, buffers: made.#buffers() };
    });
    return state;
  }

  constructor(session: Session, network: Network, model: Module, optimizer: Optimizer, capacity: number) {
    this.#session = session;
    this.#network = network;
    this.#model = model;
    this.#optimizer = optimizer;
    this.losses = session.buffer(capacity, 'the losses');
    for (const { form, path } of network.steps) {
      for (const variable of form.parameters) {
        const value = session.buffer(variable.size, `a parameter of ${path}`);
        session.upload(value, contiguousDataAs(variable.value, 'float32') as Float32Array);
        this.#parameters.set(variable, { value, gradient: session.buffer(variable.size, `a gradient of ${path}`) });
      }
      for (const entry of form.states) {
        const buffer = session.buffer(sizeOf(entry.shape), `${entry.name} of ${path}`);
        session.upload(buffer, contiguousDataAs(entry.read(), 'float32') as Float32Array);
        this.#kept.push({ entry, buffer });
      }
    }
    this.#updates = new DeviceUpdates(session, optimizer, (variable) => this.#parameters.get(variable));
    this.#noteGenerators();
  }

  parameter = (variable: Variable): DeviceParameter => this.#parameters.get(variable)!;

  state = (entry: StateEntry): GpuBuffer => this.#kept.find((each) => each.entry === entry)!.buffer;

  /** Steps since the last reading. */
  get unread(): number { return this.#unread; }

  /** Hands one step to the device. */
  async step(x: Float32Array, labels: Int32Array): Promise<void> {
    const program = this.#programs.get(labels.length) ?? await this.#build(labels.length);
    const { session, updates } = { session: this.#session, updates: this.#updates };
    feed(session, program, x, labels);
    session.setNumbers(program.loss, { ...program.loss.job.numbers, at: this.#unread });
    session.submit([...program.jobs, ...updates.jobs(this.#steps)]);
    this.#steps++;
    this.#unread++;
  }

  /**
   * Reads everything back into the network and the optimiser. Returns the losses since the last reading. Throws, having
   * changed nothing, DeviceError where the device is lost, Error where a loss is not finite.
   */
  async readBack(): Promise<number[]> {
    const parameters = [...this.#parameters].map(([variable, { value }]) =>
      ({ variable, buffer: value, length: variable.size }));
    const kept = this.#kept.map(({ entry, buffer }) => ({ entry, buffer, length: sizeOf(entry.shape) }));
    const wanted = [{ buffer: this.losses, length: this.#unread }, ...parameters, ...kept, ...this.#updates.wanted()];
    const [losses, ...arrays] = (await this.#session.read([], wanted)).map((bytes) => new Float32Array(bytes));
    losses.forEach((loss, i) => {
      if (Number.isFinite(loss)) return;
      throw new Error(
        `DeviceTraining: the loss became ${loss} at step ${this.#steps - this.#unread + i + 1}: training diverged; a lower ` +
        'learning rate may help; the network is as it was read last',
      );
    });
    const remembered = arrays.splice(parameters.length + kept.length);
    parameters.forEach(({ variable }, i) => { variable.value.assign(new Tensor(arrays[i], variable.shape)); });
    kept.forEach(({ entry }, i) => { entry.write(new Tensor(arrays[parameters.length + i], entry.shape)); });
    this.#optimizer.loadStateDict(this.#updates.stateFrom(remembered, this.#steps) as never);
    this.#countBatches(this.#unread);
    this.#noteGenerators();
    this.#unread = 0;
    return Array.from(losses);
  }

  /** Puts generators back to where they were at the last reading, so that steps made anew draw the same masks. */
  restoreGenerators(): void {
    generatorsOf(this.#model).forEach((generator, i) => { generator.setState(this.#generators[i]); });
  }

  destroy(): void {
    for (const buffer of this.#buffers()) buffer.destroy();
    for (const { buffers } of this.#programs.values()) for (const buffer of buffers) buffer.destroy();
    this.#programs.clear();
  }

  #buffers(): GpuBuffer[] {
    return [
      this.losses, ...[...this.#parameters.values()].flatMap(({ value, gradient }) => [value, gradient]),
      ...this.#kept.map(({ buffer }) => buffer), ...this.#updates.buffers,
    ];
  }

  async #build(batch: number): Promise<Program> {
    if (this.#programs.size >= mostPrograms) {
      const [[oldest, { buffers }]] = this.#programs;
      for (const buffer of buffers) buffer.destroy();
      this.#programs.delete(oldest);
    }
    const what = `a step of ${batch} examples`;
    const program = await this.#session.within(what, () => buildProgram(this.#session, this.#network, this, batch));
    this.#programs.set(batch, program);
    return program;
  }

  /** Batchnorm layers count the batches that they saw. */
  #countBatches(made: number): void {
    for (const module of this.#model.modules()) {
      const entry = module.stateEntries().find(({ name }) => name === 'num_batches_tracked');
      entry?.write(tensor(entry.read().item() + made, [], 'int32'));
    }
  }

  #noteGenerators(): void {
    this.#generators = generatorsOf(this.#model).map((generator) => generator.getState());
  }
}

function generatorsOf(model: Module): ReturnType<Module['generators']> {
  return model.modules().flatMap((module) => module.generators());
}
