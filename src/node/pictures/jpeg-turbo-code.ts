/**
 * The WebAssembly of libjpeg-turbo, from the package @cwasm/jpeg-turbo. This version serves the sources as they stand;
 * the build (scripts/embed-worker.ts) replaces the file by one that holds the code itself.
 */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** The module's bytes. */
export function jpegTurboCode(): BufferSource {
  return readFileSync(createRequire(import.meta.url).resolve('@cwasm/jpeg-turbo/jpeg-turbo.wasm'));
}
