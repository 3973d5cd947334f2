/**
 * A WebGPU device and what was made on it: buffers, pipelines, prepared jobs. It notices when the device is lost or has
 * refused a command, and says so at the next call instead of computing on.
 */

import { describe } from '../../runtime/check.ts';
import { printable } from '../../runtime/text.ts';
import { DeviceError } from '../error.ts';
import { type AnyShader, isRead, type Job, mostGroups, packNumbers, wgsl } from './shader.ts';
import {
  type Gpu, type GpuBuffer, type GpuCommandEncoder, type GpuDevice, type GpuOpaque, mapRead, usage, visibleInCompute,
} from './types.ts';

/** Milliseconds that the news of a lost device may take. */
const patience = 500;

function textOf(error: unknown): string {
  return error instanceof Error ? printable(error.message) : describe(error);
}

interface Pipeline {
  readonly pipeline: GpuOpaque;
  readonly layout: GpuOpaque;
}

/** A job whose pipeline, bindings and numbers are on the device, to be submitted as often as one likes. */
export interface Prepared {
  readonly job: Job;
  readonly pipeline: GpuOpaque;
  readonly bindings: GpuOpaque;
  readonly numbers: GpuBuffer;
}

/** Elements of a buffer that are wanted back. */
export interface Wanted {
  readonly buffer: GpuBuffer;
  readonly length: number;
}

export class Session {
  readonly adapter: string;
  readonly why: readonly string[];
  readonly #device: GpuDevice;
  readonly #pipelines: Map<AnyShader, Pipeline> = new Map();
  #trouble: DeviceError | null = null;
  #closed: boolean = false;

  constructor(device: GpuDevice, adapter: string, why: readonly string[]) {
    this.#device = device;
    this.adapter = adapter;
    this.why = why;
    device.onuncapturederror = ({ error }) => {
      this.#trouble ??= new DeviceError('failed', `webgpu: the device refused a command: ${printable(error.message, 500)}`);
    };
    void device.lost.then(({ message, reason }) => {
      if (this.#closed) return;
      const cause = [reason, message].filter((text) => typeof text === 'string' && text !== '').join(': ');
      this.#trouble = new DeviceError('lost', `webgpu: the device was lost${cause === '' ? '' : ` (${printable(cause)})`}`);
    });
  }

  /** Throws DeviceError where the device was lost, has refused a command or was closed. */
  check(): void {
    if (this.#closed) throw new DeviceError('unavailable', 'webgpu: the device was closed');
    if (this.#trouble !== null) throw this.#trouble;
  }

  /** Throws DeviceError unless so many elements fit one buffer of this device; `what` stands in the message. */
  checkLength(what: string, length: number): void {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#device.limits;
    const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    if (length * 4 > most) {
      throw new DeviceError(
        'limits', `webgpu: ${what} takes ${length * 4} bytes, one array of this device may have ${most}; a smaller batch takes less`,
      );
    }
  }

  /** Zeros on the device. */
  buffer(length: number, what: string = 'an array'): GpuBuffer {
    this.checkLength(what, length);
    return this.#device.createBuffer({
      size: Math.max(16, length * 4), usage: usage.storage | usage.copySource | usage.copyTarget,
    });
  }

  upload(buffer: GpuBuffer, data: Float32Array | Int32Array): void {
    // a device refuses shared memory, and so do some queues
    this.#device.queue.writeBuffer(buffer, 0, data.buffer instanceof ArrayBuffer ? data : data.slice());
  }

  /** Makes a job ready to be submitted. Throws DeviceError for more workgroups than a device takes. */
  prepare(job: Job): Prepared {
    const { shader, buffers, numbers, groups } = job;
    if (groups.some((count) => count > mostGroups)) {
      throw new DeviceError('limits', `webgpu: ${shader.name} needs ${groups.join(' x ')} workgroups, each at most ${mostGroups}`);
    }
    const { pipeline, layout } = this.#pipeline(shader);
    const words = packNumbers(shader, numbers);
    const uniform = this.#device.createBuffer({ size: words.byteLength, usage: usage.uniform | usage.copyTarget });
    this.#device.queue.writeBuffer(uniform, 0, words);
    const bound = [uniform, ...Object.keys(shader.buffers).map((name) => buffers[name])];
    const entries = bound.map((buffer, binding) => ({ binding, resource: { buffer } }));
    return { job, pipeline, numbers: uniform, bindings: this.#device.createBindGroup({ layout, entries }) };
  }

  /** Gives a prepared job other numbers, from its next submission on. */
  setNumbers(prepared: Prepared, numbers: Readonly<Record<string, number>>): void {
    this.#device.queue.writeBuffer(prepared.numbers, 0, packNumbers(prepared.job.shader, numbers));
  }

  /** Runs the jobs one after another, in one submission, and then copies what is wanted to where it can be read. */
  submit(jobs: readonly Prepared[], wanted: readonly Wanted[] = []): GpuBuffer | null {
    this.check();
    const encoder = this.#device.createCommandEncoder();
    if (jobs.length > 0) {
      const pass = encoder.beginComputePass();
      for (const { pipeline, bindings, job: { groups } } of jobs) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, bindings);
        pass.dispatchWorkgroups(...groups);
      }
      pass.end();
    }
    const staging = wanted.length === 0 ? null : this.#stage(encoder, wanted);
    this.#device.queue.submit([encoder.finish()]);
    return staging;
  }

