/**
 * What a device offers: kernels of the contract (src/kernels/contract.ts) with the same arguments, whose answers take
 * their time. A call resolves when the output arrays are filled, so arguments must stay as they are until then.
 *
 * Devices compute in float32 and take Float32Arrays alone. They may assume that no number is NaN or infinite: where one
 * is, what comes out is unspecified. All else is as the contract says, to within 1e-4 of the definition.
 */

import type { KernelName, Kernels } from '../kernels/contract.ts';

type Awaited<K> = K extends (...given: infer Given) => infer Result ? (...given: Given) => Promise<Result> : never;

/** The contract's kernels, each giving a promise. A device may lack some. */
export type DeviceKernels = { readonly [Name in KernelName]?: Awaited<Kernels[Name]> };

/** A device that passed its test against the naive kernels. */
export interface ComputeDevice {
  /** whose kernels these are */
  readonly name: 'webgpu' | 'gpu.js';
  /** what the system calls the adapter; empty where it does not say */
  readonly adapter: string;
  readonly kernels: DeviceKernels;
  /** what should be known of it, one sentence each: a software adapter, what was refused */
  readonly why: readonly string[];
  /** gives the device and its memory back; calls after it are refused */
  close(): void;
}
