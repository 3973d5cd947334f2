/** The space of a search: which settings every trial has, and where the others are drawn from. */

import { checkInteger, checkNumber, checkRecord, describe } from '../../runtime/check.ts';
import type { Rng } from '../../tensor/index.ts';

/** The value of a setting, as it stands on `tilegrad train`'s command line; a list is written with commas there. */
export type Value = number | string | readonly number[];
/** Settings by the names of train's options, without the dashes. */
export type Settings = Readonly<Record<string, Value>>;

/** One setting that is searched: a list to choose from, or a range that is drawn from evenly, or in its logarithm. */
export type Axis =
  | { readonly kind: 'choices'; readonly values: readonly Value[] }
  | {
    readonly kind: 'range' | 'log'; readonly low: number; readonly high: number; readonly integer: boolean;
    /** values of a grid */
    readonly points: number | null;
  };

export interface Space {
  readonly base: Settings;
  readonly axes: Readonly<Record<string, Axis>>;
}

/** A value as the command line has it. */
export function valueText(value: Value): string {
  return typeof value === 'object' ? value.join(',') : String(value);
}

/** Digits that a drawn number keeps: more say nothing, and are hard to read. */
const digits = 4;

/**
 * Reads what a space file holds:
 *
 *   { "base": { "model": "fc", "epochs": 5 },
 *     "space": { "lr": { "log": [1e-4, 1e-1] }, "reg": { "range": [0, 1] }, "batch": { "choices": [50, 100] } } }
 *
 * A range may have `"integer": true`, and `"points"` for a grid. Throws TypeError or RangeError, with the file's name
 * in front, for anything else; whether train takes the settings is not looked at.
 */
export function parseSpace(where: string, value: unknown): Space {
  const { base = {}, space } = checkKeys(where, 'the space', value, ['base', 'space']);
  const axes = Object.entries(checkRecord(where, '"space"', space))
    .map(([name, axis]) => [name, parseAxis(where, name, axis)]);
  if (axes.length === 0) throw new RangeError(`${where}: "space" must name a setting to search at least`);
  for (const [name, setting] of Object.entries(checkRecord(where, '"base"', base))) {
    checkValue(where, `base ${describe(name)}`, setting);
    if (Object.hasOwn(space as object, name)) throw new RangeError(`${where}: ${describe(name)} is in "base" and in "space"`);
  }
  return { base: base as Settings, axes: Object.fromEntries(axes) as Space['axes'] };
}

function parseAxis(where: string, name: string, value: unknown): Axis {
  const label = describe(name);
  const { choices, range, log, integer = false, points = null } =
    checkKeys(where, label, value, ['choices', 'range', 'log', 'integer', 'points']);
  if ([choices, range, log].filter((each) => each !== undefined).length !== 1) {
    throw new RangeError(`${where}: ${label} must have one of choices, range and log`);
  }
  if (choices !== undefined) {
    if (!Array.isArray(choices) || choices.length === 0) {
      throw new TypeError(`${where}: the choices of ${label} must be a list of values, got ${describe(choices)}`);
    }
    if (integer !== false || points !== null) throw new RangeError(`${where}: ${label} has choices, and no integer or points`);
    choices.forEach((each) => checkValue(where, `a choice of ${label}`, each));
    return { kind: 'choices', values: choices as Value[] };
  }
  const kind = range === undefined ? 'log' : 'range';
  const ends: unknown = range ?? log;
  if (!Array.isArray(ends) || ends.length !== 2) {
    throw new TypeError(`${where}: the ${kind} of ${label} must be [low, high], got ${describe(ends)}`);
  }
  const low = checkNumber(where, `the low end of ${label}`, ends[0]);
  const high = checkNumber(where, `the high end of ${label}`, ends[1]);
  if (!(low < high)) throw new RangeError(`${where}: the ${kind} of ${label} must rise, got [${low}, ${high}]`);
  if (kind === 'log' && !(low > 0)) throw new RangeError(`${where}: the log range of ${label} must be above 0, got ${low}`);
  if (typeof integer !== 'boolean') throw new TypeError(`${where}: integer of ${label} must be true or false`);
  if (integer && !(Number.isInteger(low) && Number.isInteger(high))) {
    throw new RangeError(`${where}: the ends of ${label} must be integers, got [${low}, ${high}]`);
  }
  if (points !== null) checkInteger(where, `points of ${label}`, points, 2, 10_000);
  return { kind, low, high, integer, points: points as number | null };
}