  /**
   * Runs the jobs and reads arrays back. Throws DeviceError where the device is lost meanwhile or refused something.
   */
  async read(jobs: readonly Prepared[], wanted: readonly Wanted[]): Promise<ArrayBuffer[]> {
    const staging = this.submit(jobs, wanted)!;
    try {
      await staging.mapAsync(mapRead);
    } catch (error) {
      // the news of a loss comes behind the refusal
      await Promise.race([this.#device.lost, new Promise((resolve) => { setTimeout(resolve, patience); })]);
      this.check();
      throw new DeviceError('failed', `webgpu: results could not be read: ${textOf(error)}`);
    }
    this.check();
    const mapped = staging.getMappedRange();
    let at = 0;
    const parts = wanted.map(({ length }) => {
      const start = at;
      at += length * 4;
      return mapped.slice(start, at);
    });
    staging.unmap();
    staging.destroy();
    return parts;
  }

  /** Runs what makes buffers; throws DeviceError, having destroyed them, where there is no memory for them. */
  async within<T extends { readonly buffers: readonly GpuBuffer[] }>(what: string, make: () => T): Promise<T> {
    this.check();
    this.#device.pushErrorScope('out-of-memory');
    let made: T;
    try {
      made = make();
    } catch (error) {
      await this.#device.popErrorScope();
      throw error;
    }
    const error = await this.#device.popErrorScope();
    if (error === null) return made;
    for (const buffer of made.buffers) buffer.destroy();
    throw new DeviceError('limits', `webgpu: no memory for ${what}: ${printable(error.message)}`);
  }

  close(): void {
    this.#closed = true;
    this.#device.destroy();
  }

  #stage(encoder: GpuCommandEncoder, wanted: readonly Wanted[]): GpuBuffer {
    const length = wanted.reduce((sum, each) => sum + each.length, 0);
    const staging = this.#device.createBuffer({ size: length * 4, usage: usage.mapRead | usage.copyTarget });
    let at = 0;
    for (const { buffer, length: part } of wanted) {
      encoder.copyBufferToBuffer(buffer, 0, staging, at, part * 4);
      at += part * 4;
    }
    return staging;
  }

  /** Shaders are compiled at their first use. */
  #pipeline(shader: AnyShader): Pipeline {
    const found = this.#pipelines.get(shader);
    if (found !== undefined) return found;
    const device = this.#device;
    const types = ['uniform' as const, ...Object.values(shader.buffers).map((access) =>
      (isRead(access) ? 'read-only-storage' as const : 'storage' as const))];
    const layout = device.createBindGroupLayout({
      entries: types.map((type, binding) => ({ binding, visibility: visibleInCompute, buffer: { type } })),
    });
    const module = device.createShaderModule({ label: shader.name, code: wgsl(shader) });
    const pipeline = device.createComputePipeline({
      label: shader.name, layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main' },
    });
    this.#pipelines.set(shader, { pipeline, layout });
    return { pipeline, layout };
  }
}

/** navigator.gpu, where there is one. */
function ownGpu(): Gpu | null {
  const { navigator } = globalThis as { navigator?: { gpu?: Gpu } };
  return navigator?.gpu ?? null;
}

/** Asks for a device with as much memory as the adapter gives. Throws DeviceError where there is none. */
export async function openSession(gpu: Gpu | null = ownGpu()): Promise<Session> {
  if (gpu === null) {
    throw new DeviceError(
      'unavailable', 'webgpu: there is no navigator.gpu here; Deno and current browsers have it, on secure pages, and Node has not',
    );
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) throw new DeviceError('unavailable', 'webgpu: the system offers no adapter: no GPU, or no driver for it');
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  let device: GpuDevice;
  try {
    device = await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
  } catch (error) {
    throw new DeviceError('unavailable', `webgpu: the adapter gives no device: ${textOf(error)}`);
  }
  const { description = '', vendor = '', architecture = '', isFallbackAdapter = false } = adapter.info ?? {};
  const name = printable(description !== '' ? description : [vendor, architecture].filter((text) => text !== '').join(' '));
  const why = isFallbackAdapter
    ? [`webgpu: the adapter (${name === '' ? 'unnamed' : name}) is software on the processor: slower than the kernels of the CPU`]
    : [];
  return new Session(device, name, why);
}
