/**
 * Argument checks shared by every room. Each names the function, the argument, what was expected and what came, and
 * throws before any state has changed.
 */

import { printable } from './text.ts';

/** A short, safe rendering of any value for an error message: on one line, and at most about 60 characters. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') {
    return printable(JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value), 300);
  }
  if (typeof value === 'function') return `function ${ownName(value)}`.replace(/^function $/, 'a function');
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object') {
    const name = className(value);
    return `${/^[aeio]/i.test(name) ? 'an' : 'a'} ${name}`; // a Uint8Array
  }
  return printable(String(value), 60);
}

/** The name of the class that made an object. The object's own fields are data and have no say in it. */
function className(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null) return 'object';
  const made: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  return (typeof made === 'function' && ownName(made)) || 'object';
}

function ownName(made: object): string {
  const name: unknown = Object.getOwnPropertyDescriptor(made, 'name')?.value;
  return typeof name === 'string' ? printable(name, 40) : '';
}

/** Throws TypeError unless value is a number and RangeError unless it is finite (and within min..max, inclusive). */
export function checkNumber(
  fn: string, name: string, value: unknown, min: number = -Infinity, max: number = Infinity,
): number {
  if (typeof value !== 'number') throw new TypeError(`${fn}: ${name} must be a number, got ${describe(value)}`);
  if (!Number.isFinite(value) || value < min || value > max) {
    throw new RangeError(`${fn}: ${name} must be a finite number${range(min, max)}, got ${value}`);
  }
  return value;
}

/** Throws TypeError unless value is a number and RangeError unless it is an integer within min..max, inclusive. */
export function checkInteger(
  fn: string, name: string, value: unknown, min: number = -Infinity, max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== 'number') throw new TypeError(`${fn}: ${name} must be an integer, got ${describe(value)}`);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${fn}: ${name} must be an integer${range(min, max)}, got ${value}`);
  }
  return value;
}

/** Throws TypeError unless value is a boolean. */
export function checkBoolean(fn: string, name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new TypeError(`${fn}: ${name} must be true or false, got ${describe(value)}`);
  return value;
}

/** Throws RangeError unless value is one of the allowed strings. */
export function checkOneOf<T extends string>(fn: string, name: string, value: unknown, allowed: readonly T[]): T {
  if (typeof value !== 'string' || !(allowed as readonly string[]).includes(value)) {
    throw new RangeError(`${fn}: ${name} must be one of ${allowed.join(', ')}, got ${describe(value)}`);
  }
  return value as T;
}

/** Throws TypeError unless value is a string. */
export function checkString(fn: string, name: string, value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(`${fn}: ${name} must be a string, got ${describe(value)}`);
  return value;
}

/** Throws TypeError unless value is a function. */
export function checkFunction<F>(fn: string, name: string, value: F): F {
  if (typeof value !== 'function') throw new TypeError(`${fn}: ${name} must be a function, got ${describe(value)}`);
  return value;
}

/** Throws TypeError unless value is a list of numbers: an array of them, or a typed array but of 64-bit integers. */
export function checkNumbers(fn: string, name: string, value: unknown): ArrayLike<number> {
  const isTyped = ArrayBuffer.isView(value) && !(value instanceof DataView);
  if (!isTyped && !Array.isArray(value)) throw new TypeError(`${fn}: ${name} must be a list of numbers, got ${describe(value)}`);
  const list = value as unknown as ArrayLike<unknown>;
  for (let i = 0; i < (isTyped ? Math.min(1, list.length) : list.length); i++) {
    if (typeof list[i] !== 'number') throw new TypeError(`${fn}: ${name}[${i}] must be a number, got ${describe(list[i])}`);
  }
  return list as ArrayLike<number>;
}

/** Throws TypeError unless value is an object, neither a list nor a typed array, as a record of tensors must be. */
export function checkRecord(fn: string, name: string, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) {
    throw new TypeError(`${fn}: ${name} must be an object, got ${describe(value)}`);
  }
  return value as Record<string, unknown>;
}

/** Throws TypeError unless options is a plain object whose every key is known: a misspelt option is never ignored. */
export function checkOptions(fn: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${fn}: options must be an object, got ${describe(options)}`);
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new TypeError(`${fn}: unknown option ${describe(key)}, known options are ${known.join(', ')}`);
    }
  }
}

/**
 * Throws TypeError where one of the fields that a function is about to write to an object cannot be written: that is
 * said before the work is done, and not half-way by the engine.
 */
export function checkWritable(fn: string, name: string, target: object, fields: readonly string[]): void {
  for (const field of fields) {
    const found = Object.getOwnPropertyDescriptor(target, field);
    const writable =
      found === undefined ? Object.isExtensible(target) : found.writable === true || found.set !== undefined;
    if (!writable) throw new TypeError(`${fn}: ${name} must be writable, got one whose ${field} is frozen or read-only`);
  }
}

function range(min: number, max: number): string {
  const low = min === -Infinity ? '' : ` >= ${min}`;
  const high = max === Infinity || max === Number.MAX_SAFE_INTEGER ? '' : `${low === '' ? '' : ' and'} <= ${max}`;
  return low + high;
}
