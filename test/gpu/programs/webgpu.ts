/** Every check on WebGPU; what runs it gives the settings and hears of the checks. */

import { openWebGpu } from '../../../src/gpu/index.ts';
import { configure } from '../../../src/index.ts';
import { compareDevice } from '../compare.ts';
import { check, type Report } from './checks.ts';
import { checkTraining } from './training.ts';

export interface Settings {
  /** shapes drawn for each case of a kernel */
  readonly runs: number;
  readonly seed: number;
  /** of threeLayerConvNet */
  readonly numFilters: number;
}

export async function checkWebGpu(report: Report, { runs, seed, numFilters }: Settings): Promise<void> {
  configure({ backend: 'auto', threads: 1 });
  await check(report, 'opening WebGPU', async () => {
    const device = await openWebGpu();
    await compareDevice(device.kernels, runs, seed, ({ kernel, runs: count, difference }) => {
      report({ name: kernel, detail: difference ?? `equals naive on ${count} shapes`, ok: difference === null });
    });
    await checkTraining(report, device, numFilters);
    device.close();
    return [device.adapter === '' ? 'an unnamed adapter' : device.adapter, ...device.why].join('; ');
  });
}
