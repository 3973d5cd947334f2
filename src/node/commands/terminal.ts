/** Where a command writes to and what it may ask of its surroundings: replaced in tests. */

import { explainSystemError, systemErrorCode } from '../errors.ts';

/** The part of a stream that commands use. */
export interface Output {
  write(text: string): unknown;
  /** lines can be written over */
  readonly isTTY?: boolean;
  /** width of the terminal in characters; undefined where it is not known */
  readonly columns?: number;
}

/** What a command sees of the process that it runs in. */
export interface Surroundings {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * calls listener at Ctrl-C (SIGINT), a request to end (SIGTERM; in a forked process its parent's end, too) or the
   * terminal's closing (SIGHUP); returns how to stop listening
   */
  onInterrupt(listener: (signal: InterruptName) => void): () => void;
  /** the program's file, to start it again with other arguments */
  readonly program?: string;
  /** what writing to stdout failed with, unless its reader just left early; null or absent when it did not */
  outputError?(): string | null;
}

/** The exit code that shells expect of a program ended by a signal: 128 + the signal's number. */
export const interruptExitCode = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

export type InterruptName = keyof typeof interruptExitCode;

/** A wrong command line: ends the program with code 2 instead of 1. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}

/**
 * Listens for the command's interrupts and hands it a signal to stop by. `name` is the one that came, null before;
 * call stop when done.
 */
export function interruptible(
  { onInterrupt }: Surroundings, onStop: () => void = () => undefined,
): { readonly signal: AbortSignal; readonly name: InterruptName | null; stop(): void } {
  const controller = new AbortController();
  let name: InterruptName | null = null;
  const stop = onInterrupt((signal) => {
    name = signal;
    controller.abort();
    onStop();
  });
  return { signal: controller.signal, get name() { return name; }, stop };
}

/** This process. */
export function processSurroundings(): Surroundings {
  let failure: string | null = null;
  const stderr = steadyOutput(process.stderr, dumbTerminal, () => undefined);
  const stdout = steadyOutput(process.stdout, dumbTerminal, (error) => {
    // A reader that leaves (`tilegrad train | head`) and a terminal that is closed need no word.
    if (['EPIPE', 'EIO'].includes(systemErrorCode(error) ?? '')) return;
    failure = explainSystemError(error);
    stderr.write(`tilegrad: cannot write to standard output: ${failure}\n`);
  });
  return {
    stdout, stderr, env: process.env, program: process.argv[1],
    onInterrupt(listener) {
      const names = Object.keys(interruptExitCode) as InterruptName[];
      // With our listener gone, a second signal takes its default course and ends the process.
      const stop = (): void => {
        names.forEach((name) => process.off(name, onSignal));
        process.off('disconnect', onParentGone);
      };
      const onParentGone = (): void => onSignal('SIGTERM');
      const onSignal = (name: NodeJS.Signals): void => {
        stop();
        listener(name as InterruptName);
      };
      names.forEach((name) => process.on(name, onSignal));
      if (process.connected) {
        process.on('disconnect', onParentGone);
        process.channel?.unref();
      }
      return stop;
    },
    outputError: () => failure,
  };
}

/** What is used of process.stdout. */
export interface OutputStream extends Output {
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/**
 * A stream as commands see it. Its failure, thrown or emitted, is told once and is never a reason to lose a training
 * run. A terminal that knows no escape sequences counts as none, and a width of 0 as unknown.
 */
export function steadyOutput(stream: OutputStream, isDumb: () => boolean, onFailure: (error: unknown) => void): Output {
  let failed = false;
  const fail = (error: unknown): void => {
    if (failed) return;
    failed = true;
    onFailure(error);
  };
  stream.on('error', fail);
  return {
    get isTTY() { return stream.isTTY === true && !isDumb(); },
    get columns() { return stream.columns || undefined; },
    write(text) {
      if (failed) return;
      try {
        stream.write(text);
      } catch (error) {
        fail(error);
      }
    },
  };
}

function dumbTerminal(): boolean {
  try {
    return process.env.TERM === 'dumb';
  } catch {
    // a runtime that was not given the right to look at the environment
    return false;
  }
}
