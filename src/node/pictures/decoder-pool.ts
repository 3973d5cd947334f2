/** The threads that read pictures: a Piscina pool, which gives each thread the next files as soon as it is free. */

import { loadPiscina, workerOptions } from '../../kernels/team/embedded.ts';
import { DecoderThreadError } from '../errors.ts';
import type { DecodeAnswer, DecodeTask, PictureForm } from './decode-task.ts';
import { decoderFile } from './embedded-decoder.ts';

/** Files a thread is given at a time: enough that asking costs nothing, few enough that none waits for the last. */
const filesPerTask = 16;

export interface DecodeOptions {
  readonly threads: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Reads files into rows of uint8 pixels (N, channels, height, width) that the answer's places are those of. A file
 * whose thread ends under it is tried once more, alone, so that of the files that were with it none is lost. Rejects
 * with the signal's reason when that is aborted, and with DecoderThreadError where no thread is left to read them.
 */
export async function decodeFiles(
  paths: readonly string[], form: PictureForm, { threads, signal, onProgress }: DecodeOptions,
): Promise<{ pixels: Uint8Array; answers: DecodeAnswer[] }> {
  const pixels = new SharedArrayBuffer(paths.length * form.channels * form.height * form.width);
  const answers: DecodeAnswer[] = new Array<DecodeAnswer>(paths.length);
  const Pool = loadPiscina();
  const pool = new Pool({
    filename: decoderFile, name: 'decode', minThreads: 1, maxThreads: threads, execArgv: workerOptions,
    recordTiming: false,
  });
  let lastError: unknown = 'they ended without saying why';
  pool.on('error', (error) => { lastError = error; }); // unheard it would be thrown
  let done = 0;
  const read = async (firstRow: number, count: number): Promise<void> => {
    const task: DecodeTask = { paths: paths.slice(firstRow, firstRow + count), firstRow, form, pixels };
    let found: DecodeAnswer[];
    try {
      found = await (pool.run(task) as Promise<DecodeAnswer[]>);
    } catch (error) {
      signal?.throwIfAborted();
      lastError = error;
      if (count > 1) {
        for (let row = firstRow; row < firstRow + count; row++) await read(row, 1);
        return;
      }
      found = [`the thread that read it ended (${error instanceof Error ? error.message : String(error)})`];
    }
    found.forEach((answer, i) => {
      answers[firstRow + i] = answer;
    });
    done += count;
    onProgress?.(done, paths.length);
  };
  // A thread that ends before it was ready is not replaced, and what waits for one would wait for ever. Looked at a
  // moment later: a file that is tried once more starts a thread.
  const lost = new Promise<never>((_, reject) => {
    pool.on('workerDestroy', () => void setImmediate(() => {
      if (pool.threads.length === 0) reject(new DecoderThreadError(lastError));
    }));
  });
  lost.catch(() => undefined); // the pool's own end comes to it too
  const stop = (): void => void pool.destroy();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    signal?.throwIfAborted();
    const starts = Array.from({ length: Math.ceil(paths.length / filesPerTask) }, (_, k) => k * filesPerTask);
    const all = Promise.all(starts.map((start) => read(start, Math.min(filesPerTask, paths.length - start))));
    await Promise.race([all, lost]);
  } finally {
    signal?.removeEventListener('abort', stop);
    await pool.destroy();
  }
  return { pixels: new Uint8Array(pixels), answers };
}
