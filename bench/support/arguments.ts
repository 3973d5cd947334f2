/** What a bench is told on its command line. */

import { readFileSync } from 'node:fs';
import { parseArgs as parse } from 'node:util';

/** An argument that a program does not take; not caught, it is one line and exit code 2. */
export class ArgumentError extends RangeError {}

/**
 * node:util's parseArgs, but for two ends: --help prints what the program's file says at its head, with exit code 0,
 * and arguments that it does not take are one line, with exit code 2, as are ArgumentErrors from then on.
 */
export const parseArgs: typeof parse = (config) => {
  process.on('uncaughtException', (error) => {
    if (error instanceof ArgumentError) refuse(error.message);
    console.error(error);
    process.exit(1);
  });
  if (process.argv.includes('--help')) {
    console.log(headOf(readFileSync(process.argv[1], 'utf8')));
    process.exit(0);
  }
  try {
    return parse(config);
  } catch (error) {
    return refuse(`bench: ${error instanceof Error ? error.message : String(error)}`);
  }
};

function refuse(message: string): never {
  console.error(`${message} (--help says what there is)`);
  process.exit(2);
}

/** The text of the comment that a file begins with; empty where it begins with none. */
export function headOf(source: string): string {
  const comment = /^\/\*\*\n([^]*?)\n? \*\//.exec(source)?.[1] ?? '';
  return comment.replace(/^ \* ?/gm, '');
}
