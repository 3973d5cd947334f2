/** What page and worker tell each other. Everything is plain data or typed arrays, and no answer is waited for. */

import type { Settings } from './settings.ts';

/** One file of a folder of pictures, with its path in there. */
export interface FolderFile {
  readonly path: string;
  readonly file: File;
}

export type Source =
  | { readonly kind: 'shapes' }
  | { readonly kind: 'archive'; readonly file: File }
  | { readonly kind: 'folder'; readonly files: readonly FolderFile[] };

export type ToWorker =
  /** sets up data and network anew; a source that is left out is the one there is */
  | { readonly type: 'prepare'; readonly settings: Settings; readonly source?: Source }
  | { readonly type: 'run' }
  | { readonly type: 'pause' }
  /** RGBA of 32x32 pixels to classify, now and after every measurement; look: and to look into the network with */
  | { readonly type: 'classify'; readonly pixels: Uint8ClampedArray<ArrayBuffer>; readonly look: boolean }
  /** which of the shown test pictures the network is looked into with */
  | { readonly type: 'inspect'; readonly place: number }
  | { readonly type: 'save' }
  | { readonly type: 'load'; readonly file: File };

/** A picture ready for a canvas. */
export interface Panel {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
}

/** A test picture with its class. */
export interface Sample {
  readonly label: number;
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
}

export type FromWorker =
  /** something that takes a while, in words; share is 0 to 1 where it is known */
  | { readonly type: 'busy'; readonly what: string; readonly share?: number }
  | { readonly type: 'computing'; readonly backend: string; readonly threads: number; readonly why: readonly string[] }
  | {
    readonly type: 'data'; readonly name: string; readonly classNames: readonly string[];
    readonly samples: readonly Sample[];
    readonly trainCount: number; readonly testCount: number; readonly notes: readonly string[];
  }
  /** a network without training, or with loaded weights, is in place */
  | { readonly type: 'ready'; readonly iterations: number; readonly perEpoch: number; readonly loaded: boolean }
  | {
    readonly type: 'progress'; readonly iteration: number; readonly losses: Float32Array<ArrayBuffer>;
    readonly imagesPerSecond: number;
  }
  /** accuracies, 0 to 1, and the probabilities (samples, classes) of the test pictures shown */
  | {
    readonly type: 'measured'; readonly iteration: number; readonly train: number; readonly test: number;
    readonly probabilities: Float32Array<ArrayBuffer>;
  }
  | { readonly type: 'inside'; readonly filters: Panel | null; readonly activations: readonly Panel[] }
  | { readonly type: 'classified'; readonly probabilities: Float32Array<ArrayBuffer> }
  | { readonly type: 'finished' }
  | { readonly type: 'saved'; readonly bytes: Uint8Array<ArrayBuffer> }
  /** weights are in place, with the settings that they came with, as they stand in a link */
  | { readonly type: 'loaded'; readonly settings: string }
  /** what stood before stands still, in this state; starting: nothing does */
  | {
    readonly type: 'failed'; readonly message: string;
    readonly state: 'starting' | 'ready' | 'paused' | 'finished';
  };
