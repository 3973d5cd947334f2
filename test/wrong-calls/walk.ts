/**
 * Calls every export with wrong arguments and counts how the calls end. A table gives each function a valid call; each
 * argument of it, and each field of its options, is replaced in turn by every bad value.
 *
 * A call may succeed (odd arguments can be valid) or throw a TypeError or RangeError whose message begins with the name
 * of what was called. Anything else is counted: an error of the engine itself, or one that names an inner function.
 */

import { type Rng, Tensor, tensor, zeros } from '../../src/index.ts';

/** Arguments of a valid call, made anew for every call, since functions may write to them. */
export type Seed = () => readonly unknown[];

/** A valid call: its arguments, and for a method what it is called on. */
export interface Call {
  readonly args: Seed;
  /** what a method is called on; made anew for every call */
  readonly on?: () => object;
  /** bad values that are left out, because they are valid and would take long */
  readonly without?: ReadonlySet<string>;
  /** what an error may begin with beside the name: a layer's path in its model */
  readonly also?: readonly string[];
}

/** What a table holds for a name: one or several valid calls; 'internal' for methods that types forbid to call. */
export type Entry = Seed | Call | readonly (Seed | Call)[] | 'internal';
export type Table = Readonly<Record<string, Entry>>;

/** How the wrong calls of one module ended. */
export interface Outcome {
  calls: number;
  refused: number;
  /** calls that ended in an error which does not begin with the function's name; a line each */
  readonly raw: string[];
  /** names without an entry in the table, and entries without a name */
  readonly unlisted: string[];
}

/** A tensor as structuredClone and postMessage leave it: the fields without the class. */
function cloned(): unknown {
  return structuredClone({ ...tensor([1, 2]) });
}

const badValues: readonly (readonly [name: string, make: () => unknown])[] = [
  ['undefined', () => undefined], ['null', () => null], ['true', () => true], ['NaN', () => NaN], ['-1', () => -1],
  ['0', () => 0], ['1.5', () => 1.5], ['Infinity', () => Infinity], ['1e9', () => 1e9], ['2**53', () => 2 ** 53],
  ["'abc'", () => 'abc'], ["''", () => ''], ['{}', () => ({})], ['[]', () => []], ['[null]', () => [null]],
  ["[[1], 'x']", () => [[1], 'x']], ['function', () => (): number => 1], ['Symbol', () => Symbol('s')],
  ['BigInt', () => 10n], ['BigInt64Array', () => BigInt64Array.of(0n, 1n)], ['DataView', () => new DataView(new ArrayBuffer(8))],
  ['Date', () => new Date(0)], ['frozen {}', () => Object.freeze({})], ['bare object', () => Object.create(null) as object],
  ['proxy', () => new Proxy({}, {})], ['array proxy', () => new Proxy([1, 2], {})],
  ['nested symbol', () => [Symbol('s')]], ['Float32Array', () => Float32Array.of(NaN, -1, 1e9)],
  ['no prototype tensor', () => Object.create(Tensor.prototype) as object], ['cloned tensor', cloned],
  ['5-d tensor', () => zeros([1, 2, 1, 1, 1])], ['empty tensor', () => zeros([0])], ['scalar', () => tensor(3)],
  ['int tensor', () => tensor([7, -7], null, 'int32')], ['row tensor', () => tensor([[1, 2, 3]], null, 'float64')],
];

/** For sizes that would be valid but large. */
export const large: ReadonlySet<string> = new Set(['1e9', '2**53', 'Float32Array']);
/** For options that would all be left at defaults which take long. */
export const defaults: ReadonlySet<string> = new Set([
  'undefined', 'null', '{}', 'DataView', 'Date', 'frozen {}', 'bare object', 'proxy', 'no prototype tensor',
]);

/** Instead of every argument in turn: so many calls of each entry, with one to three of its arguments wrong. */
export interface RandomWalk {
  readonly rng: Rng;
  readonly calls: number;
}

/**
 * Walks through all that a module exports; `begin` is called before each export, for what a wrong call has set.
 */
export async function walk(
  module: Readonly<Record<string, unknown>>, table: Table, begin: () => void, random?: RandomWalk,
): Promise<Outcome> {
  const outcome: Outcome = { calls: 0, refused: 0, raw: [], unlisted: [] };
  const known = new Set<string>();
  for (const [name, value] of Object.entries(module)) {
    if (typeof value !== 'function') continue;
    const construct = isClass(value);
    known.add(name);
    begin();
    const create = value as new (...args: unknown[]) => unknown;
    const call = value as (...args: unknown[]) => unknown;
    await walkEntry(outcome, table, name, [name], () => (construct ? (...args) => new create(...args) : call), random);
    if (!construct) continue;
    for (const method of methodsOf(value)) {
      const full = `${name}.${method}`;
      known.add(full);
      await walkEntry(outcome, table, full, [full, method, name], (on) => (...args) => {
        const target = on as Record<string, (...args: unknown[]) => unknown>;
        return target[method](...args);
      }, random);
    }
  }
  for (const [name, entry] of Object.entries(table)) {
    if (!known.has(name) && entry !== 'internal') outcome.unlisted.push(`${name} (no such export)`);
  }
  return outcome;
}

