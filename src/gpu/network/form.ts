/**
 * A layer's form on a device: the jobs of its forward pass, and those of its way back. It is the counterpart of a layer
 * record (src/layers/record.ts), with buffers in the place of tensors and jobs that are yet to run in the place of
 * results.
 */

import type { Variable } from '../../autograd/variable.ts';
import type { StateEntry } from '../../nn/state-entry.ts';
import type { Job } from '../webgpu/shader.ts';
import type { GpuBuffer } from '../webgpu/types.ts';

/** A parameter on the device, with room for its gradient. */
export interface DeviceParameter {
  readonly value: GpuBuffer;
  readonly gradient: GpuBuffer;
}

/** A batch of values on the device: so many examples of this shape. */
export interface DeviceValue {
  readonly buffer: GpuBuffer;
  readonly shape: readonly number[];
}

/** Where a layer stands: what it gets and gives, and what it may ask for while its jobs are put together. */
export interface Place {
  readonly batch: number;
  readonly inputs: readonly DeviceValue[];
  readonly output: DeviceValue;
  parameter(variable: Variable): DeviceParameter;
  /** what a layer keeps from step to step beside its parameters, such as running averages */
  state(entry: StateEntry): GpuBuffer;
  /** an array of the layer's own, which holds from the forward pass until the way back is gone */
  scratch(length: number): GpuBuffer;
  /** an array whose contents the processor makes anew for every step */
  drawn(length: number, fill: (array: Float32Array) => void): GpuBuffer;
}

/** From the gradient of the output to those of the inputs (null where it is not wanted) and of the parameters. */
export type FormBackward = (dout: GpuBuffer, dxs: ReadonlyArray<GpuBuffer | null>) => readonly Job[];

export interface Form {
  readonly parameters: readonly Variable[];
  readonly states: readonly StateEntry[];
  build(place: Place): { readonly forward: readonly Job[]; readonly back: FormBackward };
}
