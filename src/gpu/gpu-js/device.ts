/** GPU.js as a device: handed in or imported, tested, and then its kernels. */

import { checkFunction, checkOptions, describe } from '../../runtime/check.ts';
import { printable } from '../../runtime/text.ts';
import type { ComputeDevice } from '../device-kernels.ts';
import { DeviceError } from '../error.ts';
import { tested } from '../self-test.ts';
import { gpuJsKernels } from './kernels.ts';
import { type GpuJs, type GpuJsClass, Runner } from './runner.ts';

export interface GpuJsOptions {
  /** the class that GPU.js exports; imported from the package `gpu.js` unless given */
  GPU?: GpuJsClass;
}

/**
 * Opens WebGL2 through GPU.js, which is installed by who wants it, and tests its kernels: products, convolution,
 * pooling, elementwise functions, forward and backward. Throws DeviceError where GPU.js or WebGL2 is missing and where
 * numbers are off; TypeError for unknown options and a GPU that is no class.
 */
export async function openGpuJs(options: GpuJsOptions = {}): Promise<ComputeDevice> {
  const fn = 'openGpuJs';
  checkOptions(fn, options, ['GPU']);
  if (options.GPU !== undefined) checkFunction(fn, 'GPU', options.GPU);
  const GPU = options.GPU ?? await imported();
  let gpu: GpuJs;
  try {
    gpu = new GPU({ mode: 'webgl2' });
  } catch (error) {
    throw new DeviceError('unavailable', `gpu.js: no WebGL2 here: ${textOf(error)}`);
  }
  if (typeof (gpu as Partial<GpuJs>).createKernel !== 'function') {
    throw new TypeError(`${fn}: GPU must be the class that gpu.js exports, got ${describe(GPU)}`);
  }
  if (gpu.mode !== 'webgl2') throw new DeviceError('unavailable', `gpu.js: asked for WebGL2, it took ${printable(String(gpu.mode), 40)}`);
  const runner = new Runner(gpu);
  const adapter = adapterOf(gpu);
  const device: ComputeDevice = {
    name: 'gpu.js', adapter, kernels: gpuJsKernels(runner),
    why: [
      ...(/swiftshader|llvmpipe|software/i.test(adapter)
        ? [`gpu.js: the adapter (${adapter}) is software on the processor: slower than the kernels of the CPU`] : []),
      'gpu.js: every call sends its arrays to the GPU and reads the result back, and each new shape is translated first',
    ],
    close: () => { runner.close(); },
  };
  return tested(device);
}

/**
 * The package that the user has installed. Its name is no literal in the import, lest a bundler takes it in or asks for
 * it.
 */
async function imported(): Promise<GpuJsClass> {
  const name: string = 'gpu.js';
  let found: { GPU?: unknown; default?: { GPU?: unknown } };
  try {
    found = await import(/* @vite-ignore */ /* webpackIgnore: true */ name) as typeof found;
  } catch (error) {
    throw new DeviceError('unavailable', `gpu.js: the package is not at hand (npm install gpu.js, or pass { GPU }): ${textOf(error)}`);
  }
  const GPU = found.GPU ?? found.default?.GPU;
  if (typeof GPU !== 'function') throw new DeviceError('unavailable', 'gpu.js: the package exports no GPU');
  return GPU as GpuJsClass;
}

/** What WebGL says of who draws; empty where it does not. */
function adapterOf(gpu: GpuJs): string {
  interface Context { getParameter?(name: number): unknown; getExtension?(name: string): unknown }
  const { context } = gpu as unknown as { context?: Context | null };
  const unmaskedRenderer = 0x9246;
  if (typeof context?.getParameter !== 'function') return '';
  context.getExtension?.('WEBGL_debug_renderer_info');
  const found = context.getParameter(unmaskedRenderer);
  return typeof found === 'string' ? printable(found) : '';
}

function textOf(error: unknown): string {
  return error instanceof Error ? printable(error.message, 300) : describe(error);
}
