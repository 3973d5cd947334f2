export { configure } from './runtime/settings.ts';
export type { Settings } from './runtime/settings.ts';
export * from './tensor/index.ts';
