export { configure } from './runtime/settings.ts';
export type { Settings } from './runtime/settings.ts';
export type { Info } from './runtime/info.ts';
export { info, ready, shutdown } from './kernels/status.ts';
export * from './tensor/index.ts';
