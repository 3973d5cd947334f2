/**
 * The part of WebGPU (W3C, "WebGPU", 2025) that is used here, as interfaces: browsers and Deno bring objects that have
 * it, tests bring others, and no type of the browser's is needed by who compiles against this package.
 */

export interface GpuBuffer {
  readonly size: number;
  mapAsync(mode: number): Promise<undefined>;
  getMappedRange(): ArrayBuffer;
  unmap(): void;
  destroy(): void;
}

/** How a shader sees one buffer. */
export type BindingType = 'uniform' | 'read-only-storage' | 'storage';

/** Objects that are only handed from one call to the next. */
export type GpuOpaque = object;

export interface GpuComputePass {
  setPipeline(pipeline: GpuOpaque): void;
  setBindGroup(index: number, group: GpuOpaque): void;
  dispatchWorkgroups(x: number, y: number, z: number): void;
  end(): void;
}

export interface GpuCommandEncoder {
  beginComputePass(): GpuComputePass;
  copyBufferToBuffer(from: GpuBuffer, fromOffset: number, to: GpuBuffer, toOffset: number, bytes: number): void;
  finish(): GpuOpaque;
}

export interface GpuQueue {
  writeBuffer(buffer: GpuBuffer, offset: number, data: Float32Array | Int32Array): void;
  submit(commands: GpuOpaque[]): void;
}

export interface GpuLimits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxComputeWorkgroupsPerDimension: number;
}

export interface GpuDevice {
  readonly limits: GpuLimits;
  readonly queue: GpuQueue;
  readonly lost: Promise<{ readonly reason?: string; readonly message: string }>;
  onuncapturederror: ((event: { readonly error: { readonly message: string } }) => void) | null;
  createBuffer(descriptor: { label?: string; size: number; usage: number }): GpuBuffer;
  createShaderModule(descriptor: { label?: string; code: string }): GpuOpaque;
  createBindGroupLayout(descriptor: {
    entries: ReadonlyArray<{ binding: number; visibility: number; buffer: { type: BindingType } }>;
  }): GpuOpaque;
  createPipelineLayout(descriptor: { bindGroupLayouts: GpuOpaque[] }): GpuOpaque;
  createComputePipeline(descriptor: {
    label?: string; layout: GpuOpaque; compute: { module: GpuOpaque; entryPoint: string };
  }): GpuOpaque;
  createBindGroup(descriptor: {
    layout: GpuOpaque; entries: ReadonlyArray<{ binding: number; resource: { buffer: GpuBuffer } }>;
  }): GpuOpaque;
  createCommandEncoder(): GpuCommandEncoder;
  pushErrorScope(filter: 'out-of-memory' | 'validation'): void;
  popErrorScope(): Promise<{ readonly message: string } | null>;
  destroy(): void;
}

export interface GpuAdapter {
  readonly limits: GpuLimits;
  readonly info?: {
    readonly vendor?: string; readonly architecture?: string; readonly description?: string;
    readonly isFallbackAdapter?: boolean;
  };
  requestDevice(descriptor: { requiredLimits: Partial<Record<keyof GpuLimits, number>> }): Promise<GpuDevice>;
}

/** What navigator.gpu is. */
export interface Gpu {
  requestAdapter(options: { powerPreference: 'high-performance' }): Promise<GpuAdapter | null>;
}

/** Numbers that WebGPU gives names in objects of its own, which need not be there in tests. */
export const usage = { mapRead: 1, copySource: 4, copyTarget: 8, uniform: 64, storage: 128 } as const;
export const mapRead = 1;
export const visibleInCompute = 4;
