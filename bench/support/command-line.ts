/** What the benches have in common on the command line, and what they say first. */

import { loadavg } from 'node:os';
import { ArgumentError } from './arguments.ts';
import { machine } from './machine.ts';
import { possibleWays, wayNames } from './ways.ts';
import type { WayName } from './ways.ts';

/** A number of an option. Throws ArgumentError unless it lies between the bounds. */
export function numberOption(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= least && value <= most)) {
    throw new ArgumentError(`bench: --${name} must be a number from ${least} to ${most}, got ${text}`);
  }
  return value;
}

/**
 * Names picked from those there are, each by its beginning where no other begins so; all of them when none is given.
 * Throws ArgumentError for an unknown one, and for one that several begin with.
 */
export function pick<Name extends string>(what: string, given: readonly string[], all: readonly Name[]): Name[] {
  const picked = given.map((name) => {
    const found = all.filter((each) => each === name);
    const meant = found.length > 0 || name === '' ? found : all.filter((each) => each.startsWith(name));
    if (meant.length === 1) return meant[0];
    throw new ArgumentError(meant.length > 1
      ? `bench: ${what} "${name}" may be ${meant.join(' or ')}`
      : `bench: unknown ${what} "${name}", there are ${all.join(', ')}`);
  });
  return given.length === 0 ? [...all] : all.filter((name) => picked.includes(name));
}

/**
 * The ways that --ways names, else all but the relaxed ones (those too with --relaxed) and the wide ones, after which
 * V8's flag would stay on, if this machine has them.
 */
export function pickWays(ways: string | undefined, relaxed: boolean): WayName[] {
  const plain = wayNames.filter((way) => relaxed || !way.startsWith('relaxed')).filter((way) => !way.startsWith('wide'));
  return possibleWays(pick('way', ways === undefined ? plain : ways.split(','), wayNames));
}

/** Prints where this runs, and a warning when something else does, too: times then say little. */
export function announce(): void {
  const { processor, cores, runtime, flags, commit } = machine();
  const [load] = loadavg();
  console.log([processor, `${cores} cores`, [runtime, ...flags].join(' '), `commit ${commit}`].join(', '));
  if (load > 1) console.log(`warning: the load of this machine is ${load.toFixed(1)}; measure when nothing else runs`);
  console.log('');
}
