/** Any of the data sets that are recognised, by its path. */

import { datasetFromArrays } from '../../data/arrays.ts';
import type { DatasetOptions } from '../../data/arrays.ts';
import type { ImageDataset, LabelledImages } from '../../data/cifar10.ts';
import { stratifiedOrder } from '../../data/split.ts';
import { checkOptions } from '../../runtime/check.ts';
import { decodeIdx, decodeNpz } from '../../io/index.ts';
import { Rng } from '../../tensor/random/rng.ts';
import { take } from '../../tensor/indexing.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { loadCifar10 } from '../cifar10.ts';
import { DataFileError } from '../errors.ts';
import { explainedFileError } from '../inflated-file.ts';
import { readPlainFile } from '../plain-file.ts';
import type { UnreadableFile } from '../pictures/list-folder.ts';
import { loadCifar100 } from './cifar100.ts';
import { imageFolderOptionNames, loadImageFolder } from './image-folder.ts';
import type { ImageFolder, ImageFolderOptions } from './image-folder.ts';
import { recognise } from './recognise.ts';
import type { DataSetPlace, IdxFiles } from './recognise.ts';
import { idxFile, maxFileBytes } from './whole-file.ts';

/** A data set with what it is. */
export interface LoadedDataSet extends ImageDataset {
  readonly kind: DataSetPlace['kind'];
  /** what to call it */
  readonly name: string;
  /** files that hold no picture which can be used; none but in a folder of pictures */
  readonly unreadable: readonly UnreadableFile[];
  /** the folder's own findings, where it is a folder of pictures */
  readonly folder?: ImageFolder;
}

export interface LoadDataSetOptions extends ImageFolderOptions {
  /** where the channels of arrays (npz) are, for shapes that do not tell */
  layout?: DatasetOptions['layout'];
}

/**
 * Recognises and reads a data set. Images from npz and IDX files and from folders come in an order in which the last
 * may be held back for validation (see loadImageFolder); CIFAR-10 and CIFAR-100 in the order of their files.
 *
 * @param options seed and testShare hold wherever a test set is drawn; layout is for arrays, the others are for folders
 * of pictures
 * @throws TypeError for unknown options; DataFileError naming the path, as recogniseDataSet and the loaders do; the
 * options' errors of loadImageFolder
 */
export async function loadDataSet(path: string, options: LoadDataSetOptions = {}): Promise<LoadedDataSet> {
  const fn = 'loadDataSet';
  checkOptions(fn, options, [...imageFolderOptionNames, 'layout']);
  const { layout, ...folderOptions } = options;
  const place = await recognise(fn, path);
  if (place.kind === 'folder') {
    const folder = await loadImageFolder(path, folderOptions);
    const { train, test, classNames, unreadable } = folder;
    return { kind: 'folder', name: 'pictures', train, test, classNames, unreadable, folder };
  }
  if (place.kind === 'cifar10') {
    return { kind: 'cifar10', name: 'CIFAR-10', unreadable: [], ...(await loadCifar10(place.path)) };
  }
  try {
    if (place.kind === 'cifar100') {
      return { kind: 'cifar100', name: 'CIFAR-100', unreadable: [], ...(await loadCifar100(fn, place.path, place.isFolder)) };
    }
    const { seed = 0, testShare } = options;
    const arrays = place.kind === 'npz' ? await npzArrays(place.path) : await idxArrays(fn, place.files);
    const { train, test, classNames } = datasetFromArrays(arrays, { seed, testShare, layout });
    const name = place.kind === 'npz' ? 'arrays' : 'IDX files';
    return { kind: place.kind, name, unreadable: [], train: inOrder(train, seed), test, classNames };
  } catch (error) {
    if (error instanceof RangeError && !(error instanceof DataFileError)) {
      throw new DataFileError(`${fn}: ${place.path}: ${error.message}`, place.path, error);
    }
    throw explainedFileError(fn, place.path, error);
  }
}

/** Training images whose last may be held back, whatever order the file has them in. */
function inOrder({ images, labels }: LabelledImages, seed: number): LabelledImages {
  const order = stratifiedOrder(labels, new Rng(seed));
  return { images: take(images, Array.from(order)), labels: order.map((row) => labels[row]) };
}

async function npzArrays(path: string): Promise<Record<string, Tensor>> {
  return decodeNpz(await readPlainFile(path, maxFileBytes), { maxBytes: 2 * maxFileBytes });
}

async function idxArrays(fn: string, { xTrain, yTrain, xTest, yTest }: IdxFiles): Promise<Record<string, Tensor>> {
  const read = async (path: string): Promise<Tensor> => {
    const bytes = await idxFile(fn, path);
    try {
      return decodeIdx(bytes);
    } catch (error) {
      throw new DataFileError(`${fn}: ${path}: ${(error as Error).message}`, path, error);
    }
  };
  return {
    x_train: await read(xTrain), y_train: await read(yTrain),
    ...(xTest === undefined || yTest === undefined ? {} : { x_test: await read(xTest), y_test: await read(yTest) }),
  };
}
