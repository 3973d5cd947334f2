/**
 * A training step as a list of jobs: forward, loss, backward, for batches of one size. Everything stays on the device;
 * what differs from step to step are the batch, the masks of dropout, and where the loss goes.
 */

import type { Variable } from '../../autograd/variable.ts';
import type { StateEntry } from '../../nn/state-entry.ts';
import type { DeviceParameter, FormBackward, Place } from '../network/form.ts';
import type { Network } from '../network/network.ts';
import * as operations from '../webgpu/operations.ts';
import type { Prepared, Session } from '../webgpu/session.ts';
import { groupsFor, type Job, job } from '../webgpu/shader.ts';
import { axpyShader } from '../webgpu/shaders/elementwise.ts';
import type { GpuBuffer } from '../webgpu/types.ts';

/** What all programs of one training share: parameters, running averages, losses. */
export interface Resident {
  parameter(variable: Variable): DeviceParameter;
  state(entry: StateEntry): GpuBuffer;
  /** the loss of each step since the last reading */
  readonly losses: GpuBuffer;
}

/** An array that the processor fills before each step. */
interface Drawn {
  readonly buffer: GpuBuffer;
  readonly array: Float32Array;
  readonly fill: (array: Float32Array) => void;
}

export interface Program {
  readonly input: GpuBuffer;
  readonly labels: GpuBuffer;
  readonly drawn: readonly Drawn[];
  readonly jobs: readonly Prepared[];
  /** the job that stores the loss, whose number `at` says where */
  readonly loss: Prepared;
  /** all that the program has allocated for itself */
  readonly buffers: readonly GpuBuffer[];
}

/** Puts the step together for so many examples. Throws DeviceError where an array is too large for the device. */
export function buildProgram(session: Session, network: Network, resident: Resident, batch: number): Program {
  const buffers: GpuBuffer[] = [];
  const drawn: Drawn[] = [];
  const allocate = (length: number, what: string): GpuBuffer => {
    const buffer = session.buffer(length, what);
    buffers.push(buffer);
    return buffer;
  };
  try {
    const { steps, sizes, output: { value: scores, shape: [classes] } } = network;
    const values = sizes.map((size, i) => allocate(batch * size, `${nameOf(network, i)} for ${batch} examples`));
    const gradients = new Gradients(network, batch, allocate);
    const jobs: Job[] = [];
    const backs: FormBackward[] = [];
    for (const { form, path, inputs, output } of steps) {
      const place: Place = {
        batch,
        inputs: inputs.map(({ value, shape }) => ({ buffer: values[value], shape })),
        output: { buffer: values[output.value], shape: output.shape },
        parameter: resident.parameter,
        state: resident.state,
        scratch: (length) => allocate(length, `scratch of ${path}`),
        drawn: (length, fill) => {
          const buffer = allocate(length, `the mask of ${path}`);
          drawn.push({ buffer, array: new Float32Array(length), fill });
          return buffer;
        },
      };
      const { forward, back } = form.build(place);
      jobs.push(...forward);
      backs.push(back);
    }
    const labels = allocate(batch, 'labels');
    const [gradient, mean] = operations.softmaxLoss(
      values[scores], labels, allocate(batch, 'losses'), gradients.first(scores), resident.losses, 0, [batch, classes],
    );
    const lossAt = jobs.push(gradient, mean) - 1;
    for (let i = steps.length - 1; i >= 0; i--) {
      const { inputs, output } = steps[i];
      const received = inputs.map(({ value }) => gradients.next(value));
      jobs.push(...backs[i](gradients.of(output.value), received.map((each) => each?.buffer ?? null)));
      jobs.push(...received.flatMap((each) => each?.added ?? []));
    }
    const prepared = jobs.map((each) => session.prepare(each));
    return {
      input: values[0], labels, drawn, jobs: prepared, loss: prepared[lossAt],
      buffers: [...buffers, ...prepared.map(({ numbers }) => numbers)],
    };
  } catch (error) {
    for (const buffer of buffers) buffer.destroy();
    throw error;
  }
}

/** What stands in the message where a value is too large. */
function nameOf({ steps }: Network, value: number): string {
  const maker = steps.find(({ output }) => output.value === value);
  return maker === undefined ? 'the input' : `the output of ${maker.path}`;
}

/**
 * The gradients of the values. The last step that used a value is the first to give it a gradient; others that used it
 * write to an array of their own, which is then added.
 */
class Gradients {
  readonly #network: Network;
  readonly #batch: number;
  readonly #allocate: (length: number, what: string) => GpuBuffer;
  readonly #found: Map<number, GpuBuffer> = new Map();

  constructor(network: Network, batch: number, allocate: (length: number, what: string) => GpuBuffer) {
    this.#network = network;
    this.#batch = batch;
    this.#allocate = allocate;
  }

  /** The gradient of a value, which someone has written. */
  of(value: number): GpuBuffer {
    return this.#found.get(value)!;
  }

  /** The array that the first gradient of a value goes to. */
  first(value: number): GpuBuffer {
    const buffer = this.#make(value);
    this.#found.set(value, buffer);
    return buffer;
  }

  /** Where a user of the value writes its gradient, and what then adds it; null for the network's input. */
  next(value: number): { buffer: GpuBuffer; added: readonly Job[] } | null {
    if (value === 0) return null;
    const sum = this.#found.get(value);
    if (sum === undefined) return { buffer: this.first(value), added: [] };
    const buffer = this.#make(value);
    const length = this.#batch * this.#network.sizes[value];
    return { buffer, added: [job(axpyShader, { x: buffer, y: sum }, { length, s: 1 }, groupsFor(length))] };
  }

  #make(value: number): GpuBuffer {
    return this.#allocate(this.#batch * this.#network.sizes[value], `the gradient of ${nameOf(this.#network, value)}`);
  }
}

/** Sends what differs from step to step: the batch, its labels and the masks. */
export function feed(session: Session, program: Program, x: Float32Array, labels: Int32Array): void {
  session.upload(program.input, x);
  session.upload(program.labels, labels);
  for (const { buffer, array, fill } of program.drawn) {
    fill(array);
    session.upload(buffer, array);
  }
}
