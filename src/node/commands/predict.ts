/** `tilegrad predict`: what a trained model says is on pictures. */

import { realpath } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { AnyPicture } from '../../io/classifier.ts';
import { settings as computing } from '../../runtime/settings.ts';
import { printable } from '../../runtime/text.ts';
import { Tensor } from '../../tensor/index.ts';
import { decodePicture } from '../../viz/index.ts';
import { decodeFiles } from '../pictures/decoder-pool.ts';
import { maxPicturePixels, readPictureFile, whyUnreadable } from '../pictures/picture-file.ts';
import { readModelFile } from './model-input.ts';
import type { Surroundings } from './terminal.ts';

export interface PredictCommandOptions {
  /** how many labels a picture; 1 unless told */
  readonly top?: number;
  /** a line of JSON a picture */
  readonly json?: boolean;
}

/** "97.3%" */
const share = (probability: number): string => `${(100 * probability).toFixed(1)}%`;

/**
 * Prints a line a picture: its path, label and probability, or the first labels with theirs. Pictures are read as those
 * of a folder are for training (loadImageFolder). One that cannot be read is named on stderr (with --json as a line
 * with `error`), the rest goes on. Returns the exit code, 1 where a picture could not be read. Rejects with
 * DataFileError where the model cannot.
 */
export async function runPredict(
  model: string, pictures: readonly string[], { top = 1, json = false }: PredictCommandOptions,
  { stdout, stderr }: Surroundings,
): Promise<number> {
  const { predict, inputShape } = await readModelFile(model);
  let failures = 0;
  for await (const [file, read] of readPictures(pictures, inputShape)) {
    try {
      if (typeof read === 'string') throw new Error(read);
      const [{ label, probability, top: likeliest }] = predict(read, { top });
      const labels = likeliest.map((each) => `${printable(each.label)} ${share(each.probability)}`).join('  ');
      stdout.write(json
        ? `${JSON.stringify({ file, label, probability, top: likeliest })}\n`
        : `${printable(file, file.length)}  ${labels}\n`);
    } catch (error) {
      failures++;
      const why = error instanceof Error ? error.message : String(error);
      if (json) stdout.write(`${JSON.stringify({ file, error: why })}\n`);
      else stderr.write(`tilegrad: ${printable(file, file.length)}: ${printable(why, 500)}\n`);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return failures === 0 ? 0 : 1;
}

/** What is read before the first of it is said what is on it: files, and bytes of their pixels. */
const group = { files: 1024, bytes: 2 ** 28 };

/** Each file with its picture, or with why it has none. */
async function* readPictures(
  files: readonly string[], inputShape: readonly number[] | null,
): AsyncGenerator<readonly [file: string, read: AnyPicture | string]> {
  const [channels, height, width] = inputShape ?? [];
  if (inputShape?.length !== 3 || (channels !== 1 && channels !== 3)) {
    for (const file of files) yield [file, await readAsItIs(file)]; // predict says whether the network can take it
    return;
  }
  const rowBytes = channels * height * width;
  const count = Math.max(1, Math.min(group.files, Math.floor(group.bytes / rowBytes)));
  const { threads } = computing();
  for (let start = 0; start < files.length; start += count) {
    const part = files.slice(start, start + count);
    // a link is followed where the user names it; what then cannot be opened says so
    const paths = await Promise.all(part.map((file) => realpath(file).catch(() => file)));
    const { pixels, answers } = await decodeFiles(
      paths, { channels, height, width, fit: 'crop', maxPixels: maxPicturePixels },
      { threads: threads === 'auto' ? availableParallelism() : threads },
    );
    for (const [i, file] of part.entries()) {
      const row = pixels.subarray(i * rowBytes, (i + 1) * rowBytes);
      const answer = answers[i];
      yield [file, typeof answer === 'string' ? answer : new Tensor(row, [channels, height, width])];
    }
  }
}

/** A picture in its own size and channels, for networks that say of neither what they take. */
async function readAsItIs(file: string): Promise<AnyPicture | string> {
  try {
    return decodePicture(readPictureFile(await realpath(file), maxPicturePixels));
  } catch (error) {
    return whyUnreadable(error);
  }
}
