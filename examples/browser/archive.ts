/** The visitor's copy of CIFAR-10, read where it lies. */

import { readCifar10Archive } from 'tilegrad/data';

import type { OnProgress, PictureSet } from './data.ts';

/** Reads the binary release's tar.gz, or its tar. Throws RangeError for anything else. */
export async function readArchive(file: File, onProgress: OnProgress): Promise<PictureSet> {
  let read = 0;
  const counted = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform: async (chunk, controller) => {
      read += chunk.length;
      controller.enqueue(chunk);
      await onProgress(`Reading ${file.name}`, read / file.size);
    },
  });
  const set = await readCifar10Archive(file.stream().pipeThrough(counted));
  return { ...set, name: 'CIFAR-10', notes: [] };
}
