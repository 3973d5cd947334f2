/** The threads that read pictures: a Piscina pool, which gives each thread the next files as soon as it is free. */

import { loadPiscina, workerOptions } from '../../kernels/team/embedded.ts';
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
 * with the signal's reason when that is aborted.
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
  pool.on('error', () => undefined); // repeats what a task's promise says, and unheard would be thrown
  let done = 0;
  const read = async (firstRow: number, count: number): Promise<void> => {
    const task: DecodeTask = { paths: paths.slice(firstRow, firstRow + count), firstRow, form, pixels };
    let found: DecodeAnswer[];
    try {
      found = await (pool.run(task) as Promise<DecodeAnswer[]>);
    } catch (error) {
      signal?.throwIfAborted();
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
  const stop = (): void => void pool.destroy();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    signal?.throwIfAborted();
    const starts = Array.from({ length: Math.ceil(paths.length / filesPerTask) }, (_, k) => k * filesPerTask);
    await Promise.all(starts.map((start) => read(start, Math.min(filesPerTask, paths.length - start))));
  } finally {
    signal?.removeEventListener('abort', stop);
    await pool.destroy();
  }
  return { pixels: new Uint8Array(pixels), answers };
}
