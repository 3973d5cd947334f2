/** WebGPU as a device: opened, tested, and then its kernels. */

import { checkOptions, describe } from '../../runtime/check.ts';
import type { ComputeDevice, DeviceKernels } from '../device-kernels.ts';
import { tested } from '../self-test.ts';
import { webGpuKernels } from './kernels.ts';
import { openSession, type Session } from './session.ts';
import type { Gpu } from './types.ts';

export interface WebGpuOptions {
  /** what stands for navigator.gpu, where that is not what is to be used */
  gpu?: Gpu | null;
}

export class WebGpuDevice implements ComputeDevice {
  readonly name = 'webgpu' as const;
  readonly adapter: string;
  readonly kernels: DeviceKernels;
  readonly why: readonly string[];
  /** what training builds on */
  readonly session: Session;

  /** Made by openWebGpu. */
  constructor(session: Session) {
    this.session = session;
    this.adapter = session.adapter;
    this.why = session.why;
    this.kernels = webGpuKernels(session);
  }

  /** Gives the device and all its memory back. */
  close(): void {
    this.session.close();
  }
}

/**
 * Opens the system's GPU through WebGPU (navigator.gpu of browsers and Deno) and tests its kernels. Throws DeviceError
 * where there is none, where it gives no device, and where its numbers are off; TypeError for unknown options.
 */
export async function openWebGpu(options: WebGpuOptions = {}): Promise<WebGpuDevice> {
  const fn = 'openWebGpu';
  checkOptions(fn, options, ['gpu']);
  const { gpu } = options;
  if (gpu !== undefined && gpu !== null && typeof (gpu as Partial<Gpu>).requestAdapter !== 'function') {
    throw new TypeError(`${fn}: gpu must be what navigator.gpu is, got ${describe(gpu)}`);
  }
  return tested(new WebGpuDevice(await openSession(gpu)));
}