function checkKeys(where: string, name: string, value: unknown, known: readonly string[]): Record<string, unknown> {
  const record = checkRecord(where, name, value);
  const unknown = Object.keys(record).find((key) => !known.includes(key));
  if (unknown === undefined) return record;
  throw new TypeError(`${where}: unknown key ${describe(unknown)} of ${name}, known are ${known.join(', ')}`);
}

/**
 * Throws TypeError or RangeError, with `where` in front, unless these are values for axes, or epochs as halving deals
 * them out.
 */
export function checkSettings(where: string, { axes }: Space, settings: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(settings)) {
    if (!Object.hasOwn(axes, name) && name !== 'epochs') {
      throw new RangeError(`${where}: ${describe(name)} is no setting that is searched`);
    }
    checkValue(where, `the setting ${describe(name)}`, value);
  }
}

function checkValue(where: string, name: string, value: unknown): void {
  const values: unknown[] = Array.isArray(value) && value.length > 0 ? value : [value];
  const fits = values.every((each) => typeof each === 'number' && Number.isFinite(each)) || typeof value === 'string';
  if (!fits) throw new TypeError(`${where}: ${name} must be a number, a text or a list of numbers, got ${describe(value)}`);
}

/** Draws a value for every axis, in their order. */
export function draw({ axes }: Space, rng: Rng): Settings {
  return mapAxes(axes, (axis) => (axis.kind === 'choices'
    ? axis.values[Math.floor(rng.random() * axis.values.length)] : valueAt(axis, rng.random())));
}

/** Every combination of choices and points, the last axis changing fastest. Throws RangeError without points. */
export function grid(where: string, { axes }: Space, most: number): Settings[] {
  let all: Settings[] = [{}];
  for (const [name, axis] of Object.entries(axes)) {
    const { points } = axis.kind === 'choices' ? { points: axis.values.length } : axis;
    if (points === null) throw new RangeError(`${where}: a grid needs "points" of ${describe(name)}, or choices`);
    const values = axis.kind === 'choices'
      ? axis.values : Array.from({ length: points }, (_, i) => valueAt(axis, i / (points - 1)));
    const distinct = values.filter((value, i) => values.indexOf(value) === i);
    if (all.length * distinct.length > most) throw new RangeError(`${where}: the grid has more than ${most} trials`);
    all = all.flatMap((settings) => distinct.map((value) => ({ ...settings, [name]: value })));
  }
  return all;
}

/** The part of a space around good settings: ranges from the lowest to the highest of them and a little beyond. */
export function narrow({ base, axes }: Space, good: readonly Settings[]): Space {
  if (good.length === 0) return { base, axes };
  return { base, axes: mapAxes(axes, (axis, name) => {
    const values = good.map((settings) => settings[name]);
    if (axis.kind === 'choices') {
      const kept = new Set(values.map((value) => JSON.stringify(value)));
      return { ...axis, values: axis.values.filter((value) => kept.has(JSON.stringify(value))) };
    }
    const places = (values as number[]).map((value) => placeOf(axis, value));
    const [low, high] = [Math.max(0, Math.min(...places) - margin), Math.min(1, Math.max(...places) + margin)];
    return { ...axis, low: valueAt(axis, low), high: valueAt(axis, high) };
  }) };
}

/** How far a narrowed range goes beyond the good values, as a share of the range before. */
const margin = 0.05;

type Range = Exclude<Axis, { kind: 'choices' }>;

/** The value at a share, 0 to 1, of the way from low to high. */
export function valueAt({ kind, low, high, integer }: Range, share: number): number {
  const value = kind === 'log' ? low * (high / low) ** share : low + (high - low) * share;
  return Math.min(high, Math.max(low, integer ? Math.round(value) : Number(value.toPrecision(digits))));
}

/** The share of the way from low to high at which a value lies. */
export function placeOf({ kind, low, high }: Pick<Range, 'kind' | 'low' | 'high'>, value: number): number {
  if (high === low) return 0;
  return kind === 'log' ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
}

function mapAxes<T>(axes: Space['axes'], make: (axis: Axis, name: string) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(axes).map(([name, axis]) => [name, make(axis, name)]));
}
