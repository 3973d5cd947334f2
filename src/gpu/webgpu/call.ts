/** One call of a kernel with arrays of the caller: what comes in is uploaded, what goes out is read back. */

import type { FloatArray } from '../../kernels/contract.ts';
import { float32 } from '../float-arrays.ts';
import type { Session } from './session.ts';
import type { Job } from './shader.ts';
import type { GpuBuffer } from './types.ts';

export class Call {
  readonly #fn: string;
  readonly #session: Session;
  readonly #buffers: GpuBuffer[] = [];
  readonly #outputs: Array<{ array: Float32Array | Int32Array; buffer: GpuBuffer }> = [];

  constructor(session: Session, fn: string) {
    this.#session = session;
    this.#fn = fn;
    session.check();
  }

  /** The elements of an array, on the device. */
  input(name: string, array: FloatArray | Int32Array): GpuBuffer {
    const data = array instanceof Int32Array ? array : float32(this.#fn, name, array);
    const buffer = this.scratch(data.length);
    this.#session.upload(buffer, data);
    return buffer;
  }

  /** The same for an argument that may be null. */
  optional(name: string, array: FloatArray | null | undefined): GpuBuffer | null {
    return array === null || array === undefined ? null : this.input(name, array);
  }

  /** Room for an output, which ends up in the array. */
  output(name: string, array: FloatArray | Int32Array): GpuBuffer {
    const target = array instanceof Int32Array ? array : float32(this.#fn, name, array);
    const buffer = this.scratch(target.length);
    this.#outputs.push({ array: target, buffer });
    return buffer;
  }

  /** An array that is changed in place on the device and ends up in `to`. */
  changed(name: string, from: FloatArray, to: FloatArray): GpuBuffer {
    const buffer = this.input(name, from);
    this.#outputs.push({ array: float32(this.#fn, name, to), buffer });
    return buffer;
  }

  /** An array of the device's own. */
  scratch(length: number): GpuBuffer {
    const buffer = this.#session.buffer(length, `an array of ${this.#fn}`);
    this.#buffers.push(buffer);
    return buffer;
  }

  /** Runs the jobs and fills the outputs; whatever happens, the device's memory is given back. */
  async run(...jobs: readonly Job[]): Promise<void> {
    const prepared = [];
    try {
      for (const job of jobs) prepared.push(this.#session.prepare(job));
      const results = await this.#session.read(
        prepared, this.#outputs.map(({ buffer, array }) => ({ buffer, length: array.length })),
      );
      this.#outputs.forEach(({ array }, i) => {
        array.set(array instanceof Int32Array ? new Int32Array(results[i]) : new Float32Array(results[i]));
      });
    } finally {
      for (const { numbers } of prepared) numbers.destroy();
      for (const buffer of this.#buffers) buffer.destroy();
    }
  }
}
