/** `tilegrad summary`, `export` and `verify`: what a model file holds, its other forms, and whether those hold. */

import { encodeOnnx, saveStateDict, verifyModel, verifyOnnx } from '../../io/index.ts';
import type { LoadedModel, Verification } from '../../io/index.ts';
import { Network } from '../../models/index.ts';
import { GraphModel } from '../../nn/index.ts';
import { printable } from '../../runtime/text.ts';
import { atomicWriteFile } from '../atomic-write.ts';
import { filesOfModel, placeOf, refuseExisting } from './existing.ts';
import { modelBytes, readModelFile, using } from './model-input.ts';
import { UsageError } from './terminal.ts';
import type { Surroundings } from './terminal.ts';

/** Prints the table of a model's layers, and what its input is prepared with. Rejects with DataFileError. */
export async function runSummary(path: string, { stdout }: Surroundings): Promise<number> {
  const { model, classNames, inputShape, mean, std } = await readModelFile(path);
  if (!(model instanceof Network) && inputShape === null) {
    throw new UsageError('summary: the file does not say the shape of an example, which saveModel writes where it is given');
  }
  stdout.write(`${model instanceof Network ? model.summary() : model.summary(inputShape!)}\n`);
  if (inputShape !== null) stdout.write(`\nexamples: ${inputShape.join('x')}`);
  const spread = (name: string, t: typeof mean): string => {
    if (t === null) return '';
    if (t.size > 4) return `, ${name} of ${t.shape.join('x')}`;
    return `, ${name} ${Array.from(t.flatten().data, (value) => value.toPrecision(4)).join(' ')}`;
  };
  stdout.write(`${spread('mean', mean)}${spread('deviation', std)}\n`);
  if (classNames !== null) stdout.write(`classes: ${classNames.map((name) => printable(name, 60)).join(', ')}\n`);
  return 0;
}

/** The forms that a model goes on in, each with the option that names its file. */
export interface ExportOptions {
  readonly onnx?: string;
  readonly safetensors?: string;
  readonly npz?: string;
  readonly fold?: boolean;
  readonly overwrite?: boolean;
}

const forms = ['onnx', 'safetensors', 'npz'] as const;

/** The bytes of a model in a form. Throws as encodeOnnx and saveStateDict do. */
function encode(
  form: typeof forms[number], { model, classNames, inputShape, mean, std }: LoadedModel, fold: boolean,
): Uint8Array {
  const shape = inputShape === null ? {} : { inputShape };
  if (form !== 'onnx') return saveStateDict(model, { format: form, ...shape });
  return encodeOnnx(model, {
    ...(model instanceof GraphModel ? {} : shape), // a graph knows the shape of each of its inputs
    ...(classNames === null ? {} : { classNames }), ...(mean === null ? {} : { mean }),
    ...(std === null ? {} : { std }),
    batchnorm: fold ? 'fold' : 'keep',
  });
}

/**
 * Writes a model for other systems, as ONNX or its state as PyTorch names it, with a sample input and its output.
 * Rejects with DataFileError, and with UsageError where no form was asked for, where batchnorm is to be folded and no
 * form is ONNX, where a file is there already, and where two forms, or a form and a file of the model's run, would be
 * one.
 */
export async function runExport(path: string, options: ExportOptions, { stdout }: Surroundings): Promise<number> {
  const wanted = forms.flatMap((form) => (options[form] === undefined ? [] : [[form, options[form]] as const]));
  if (wanted.length === 0) throw new UsageError('export: in which form? --onnx FILE, --safetensors FILE, --npz FILE');
  if (options.fold && options.onnx === undefined) throw new UsageError('export: --fold is of ONNX: --onnx FILE');
  const taken = await filesOfModel(path);
  for (const [form, file] of wanted) {
    await refuseExisting('export', file, options.overwrite, taken, `--${form}`);
    taken.set(await placeOf(file), `the file of --${form} too`);
  }
  const loaded = await readModelFile(path);
  const fold = options.fold ?? false;
  const encoded = wanted.map(([form, file]) => [file, using(path, () => encode(form, loaded, fold))] as const);
  for (const [file, bytes] of encoded) {
    await atomicWriteFile(file, bytes);
    stdout.write(`${printable(file, file.length)}\n`);
  }
  return 0;
}

/** How far off a number may be, as a share of the largest: other machines add in another order. */
const tolerance = 1e-4;

/** Recomputes the sample that a file carries, and says how far off it is. Returns 1 where that is too far. */
export async function runVerify(path: string, { stdout }: Surroundings): Promise<number> {
  const bytes = await modelBytes(path);
  // an ONNX file has no signature; the others begin with a zip archive's, or with the length of a header in JSON
  const isOurs = bytes[0] === 0x50 || bytes[8] === 0x7b;
  const { difference, largest }: Verification = using(path, () => (isOurs ? verifyModel(bytes) : verifyOnnx(bytes)));
  const good = difference <= tolerance * Math.max(largest, 1e-3);
  const figures = `the largest difference is ${difference.toExponential(2)} in outputs up to ${largest.toPrecision(4)}`;
  stdout.write(`${good ? 'ok' : 'NO'}: ${printable(path, path.length)}: ${figures}\n`);
  return good ? 0 : 1;
}
