/**
 * Kernels through GPU.js (github.com/gpujs/gpu.js), which translates functions of JavaScript to shaders of WebGL2. It
 * is no part of this package: who wants it installs it, and hands it in or has it imported by openGpuJs.
 *
 * GPU.js reads the text of a function. A function of this package would come with the names and the helpers that a
 * bundler has put into it, so kernels are given as text from the start: data, which nobody here executes.
 */

import type { FloatArray } from '../../kernels/contract.ts';
import { printable } from '../../runtime/text.ts';
import { DeviceError } from '../error.ts';
import { float32 } from '../float-arrays.ts';

/** What GPU.js makes of a kernel's text; outputs of several axes come as nested arrays. */
export interface GpuJsFunction {
  (...given: Float32Array[]): unknown;
  destroy(): void;
}

/** The part of a GPU of GPU.js that is used here. */
export interface GpuJs {
  readonly mode: string;
  createKernel(source: string, settings: {
    output: number[]; constants: Readonly<Record<string, number>>; precision: 'single';
  }): GpuJsFunction;
  destroy(): unknown;
}

/** The class that GPU.js exports. */
export type GpuJsClass = new (settings: { mode: 'webgl2' }) => GpuJs;

/** The text of a kernel: a function of its arrays, which gives one element of the output. */
export interface GpuJsKernel {
  readonly name: string;
  readonly source: string;
}

/** Kernels that are kept translated: as many as a network with its gradients may have. */
const mostKept = 128;

export class Runner {
  readonly #gpu: GpuJs;
  readonly #kept: Map<string, GpuJsFunction> = new Map();
  #closed: boolean = false;

  constructor(gpu: GpuJs) {
    this.#gpu = gpu;
  }

  /**
   * Computes one output of up to three axes (the last first: x, y, z) and stores it in `out`. Sizes are constants of
   * the kernel, so each set of them is translated anew.
   */
  run(
    kernel: GpuJsKernel, inputs: Readonly<Record<string, FloatArray>>, constants: Readonly<Record<string, number>>,
    output: readonly number[], out: FloatArray | Int32Array,
  ): void {
    if (this.#closed) throw new DeviceError('unavailable', 'gpu.js: the device was closed');
    const given = Object.entries(inputs).map(([name, array]) => float32(kernel.name, name, array));
    const target = out instanceof Int32Array ? out : float32(kernel.name, 'the output', out);
    if (given.some(({ length }) => length === 0)) { // which WebGL has not: a sum of nothing, or nothing at all
      target.fill(0);
      return;
    }
    try {
      const result = this.#translated(kernel, constants, output)(...given.map(unshared));
      store(result, target);
    } catch (error) {
      throw new DeviceError('failed', `gpu.js: ${kernel.name}: ${printable(error instanceof Error ? error.message : String(error), 500)}`);
    }
  }

  close(): void {
    this.#closed = true;
    this.#kept.clear();
    this.#gpu.destroy();
  }

  #translated(
    kernel: GpuJsKernel, constants: Readonly<Record<string, number>>, output: readonly number[],
  ): GpuJsFunction {
    const key = JSON.stringify([kernel.name, kernel.source, constants, output]);
    const found = this.#kept.get(key);
    if (found !== undefined) return found;
    if (this.#kept.size >= mostKept) {
      const [[oldest, made]] = this.#kept;
      made.destroy();
      this.#kept.delete(oldest);
    }
    const made = this.#gpu.createKernel(kernel.source, { output: [...output], constants, precision: 'single' });
    this.#kept.set(key, made);
    return made;
  }
}

/** WebGL refuses memory that is shared between threads. */
function unshared(array: Float32Array): Float32Array {
  return array.buffer instanceof ArrayBuffer ? array : array.slice();
}

/** Nested arrays, one after another. */
function store(result: unknown, out: Float32Array | Int32Array): void {
  let at = 0;
  const add = (part: unknown): void => {
    if (ArrayBuffer.isView(part)) {
      out.set(part as Float32Array, at);
      at += (part as Float32Array).length;
    } else for (const each of part as readonly unknown[]) add(each);
  };
  add(result);
}
