/** Where a command writes to and what it may ask of its surroundings: replaced in tests. */

/** The part of a stream that commands use. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  /** width of the terminal in characters */
  readonly columns?: number;
}

/** What a command sees of the process that it runs in. */
export interface Surroundings {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** calls listener at Ctrl-C (SIGINT) or a request to end (SIGTERM); returns how to stop listening */
  onInterrupt(listener: (signal: InterruptName) => void): () => void;
}

export type InterruptName = 'SIGINT' | 'SIGTERM';

/** The exit code that shells expect of a program ended by a signal: 128 + the signal's number. */
export const interruptExitCode: Readonly<Record<InterruptName, number>> = { SIGINT: 130, SIGTERM: 143 };

/** A wrong command line: ends the program with code 2 instead of 1. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}

/** This process. */
export function processSurroundings(): Surroundings {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    onInterrupt(listener) {
      const names: InterruptName[] = ['SIGINT', 'SIGTERM'];
      // With our listener gone, a second signal takes its default course and ends the process.
      const stop = (): void => names.forEach((name) => process.off(name, onSignal));
      const onSignal = (name: NodeJS.Signals): void => {
        stop();
        listener(name as InterruptName);
      };
      names.forEach((name) => process.on(name, onSignal));
      return stop;
    },
  };
}
