/**
 * JPEG files through libjpeg-turbo's TurboJPEG interface in WebAssembly: the decoder that Pillow and OpenCV use too, so
 * its pixels are theirs, and about eight times as fast as one in JavaScript. It runs in the threads that read pictures.
 */

import { readFrame } from '../../viz/jpeg.ts';
import type { Picture } from '../../viz/picture.ts';
import { jpegTurboCode } from './jpeg-turbo-code.ts';

interface TurboExports {
  readonly memory: WebAssembly.Memory;
  malloc(bytes: number): number;
  free(address: number): void;
  tjInitDecompress(): number;
  tjDecompress2(
    handle: number, file: number, fileBytes: number, out: number, width: number, rowBytes: number, height: number,
    pixelFormat: number, flags: number,
  ): number;
}

const pixelFormats = { 1: 6, 3: 0 } as const; // TJPF_GRAY, TJPF_RGB

/** What one decoder's memory may grow to before another takes its place; WebAssembly gives nothing back. */
const maxKeptBytes = 256 * 2 ** 20;

let module: WebAssembly.Module | null = null;
let decoder: { readonly exports: TurboExports; readonly handle: number } | null = null;

function start(): { readonly exports: TurboExports; readonly handle: number } {
  // Errors that the library cannot return from, and files, which it has none of here.
  const stop = (): never => {
    throw new Error('the decoder gave up');
  };
  module ??= new WebAssembly.Module(jpegTurboCode());
  const system = {
    environ_sizes_get: () => 0, environ_get: stop, proc_exit: stop, fd_close: stop, fd_seek: stop, fd_write: stop,
  };
  const instance = new WebAssembly.Instance(module, {
    env: { setjmp: () => 0, longjmp: stop }, wasi_snapshot_preview1: system,
  });
  const exports = instance.exports as unknown as TurboExports;
  return { exports, handle: exports.tjInitDecompress() };
}

/**
 * The picture in a JPEG file at a half, a quarter or an eighth of its size, or as it is, in its own channels; null
 * where the file gives the decoder the least cause for complaint. readFrame must have found its header in order.
 *
 * @param divisor 1, 2, 4 or 8: fewer frequencies are transformed back, so that less is computed
 */
export function decodeTurbo(bytes: Uint8Array, divisor: number): Picture | null {
  const { file: contents, ...frame } = readFrame(bytes);
  const channels = frame.components === 1 ? 1 : 3;
  const [width, height] = [frame.width, frame.height].map((extent) => Math.ceil(extent / divisor));
  const size = width * height * channels;
  try {
    decoder ??= start();
    const { exports, handle } = decoder;
    const file = exports.malloc(contents.length);
    const out = exports.malloc(size);
    if (file === 0 || out === 0) throw new Error('no memory');
    new Uint8Array(exports.memory.buffer, file, contents.length).set(contents);
    const status = exports.tjDecompress2(
      handle, file, contents.length, out, width, width * channels, height, pixelFormats[channels], 0,
    );
    const data = status === 0 ? new Uint8Array(exports.memory.buffer, out, size).slice() : null;
    exports.free(file);
    exports.free(out);
    if (exports.memory.buffer.byteLength > maxKeptBytes) decoder = null;
    return data === null ? null : { width, height, channels, data };
  } catch {
    decoder = null; // whatever state it was left in goes with it
    return null;
  }
}
