/**
 * The checkpoint of a run in its output folder: what Solver needs to go on, with the run's settings inside the same
 * file (Solver's option checkpointMetadata), so that the two cannot fall apart. The file is replaced as a whole
 * (atomicWriteFile): a kill at any moment leaves the previous checkpoint or the new one.
 */

import { join } from 'node:path';
import { parseJson } from '../../io/json.ts';
import { decodeSafetensors } from '../../io/index.ts';
import type { CheckpointStore } from '../../train/index.ts';
import { atomicWriteFile } from '../atomic-write.ts';
import { DataFileError, explainSystemError, systemErrorCode } from '../errors.ts';
import { readPlainFile } from '../plain-file.ts';
import { checkpointName } from './run-folder.ts';

/** The metadata entry that holds the settings, as JSON. */
export const settingsKey = 'tilegrad run';

/** Writes checkpoints of one run, one after the other. */
export class CheckpointFile implements CheckpointStore {
  readonly #folder: string;
  #writing: Promise<void> = Promise.resolve();
  #busy: boolean = false;
  readonly #before: () => Promise<void>;
  #first: (() => Promise<void>) | null;

  /**
   * @param before what must have been written, when a checkpoint is, of what came before it; asked at every write
   * @param first what is to be done ahead of the first write
   */
  constructor(
    folder: string, before: () => Promise<void> = () => Promise.resolve(), first: (() => Promise<void>) | null = null,
  ) {
    this.#folder = folder;
    this.#before = before;
    this.#first = first;
  }

  /** True while a write is under way. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Queues a write behind those under way. Rejects with what went wrong with it or with one before. */
  write(name: string, bytes: Uint8Array): Promise<void> {
    this.#busy = true;
    const before = this.#before();
    const first = this.#first;
    this.#first = null;
    const written = this.#writing
      .then(() => before)
      .then(() => first?.())
      .then(() => atomicWriteFile(join(this.#folder, name), bytes))
      .finally(() => {
        this.#busy = false;
      });
    this.#writing = written;
    // Who waits for the queue hears of the failure; a write that nobody waits for must not end the process.
    written.catch(() => undefined);
    return written;
  }

  /** Settles when nothing is left to write; rejects if a write failed. */
  done(): Promise<void> {
    return this.#writing;
  }
}

/**
 * The settings and the Solver's bytes of the checkpoint in a folder. Throws DataFileError where there is none, where it
 * cannot be read, and where it is damaged or another program's.
 */
export async function readCheckpoint(folder: string): Promise<{ settings: unknown; bytes: Uint8Array }> {
  const path = join(folder, checkpointName);
  let bytes: Uint8Array;
  try {
    bytes = await readPlainFile(path);
  } catch (error) {
    const why = systemErrorCode(error) === 'ENOENT' ? 'there is none' : explainSystemError(error);
    throw new DataFileError(`cannot go on from the checkpoint ${path}: ${why}`, path, error);
  }
  try {
    const { metadata } = decodeSafetensors(bytes);
    if (!Object.hasOwn(metadata, settingsKey)) throw new RangeError('it holds no settings of a run');
    return { settings: parseJson('its settings', metadata[settingsKey], 16), bytes };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new DataFileError(`cannot go on from the checkpoint ${path}: ${why}`, path, error);
  }
}
