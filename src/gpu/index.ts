/**
 * Devices: kernels and training on WebGPU, kernels on GPU.js. Optional, asynchronous, and never chosen by themselves.
 */

export type { ComputeDevice, DeviceKernels } from './device-kernels.ts';
export { DeviceError } from './error.ts';
export type { DeviceTrouble } from './error.ts';
export { openGpuJs } from './gpu-js/device.ts';
export type { GpuJsOptions } from './gpu-js/device.ts';
export { DeviceTraining, trainOnDevice } from './training/training.ts';
export type { DeviceTrainingOptions } from './training/training.ts';
export { openWebGpu, WebGpuDevice } from './webgpu/device.ts';
export type { WebGpuOptions } from './webgpu/device.ts';
