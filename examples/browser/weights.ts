/** Weights as safetensors files, which PyTorch reads as well; settings, classes and scaling travel as metadata. */

import { tensor, type Tensor } from 'tilegrad';
import { decodeSafetensors, encodeSafetensors } from 'tilegrad/io';

import type { PictureSet, Scaling } from './data.ts';
import { Session } from './session.ts';
import { readSettings, type Settings, writeSettings } from './settings.ts';

/** A weights file larger than this is not one of this page. */
const mostBytes = 256 * 1024 * 1024;

/** The network's state with what it takes to go on using it. */
export function saveWeights({ network, set, scaling }: Session, settings: Settings): Uint8Array<ArrayBuffer> {
  const metadata = {
    settings: writeSettings(settings), classes: JSON.stringify(set.classNames),
    mean: numbers(scaling.mean), std: numbers(scaling.std),
  };
  return new Uint8Array(encodeSafetensors(network.net.stateDict(), metadata));
}

/**
 * A session with the file's network and weights on the pictures at hand; of a file that names no settings the network
 * must be the one that is set. Throws RangeError or TypeError where file, network and pictures do not go together.
 */
export async function loadWeights(
  file: File, set: PictureSet, current: Settings,
): Promise<{ session: Session; settings: Settings }> {
  if (file.size > mostBytes) throw new RangeError(`${file.name} is too large to be this page's weights`);
  const { tensors, metadata } = decodeSafetensors(new Uint8Array(await file.arrayBuffer()));
  const { classes, mean, std, settings: text } = metadata;
  const settings = text === undefined ? current : readSettings(text).settings;
  const names = classes === undefined ? null : JSON.parse(classes) as unknown;
  if (Array.isArray(names) && String(names) !== String(set.classNames)) {
    const listed = names.slice(0, 12).map((name) => String(name).slice(0, 40)).join(', ');
    throw new RangeError(`These weights tell other classes apart (${listed}): choose those pictures first`);
  }
  const session = new Session(set, settings);
  session.network.net.loadStateDict(tensors);
  if (mean !== undefined && std !== undefined) session.scaling = { mean: column(mean), std: column(std) };
  return { session, settings };
}

function numbers(values: Tensor): string {
  return Array.from(values.data, String).join(' ');
}

/** The inverse: (3, 1, 1). Throws RangeError for what are not three finite numbers. */
function column(text: string): Scaling['mean'] {
  const values = text.split(' ').map(Number);
  if (values.length !== 3 || !values.every((value) => Number.isFinite(value))) {
    throw new RangeError('The scaling in this file is damaged');
  }
  return tensor(values, [3, 1, 1], 'float32');
}