type Caller = (on: object | undefined) => (...args: unknown[]) => unknown;

async function walkEntry(
  outcome: Outcome, table: Table, name: string, names: readonly string[], caller: Caller, random?: RandomWalk,
): Promise<void> {
  const entry = table[name];
  if (entry === undefined) outcome.unlisted.push(name);
  if (entry === undefined || entry === 'internal') return;
  for (const seed of Array.isArray(entry) ? entry as readonly (Seed | Call)[] : [entry as Seed | Call]) {
    const { args, on, without, also = [] } = typeof seed === 'function' ? { args: seed } : seed;
    const attempt = async (change: (args: unknown[]) => unknown[], what: string, valid: boolean): Promise<void> => {
      const given = change([...args()]);
      outcome.calls++;
      try {
        await drained(caller(on?.())(...given));
      } catch (error) {
        outcome.refused++;
        if (valid || !isNamed(error, [...names, ...also])) outcome.raw.push(`${name}: ${what}: ${errorText(error)}`);
      }
    };
    const paths = pathsOf(args());
    if (random !== undefined) {
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random.rng.random() * list.length)];
      const values = badValues.filter(([bad]) => !without?.has(bad));
      for (let i = 0; paths.length > 0 && i < random.calls; i++) {
        const drawn = Array.from({ length: pick([1, 2, 3]) }, () => [pick(paths), pick(values)] as const);
        // what lies within something that an earlier change has replaced is not there any more
        const changes = drawn.filter(([path], k) => !drawn.slice(0, k).some(([earlier]) =>
          earlier.length < path.length && earlier.every((key, depth) => key === path[depth])));
        const what = changes.map(([path, [bad]]) => `${path.join('.')} = ${bad}`).join(', ');
        await attempt((given) => changes.reduce<unknown[]>(
          (list, [path, [, make]]) => replaced(list, path, make()) as unknown[], given), what, false);
      }
      continue;
    }
    await attempt((given) => given, 'the valid call', true);
    for (const path of paths) {
      for (const [bad, make] of badValues) {
        if (without?.has(bad)) continue;
        await attempt((given) => replaced(given, path, make()) as unknown[], `${path.join('.')} = ${bad}`, false);
      }
      await attempt((given) => replaced(given, path, frozen(at(given, path))) as unknown[], `${path.join('.')} frozen`, false);
    }
  }
}

/** Waits for promises, and runs through iterators (a generator does nothing before it is asked). */
async function drained(result: unknown): Promise<void> {
  const value: unknown = result instanceof Promise ? await result : result;
  if (typeof value !== 'object' || value === null || !('next' in value)) return;
  for (const _ of value as unknown as Iterable<unknown>);
}

/** The error says what was called: `name: ...`, `name[0]...` and the like. */
function isNamed(error: unknown, names: readonly string[]): boolean {
  if (!(error instanceof TypeError || error instanceof RangeError)) return false;
  return names.some((name) => error.message.startsWith(name) && !/^[\w$]/.test(error.message.slice(name.length)));
}

function errorText(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message.slice(0, 160)}` : String(error);
}

function isClass(value: object): boolean {
  return Object.getOwnPropertyDescriptor(value, 'prototype')?.writable === false;
}

/** Methods of a class and of those that it extends, by name. */
function methodsOf(type: object): string[] {
  const names = new Set<string>();
  let prototype = (type as { prototype: object }).prototype;
  while (prototype !== Object.prototype && prototype !== Error.prototype && !isBuiltIn(prototype)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (typeof value === 'function' && name !== 'constructor') names.add(name);
    }
    prototype = Object.getPrototypeOf(prototype) as object;
  }
  return [...names];
}

function isBuiltIn(prototype: object): boolean {
  return [TypeError.prototype, RangeError.prototype].includes(prototype as TypeError);
}

/** Where to put bad values: each argument, each field of plain objects, each entry of short lists, two levels deep. */
function pathsOf(value: unknown, depth: number = 0): string[][] {
  const isList = Array.isArray(value) && value.length <= 4;
  if (depth > 3 || !(isList || isPlain(value))) return [];
  return Object.keys(value as object).flatMap((key) =>
    [[key], ...pathsOf((value as Record<string, unknown>)[key], depth + 1).map((rest) => [key, ...rest])]);
}

function isPlain(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce((part, key) => (part as Record<string, unknown>)[key], value);
}

/** A copy of value with what lies at the path replaced. */
function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  const copy = (Array.isArray(value) ? [...value] : { ...value as object }) as Record<string, unknown>;
  copy[key] = rest.length === 0 ? by : replaced(copy[key], rest, by);
  return copy;
}

/** The same thing where it cannot be written to; a typed array cannot be frozen and stays as it is. */
function frozen(value: unknown): unknown {
  return ArrayBuffer.isView(value) ? value : Object.freeze(value);
}
