/**
 * States for PyTorch and from it: parameters and running averages under state_dict's names and in its layout, as
 * safetensors or npz. A course network has the names of its Sequential (see networkModule): "0.weight", "0.bias", ...
 *
 * A file says in which layout it is: safetensors in the metadata, `layout` being "pytorch"; npz in the array
 * `__tilegrad__`, which holds the same metadata as JSON in UTF-8. Linear weights are (out, in) there; a square one that
 * was stored the other way round has the right shape and the wrong numbers, so a file that does not say its layout is
 * not taken where a network has such a weight, unless the caller says it.
 *
 * With an input shape the file gets the arrays `__input__` and `__output__`: two examples and what the network makes of
 * them, by which the other side can tell whether it computes the same; for further inputs and outputs `__input_1__`
 * and so on.
 */

import { emptyNetworkModule } from '../models/as-module.ts';
import { loadNetworkModule, Network, networkModule } from '../models/index.ts';
import { Linear, type LoadStateOptions, type LoadStateResult, type Module, type StateDict } from '../nn/index.ts';
import { checkBoolean, checkOneOf, checkOptions, describe } from '../runtime/check.ts';
import { contiguousData } from '../tensor/internal.ts';
import { Tensor } from '../tensor/tensor.ts';
import { checkBytes, decodeUtf8, type Bytes } from './bytes.ts';
import { decodeWithChecksum, encodeWithChecksum } from './checksum.ts';
import { checkPreprocessing } from './classifier.ts';
import { parseJson } from './json.ts';
import { architectureOf, under } from './model-file.ts';
import { decodeNpz, encodeNpz } from './npz.ts';
import { type Sample, sampleOf, sampleTensors, withoutSample } from './sample.ts';

export interface SaveStateOptions {
  /** 'safetensors' unless given */
  format?: 'safetensors' | 'npz';
  /** the shape of one example, for the sample; course networks and graphs know theirs; null is as if not given */
  inputShape?: readonly number[] | null;
  /** false leaves the sample out, and with it the two names that a state_dict does not have; true unless given */
  sample?: boolean;
}

export interface LoadStateFileOptions extends LoadStateOptions {
  /** the layout of a file that does not say its own: 'pytorch', Linear weights (out, in) */
  layout?: 'pytorch';
}

const note = '__tilegrad__';
const sampleName = (part: string): string => `__${part}__`;

/**
 * The state of a network as a file for PyTorch. Throws TypeError for what is no network and options of the wrong kind,
 * RangeError for an input shape that it does not take, and for a course network with batchnorm that was never trained.
 */
export function saveStateDict(model: Module | Network, options: SaveStateOptions = {}): Bytes {
  const fn = 'saveStateDict';
  checkOptions(fn, options, ['format', 'inputShape', 'sample']);
  const format = checkOneOf(fn, 'format', options.format ?? 'safetensors', ['safetensors', 'npz']);
  const { inputShape } = checkPreprocessing(fn, model, { inputShape: options.inputShape });
  const withSample = checkBoolean(fn, 'sample', options.sample ?? true) && inputShape !== null;
  return under(fn, () => {
    const module = model instanceof Network ? networkModule(model) : model;
    const record: Record<string, Tensor> = module.stateDict();
    if (withSample) Object.assign(record, sampleTensors(sampleOf(module, inputShape), sampleName));
    const metadata = { format: 'pt', layout: 'pytorch', architecture: JSON.stringify(architectureOf(module)) };
    if (format === 'safetensors') return encodeWithChecksum(record, metadata);
    const text = new TextEncoder().encode(JSON.stringify(metadata));
    return encodeNpz({ ...record, [note]: new Tensor(text, [text.length]) });
  });
}

/** What a state file holds. */
export interface StateFile {
  readonly state: StateDict;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly sample: Sample | null;
}

/** Reads a state file. Throws as the decoders of the formats do. */
export function readStateFile(bytes: Uint8Array): StateFile {
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  const { tensors: all, metadata } = isZip ? withNote(decodeNpz(bytes)) : decodeWithChecksum(bytes);
  const [state, sample] = withoutSample(all, sampleName);
  return { state, metadata, sample };
}

function withNote(all: Record<string, Tensor>): { tensors: Record<string, Tensor>; metadata: Record<string, unknown> } {
  const { [note]: found, ...tensors } = all;
  if (found === undefined) return { tensors, metadata: {} };
  const text = decodeUtf8(note, Uint8Array.from(contiguousData(found)));
  const metadata = parseJson(note, text, 4);
  if (typeof metadata !== 'object' || metadata === null) throw new RangeError(`${note} must hold an object`);
  return { tensors, metadata: metadata as Record<string, unknown> };
}

/**
 * Takes up a state that saveStateDict or a PyTorch program has written, safetensors or npz. Returns the names that were
 * missing and unknown, as loadStateDict of modules does. Throws, and changes nothing, TypeError or RangeError for what
 * is no such file or was damaged, another layout, none where a square Linear weight leaves it open, and for entries
 * that are missing, unknown (unless strict is false) or of another shape.
 */
export function loadStateDict(
  model: Module | Network, bytes: Uint8Array, options: LoadStateFileOptions = {},
): LoadStateResult {
  const fn = 'loadStateDict';
  checkPreprocessing(fn, model, {});
  checkBytes(fn, bytes);
  checkOptions(fn, options, ['layout', 'strict']);
  if (options.layout !== undefined) checkOneOf(fn, 'layout', options.layout, ['pytorch']);
  if (options.strict !== undefined) checkBoolean(fn, 'strict', options.strict);
  return under(fn, () => {
    const { state, metadata } = readStateFile(bytes);
    const module = model instanceof Network ? emptyNetworkModule(model) : model;
    checkLayout(module, state, metadata.layout ?? options.layout);
    const result = module.loadStateDict(state, { strict: options.strict ?? true });
    if (model instanceof Network) loadNetworkModule(model, module);
    return result;
  });
}

function checkLayout(module: Module, state: StateDict, layout: unknown): void {
  if (layout === 'pytorch') return;
  if (layout !== undefined) throw new RangeError(`the file's layout must be "pytorch", got ${describe(layout)}`);
  const square = module.namedModules().find(([path, each]) =>
    each instanceof Linear && each.weight.shape[0] === each.weight.shape[1] && each.weight.shape[0] > 1 &&
    Object.hasOwn(state, path === '' ? 'weight' : `${path}.weight`));
  if (square === undefined) return;
  throw new RangeError(
    `the file does not say its layout, and the shape of the square ${describe(`${square[0]}.weight`)} does not tell it: ` +
    "{ layout: 'pytorch' } says that Linear weights are (out, in)",
  );
}
