/**
 * Files, downloads and data sets on the disk. Importing this makes checkpoints go to files, and wide
 * SIMD possible.
 */

import { setDefaultCheckpointStore } from '../train/checkpoint-store.ts';
import { fileCheckpointStore } from './checkpoints.ts';
import { provideWideSimd } from './wide-simd.ts';

export { loadImageFolder } from './data-sets/image-folder.ts';
export type { ImageFolder, ImageFolderOptions } from './data-sets/image-folder.ts';
export { loadDataSet } from './data-sets/load.ts';
export type { LoadDataSetOptions, LoadedDataSet } from './data-sets/load.ts';
export { recogniseDataSet } from './data-sets/recognise.ts';
export type { DataSetPlace, IdxFiles } from './data-sets/recognise.ts';
export type { UnreadableFile } from './pictures/list-folder.ts';
export { getCifar10Data, loadCifar10 } from './cifar10.ts';
export { atomicWriteFile } from './atomic-write.ts';
export { fileCheckpointStore } from './checkpoints.ts';
export type { FileCheckpointStore } from './checkpoints.ts';
export { cacheFolder, findCifar10 } from './cache.ts';
export type { CacheSurroundings } from './cache.ts';
export { cifar10Archive, downloadCifar10 } from './download.ts';
export type { DownloadOptions, DownloadProgress } from './download.ts';
export { DataFileError, DecoderThreadError, DownloadError } from './errors.ts';

setDefaultCheckpointStore(fileCheckpointStore());
provideWideSimd();
