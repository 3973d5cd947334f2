import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

import { embedWorkerVite } from './scripts/embed-worker.ts';

const config: ViteUserConfig = defineConfig({
  plugins: [embedWorkerVite()],
  // programs that are written as a user's import the package by its name
  resolve: { alias: [
    { find: /^tilegrad$/, replacement: fileURLToPath(new URL('src/index.ts', import.meta.url)) },
    { find: /^tilegrad\/(\w+)$/, replacement: fileURLToPath(new URL('src/$1/index.ts', import.meta.url)) },
  ] },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    pool: 'forks',
  },
});
export default config;
