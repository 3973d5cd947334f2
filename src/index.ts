export { configure } from './runtime/settings.ts';
export type { Settings } from './runtime/settings.ts';
export type { Info } from './runtime/info.ts';
export { info, ready } from './kernels/status.ts';
export { shutdown } from './kernels/team/team.ts';
export * from './tensor/index.ts';
