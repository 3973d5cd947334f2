/** `tilegrad predict`: what a trained model says is on pictures. */

import { printable } from '../../runtime/text.ts';
import { decodePicture } from '../../viz/index.ts';
import { bytesOf, readModelFile } from './model-input.ts';
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
 * Prints a line a picture: its path, label and probability, or the first labels with theirs. A picture that cannot be
 * read is named on stderr (with --json as a line with `error`), the rest goes on. Returns the exit code, 1 where a
 * picture could not be read. Rejects with DataFileError where the model cannot.
 */
export async function runPredict(
  model: string, pictures: readonly string[], { top = 1, json = false }: PredictCommandOptions,
  { stdout, stderr }: Surroundings,
): Promise<number> {
  const { predict } = await readModelFile(model);
  let failures = 0;
  for (const file of pictures) {
    try {
      const [{ label, probability, top: likeliest }] = predict(decodePicture(await bytesOf(file)), { top });
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
