import { defineConfig, type ViteUserConfig } from 'vitest/config';

import { embedWorkerVite } from './scripts/embed-worker.ts';

const config: ViteUserConfig = defineConfig({
  plugins: [embedWorkerVite()],
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    pool: 'forks',
  },
});
export default config;
