/** The checks on a page, whose driver calls `start` and gives it `report`. */

import { check as run, type Report } from './checks.ts';
import { checkWebGpu, type Settings } from './webgpu.ts';

const start = async (settings: Settings): Promise<void> => {
  const { report } = globalThis as unknown as { report: Report };
  await run(report, 'a page', async () => {
    await checkWebGpu(report, settings);
    return 'done';
  });
};
Object.assign(globalThis, { start });
