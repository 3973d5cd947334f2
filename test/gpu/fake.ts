/** A GPU that keeps bytes and computes nothing: enough for what goes wrong around the computing. */

import type { Gpu, GpuBuffer, GpuDevice } from '../../src/gpu/webgpu/types.ts';

export interface FakeGpu {
  readonly gpu: Gpu;
  /** the sizes of the buffers that are alive */
  readonly alive: Set<GpuBuffer>;
  /** texts of the shaders that were compiled, by label */
  readonly shaders: Map<string, string>;
  /** submissions, each with its number of dispatches */
  readonly submissions: number[];
  /** takes the device away */
  lose(): void;
  /** has the device refuse a command */
  refuse(message: string): void;
}

interface FakeOptions {
  readonly maxBufferSize?: number;
  /** has no memory for what is made next */
  readonly outOfMemory?: () => boolean;
  readonly software?: boolean;
}

class FakeBuffer implements GpuBuffer {
  readonly size: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #fake: { alive: Set<GpuBuffer>; lost: () => boolean };

  constructor(size: number, fake: { alive: Set<GpuBuffer>; lost: () => boolean }) {
    this.size = size;
    this.bytes = new Uint8Array(size);
    this.#fake = fake;
    fake.alive.add(this);
  }

  async mapAsync(): Promise<undefined> {
    if (this.#fake.lost()) throw new Error('the device is gone');
    return undefined;
  }

  getMappedRange(): ArrayBuffer { return this.bytes.buffer; }
  unmap(): void { /* stays as it is */ }
  destroy(): void { this.#fake.alive.delete(this); }
}

/** A fresh one. */
export function fakeGpu(options: FakeOptions = {}): FakeGpu {
  const { maxBufferSize = 2 ** 28, outOfMemory = () => false, software = false } = options;
  const alive = new Set<GpuBuffer>();
  const shaders = new Map<string, string>();
  const submissions: number[] = [];
  let lost = false;
  let announce: (info: { reason: string; message: string }) => void = () => undefined;
  const limits = {
    maxBufferSize, maxStorageBufferBindingSize: maxBufferSize, maxComputeWorkgroupsPerDimension: 65_535,
  };
  const device: GpuDevice = {
    limits,
    lost: new Promise((resolve) => { announce = resolve; }),
    onuncapturederror: null,
    queue: {
      writeBuffer: (buffer, offset, data) => {
        (buffer as FakeBuffer).bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
      },
      submit: ([commands]) => { submissions.push((commands as { dispatches: number }).dispatches); },
    },
    createBuffer: ({ size }) => new FakeBuffer(size, { alive, lost: () => lost }),
    createShaderModule: ({ label = '', code }) => {
      shaders.set(label, code);
      return {};
    },
    createBindGroupLayout: () => ({}), createPipelineLayout: () => ({}), createComputePipeline: () => ({}),
    createBindGroup: () => ({}),
    createCommandEncoder: () => {
      const commands = { dispatches: 0 };
      return {
        beginComputePass: () => ({
          setPipeline: () => undefined, setBindGroup: () => undefined, end: () => undefined,
          dispatchWorkgroups: () => { commands.dispatches++; },
        }),
        copyBufferToBuffer: (from, fromOffset, to, toOffset, bytes) => {
          (to as FakeBuffer).bytes.set((from as FakeBuffer).bytes.subarray(fromOffset, fromOffset + bytes), toOffset);
        },
        finish: () => commands,
      };
    },
    pushErrorScope: () => undefined,
    popErrorScope: async () => (outOfMemory() ? { message: 'not enough memory' } : null),
    destroy: () => { announce({ reason: 'destroyed', message: '' }); },
  };
  const adapter = {
    limits, info: { description: 'a fake', isFallbackAdapter: software }, requestDevice: async () => device,
  };
  return {
    gpu: { requestAdapter: async () => adapter }, alive, shaders, submissions,
    lose: () => {
      lost = true;
      announce({ reason: 'unknown', message: 'taken away' });
    },
    refuse: (message) => { device.onuncapturederror?.({ error: { message } }); },
  };
}
