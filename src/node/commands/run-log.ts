/**
 * The log of a run, `log.jsonl`: one line of JSON a report, appended while the run goes on, so that it can be followed.
 * On request the same figures stand in an event file for TensorBoard, which is never read: it is made from the log.
 */

import { join } from 'node:path';
import { encodeEvents } from '../../io/index.ts';
import type { ScalarEvent } from '../../io/index.ts';
import { atomicWriteFile } from '../atomic-write.ts';
import { DataFileError, explainSystemError, systemErrorCode } from '../errors.ts';
import { appendPlainFile, readPlainFile } from '../plain-file.ts';
import { isRecord } from './json.ts';

export const logName = 'log.jsonl';
export const eventsName = 'events.out.tfevents.0.tilegrad';

/** One line. Rates and accuracies are left out where they are not known. */
export interface LogEntry {
  /** seconds since 1970 */
  readonly time: number;
  /** steps made, and epochs finished */
  readonly iteration: number;
  readonly epoch: number;
  /** the loss of the latest step */
  readonly loss: number;
  readonly learningRate?: number;
  readonly imagesPerSecond?: number;
  /** seconds spent in training steps */
  readonly trainSeconds: number;
  /** 0 to 1, where they were measured just now */
  readonly trainAccuracy?: number;
  readonly valAccuracy?: number;
}

/** Steps from one line to the next, between measurements of accuracy. */
const interval = 10;
/** What is logged reaches the file within so many milliseconds. */
const delay = 1000;

const tags: Partial<Record<keyof LogEntry, string>> = {
  loss: 'loss', learningRate: 'learning_rate', imagesPerSecond: 'images_per_second',
  trainAccuracy: 'accuracy/training', valAccuracy: 'accuracy/validation',
};

function eventOf(entry: LogEntry): ScalarEvent {
  const figures = Object.entries(tags).map(([name, tag]) => [tag, entry[name as keyof LogEntry]] as const);
  const scalars = Object.fromEntries(figures.filter((each): each is [string, number] => typeof each[1] === 'number'));
  return { step: entry.iteration, wallTime: entry.time, scalars };
}

/** A line as it was written; null for what a kill left of one, and for other text. */
function parseLine(line: string): LogEntry | null {
  try {
    const entry: unknown = JSON.parse(line);
    if (!isRecord(entry)) return null;
    const { iteration, time } = entry;
    const counts = Number.isSafeInteger(iteration) && (iteration as number) >= 0;
    return counts && Number.isFinite(time) && (time as number) >= 0 ? entry as unknown as LogEntry : null;
  } catch {
    return null;
  }
}

export class RunLog {
  readonly #folder: string;
  readonly #tensorboard: boolean;
  #pending: LogEntry[] = [];
  #flushedAt: number = performance.now();
  #writing: Promise<void> = Promise.resolve();
  #failure: string | null = null;
  /** nothing may be written yet: another run's log may lie there */
  #held: boolean;

  private constructor(folder: string, tensorboard: boolean, held: boolean) {
    this.#folder = folder;
    this.#tensorboard = tensorboard;
    this.#held = held;
  }

  /** The log of a run that begins in a folder. Until `begin` is called nothing is written there, and all is kept. */
  static held(folder: string, tensorboard: boolean): RunLog {
    return new RunLog(folder, tensorboard, true);
  }

  /**
   * Begins the log in a folder; that of a run which goes on after so many iterations is kept up to there, and what was
   * written after the last checkpoint, or half written, is taken away. Rejects with DataFileError.
   */
  static async open(folder: string, iterations: number, tensorboard: boolean): Promise<RunLog> {
    const path = join(folder, logName);
    const before = iterations === 0 ? '' : new TextDecoder().decode(await readPlainFile(path).catch((error: unknown) => {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw new DataFileError(`cannot go on with the log ${path}: ${explainSystemError(error)}`, path, error);
    }));
    const kept = before.split('\n').map(parseLine)
      .filter((entry): entry is LogEntry => entry !== null && entry.iteration <= iterations);
    if (before !== '') await atomicWriteFile(path, kept.map(lineOf).join(''));
    if (tensorboard) await atomicWriteFile(join(folder, eventsName), encodeEvents(kept.map(eventOf)));
    return new RunLog(folder, tensorboard, false);
  }

  /** Writes what a held log has so far, and from now on what comes. Never rejects, as flush. */
  begin(): Promise<void> {
    if (!this.#held) return this.#writing;
    this.#held = false;
    if (this.#tensorboard) void this.#write(() => atomicWriteFile(join(this.#folder, eventsName), encodeEvents([])));
    return this.flush();
  }

  /** True where a line is due at an iteration at which accuracy is not measured. */
  static isDue(iteration: number): boolean {
    return iteration % interval === 0;
  }

  add(entry: LogEntry): void {
    this.#pending.push(entry);
    if (performance.now() - this.#flushedAt >= delay) void this.flush();
  }

  /** Writes what is left and returns why the log is incomplete, null where it is not: no reason to end a run. */
  async done(): Promise<string | null> {
    await this.flush();
    return this.#failure;
  }

  /** Writes what there is; never rejects, `done` tells what went wrong. */
  flush(): Promise<void> {
    if (this.#held) return this.#writing;
    this.#flushedAt = performance.now();
    const entries = this.#pending;
    this.#pending = [];
    return this.#write(async () => {
      if (entries.length === 0) return;
      await appendPlainFile(join(this.#folder, logName), entries.map(lineOf).join(''));
      if (!this.#tensorboard) return;
      await appendPlainFile(join(this.#folder, eventsName), encodeEvents(entries.map(eventOf), { begin: false }));
    });
  }

  /** Queues a write behind those under way; after a failure nothing is written any more. */
  #write(write: () => Promise<void>): Promise<void> {
    this.#writing = this.#writing.then(() => (this.#failure === null ? write() : undefined)).catch((error: unknown) => {
      this.#failure = `${logName} is incomplete: ${explainSystemError(error)}`;
    });
    return this.#writing;
  }
}

const lineOf = (entry: LogEntry): string => `${JSON.stringify(entry)}\n`;
