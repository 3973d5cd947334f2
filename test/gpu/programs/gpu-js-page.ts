/** The checks of GPU.js on a page that has loaded its file for browsers. */

import { DeviceError, openGpuJs } from '../../../src/gpu/index.ts';
import { configure } from '../../../src/index.ts';
import { compareDevice } from '../compare.ts';
import { check, type Report } from './checks.ts';
import type { Settings } from './webgpu.ts';

type Options = NonNullable<Parameters<typeof openGpuJs>[0]>;
type GpuJsClass = NonNullable<Options['GPU']>;

/** The class, inside of what the file leaves in the global scope. */
function loaded(): GpuJsClass {
  const { GPU } = globalThis as unknown as { GPU: GpuJsClass & { GPU?: GpuJsClass } };
  return GPU.GPU ?? GPU;
}

/** GPU.js with a fault: kernels whose text has the word give numbers that are a little off. */
function faulty(word: string): GpuJsClass {
  const GPU = loaded();
  const make = function (settings: { mode: 'webgl2' }): object {
    const gpu = new GPU(settings);
    const { createKernel } = gpu;
    gpu.createKernel = (source, options) => {
      const spoilt = source.includes(word) ? source.replace('return sum;', 'return sum * 1.001;') : source;
      return createKernel.call(gpu, spoilt, options);
    };
    return gpu;
  };
  return make as unknown as GpuJsClass;
}

async function refuses(GPU: GpuJsClass): Promise<string> {
  try {
    await openGpuJs({ GPU });
  } catch (error) {
    if (error instanceof DeviceError && error.trouble === 'numbers') return error.message;
    throw error;
  }
  throw new Error('a device whose numbers are off was not refused');
}

const start = async ({ runs, seed }: Settings): Promise<void> => {
  const { report } = globalThis as unknown as { report: Report };
  configure({ backend: 'auto', threads: 1 });
  await check(report, 'opening GPU.js', async () => {
    const device = await openGpuJs({ GPU: loaded() });
    await compareDevice(device.kernels, runs, seed, ({ kernel, runs: count, difference }) => {
      report({ name: kernel, detail: difference ?? `equals naive on ${count} shapes`, ok: difference === null });
    });
    device.close();
    return [device.adapter === '' ? 'an unnamed adapter' : device.adapter, ...device.why].join('; ');
  });
  await check(report, 'a device whose numbers are off', () => refuses(faulty('strideY')));
};
Object.assign(globalThis, { start });
