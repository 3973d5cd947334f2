/** Surroundings that record what a command writes, and can interrupt it. */

import type { InterruptName, Surroundings } from '../../src/node/commands/terminal.ts';

export interface Recording extends Surroundings {
  readonly out: () => string;
  readonly err: () => string;
  /** as if Ctrl-C were pressed; nothing happens when the command does not listen */
  interrupt(signal?: InterruptName): void;
}

/** onWrite sees every piece of standard output as it is written. */
export function recording(
  options: {
    env?: Record<string, string>; isTTY?: boolean; columns?: number; onWrite?: (text: string) => void; program?: string;
  } = {},
): Recording {
  const written = { out: '', err: '' };
  let listener: ((signal: InterruptName) => void) | null = null;
  return {
    stdout: {
      isTTY: options.isTTY ?? false,
      columns: options.columns,
      write(text) {
        written.out += text;
        options.onWrite?.(text);
      },
    },
    stderr: {
      write(text) {
        written.err += text;
      },
    },
    env: options.env ?? {},
    program: options.program,
    onInterrupt(given) {
      listener = given;
      return () => {
        listener = null;
      };
    },
    out: () => written.out,
    err: () => written.err,
    interrupt: (signal = 'SIGINT') => listener?.(signal),
  };
}
