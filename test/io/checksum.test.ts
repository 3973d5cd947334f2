/** Files of models and states that were damaged are refused, wherever it was; others are taken as they are. */

import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/index.ts';
import {
  decodeSafetensors, encodeSafetensors, loadModel, loadStateDict, saveModel, saveStateDict, verifyModel,
} from '../../src/io/index.ts';
import { ThreeLayerConvNet } from '../../src/models/index.ts';
import * as nn from '../../src/nn/index.ts';

const inputShape = [3, 6, 6];
const net = nn.sequential(new nn.Conv2d(3, 2, 3), new nn.ReLU(), new nn.Flatten(), new nn.Linear(32, 3));
const network = (): ThreeLayerConvNet =>
  new ThreeLayerConvNet({ inputDim: inputShape, numFilters: 2, filterSize: 3, hiddenDim: 4 });
const image = nn.input(inputShape);
const graph = nn.model(image, new nn.Linear(108, 3).apply(new nn.Flatten().apply(image)));
const damaged = 'the file is damaged, or its metadata is that of another file (its checksum does not match its contents; ' +
  'without the metadata entry "tilegrad crc32" it is taken as it is)';

type Kind = readonly [what: string, file: Uint8Array, read: (bytes: Uint8Array) => unknown];
const kinds: readonly Kind[] = [
  ['a model file of modules', saveModel(net, { inputShape, classNames: ['a', 'b', 'c'] }), loadModel],
  ['a model file of a course network', saveModel(network(), { mean: [1, 2, 3] }), loadModel],
  ['a model file of a graph', saveModel(graph), loadModel],
  ['a model file that is verified', saveModel(graph), verifyModel],
  ['a state of modules', saveStateDict(net), (bytes) => loadStateDict(net, bytes)],
  ['a state of a course network', saveStateDict(network()), (bytes) => loadStateDict(network(), bytes)],
];

describe.each(kinds)('%s', (_, file, read) => {
  const text = new TextDecoder('latin1').decode(file);
  const key = '"tilegrad crc32":"';

  it('is refused for one bit of a tensor', () => {
    const dataStart = 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
    const rng = new Rng(1);
    const drawn = Array.from({ length: 20 }, () => rng.integers(dataStart, file.length));
    for (const at of [dataStart, file.length - 1, ...drawn]) {
      const bytes = file.slice();
      bytes[at] ^= 1 << rng.integers(0, 8);
      expect(() => read(bytes), `byte ${at}`).toThrow(damaged);
    }
  });

  it("is refused for one bit of the header, wherever it is but in the checksum's name", () => {
    const end = 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
    const name = text.indexOf(key);
    for (let at = 0; at < end; at++) {
      if (at >= name && at < name + key.length) continue;
      const bytes = file.slice();
      bytes[at] ^= 1;
      expect(() => read(bytes), `byte ${at} of ${end}`).toThrow();
    }
  });

  it('is taken in a view that does not begin where its memory does', () => {
    const memory = new Uint8Array(file.length + 3);
    memory.set(file, 3);
    expect(() => read(memory.subarray(3))).not.toThrow();
  });

  it('is taken without a checksum, as older ones and those of others, and after it was changed on purpose', () => {
    const { tensors, metadata } = decodeSafetensors(file);
    expect(Object.keys(metadata)).not.toContain('tilegrad crc32');
    const [name] = Object.keys(tensors);
    const changed = encodeSafetensors({ ...tensors, [name]: tensors[name].mul(2) }, metadata);
    expect(new TextDecoder('latin1').decode(changed)).not.toContain(key);
    expect(() => read(changed)).not.toThrow();
  });
});

it('is told apart from no damage where another program has copied the metadata, and is taken without the entry', () => {
  const file = saveStateDict(new nn.Linear(3, 2));
  const header = file.subarray(8, 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true)));
  const { __metadata__: metadata } =
    JSON.parse(new TextDecoder().decode(header)) as { __metadata__: Record<string, string> };
  const { tensors } = decodeSafetensors(file);
  const changed = { ...tensors, weight: tensors.weight.mul(2) };
  const load = (entries: Record<string, string>): (() => unknown) => () =>
    loadStateDict(new nn.Linear(3, 2), encodeSafetensors(changed, entries));
  expect(load(metadata)).toThrow(`loadStateDict: ${damaged}`);
  delete metadata['tilegrad crc32'];
  expect(load(metadata)).not.toThrow();
});

it('finds the checksum where names and texts of the file look like it', () => {
  const like = '"tilegrad crc32":"0000000000000000"';
  const file = saveModel(new nn.Linear(2, 1), { classNames: [like] });
  expect(loadModel(file).classNames).toEqual([like]);
  const bytes = file.slice();
  bytes[file.length - 1] ^= 1;
  expect(() => loadModel(bytes)).toThrow(`loadModel: ${damaged}`);
});
