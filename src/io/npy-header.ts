/** Reads the header of a .npy file: a Python dictionary literal with the keys descr, fortran_order and shape. */

import { describe } from '../runtime/check.ts';
import { storedTypes, type StoredType } from './elements.ts';

export interface NpyHeader {
  readonly type: StoredType;
  readonly littleEndian: boolean;
  /** true when the first index runs fastest in memory */
  readonly fortranOrder: boolean;
  readonly shape: number[];
}

const types = storedTypes('numpy');

type Value = string | boolean | number[];

/** Parses the header's text. Throws RangeError, with fn in front, for everything that NumPy would not have written. */
export function parseNpyHeader(fn: string, text: string): NpyHeader {
  const values = parseDictionary(fn, text);
  const descr = values.get('descr');
  const fortranOrder = values.get('fortran_order');
  const shape = values.get('shape');
  if (values.size !== 3 || typeof descr !== 'string' || typeof fortranOrder !== 'boolean' || !Array.isArray(shape)) {
    throw new RangeError(
      `${fn}: the header must give descr (a string), fortran_order (True or False) and shape (a tuple), ` +
      'and nothing else',
    );
  }
  const match = /^([<>|=])(.*)$/.exec(descr);
  const type = match === null ? undefined : types.get(match[2]);
  if (match === null || type === undefined) {
    const known = [...types.keys()].join(', ');
    throw new RangeError(`${fn}: element type ${describe(descr)} is not supported, supported are < or > with ${known}`);
  }
  return { type, littleEndian: match[1] !== '>', fortranOrder, shape };
}

/** One token of the literals that NumPy writes: punctuation, a plain string, a constant or an unsigned integer. */
const token = /\s*(?:([{}():,])|'([^'\\\n]*)'|"([^"\\\n]*)"|(True|False)|(\d{1,16})L?(?![\w.]))/y;

/** A cursor over the header's text. */
class Tokens {
  readonly #fn: string;
  readonly #text: string;
  #position = 0;

  constructor(fn: string, text: string) {
    this.#fn = fn;
    this.#text = text;
  }

  next(): RegExpExecArray {
    token.lastIndex = this.#position;
    const match = token.exec(this.#text);
    if (match === null) this.fail();
    this.#position = token.lastIndex;
    return match;
  }

  /** Takes the mark when it comes next. */
  accept(mark: string): boolean {
    const before = this.#position;
    if (this.#remaining() !== '' && this.next()[1] === mark) return true;
    this.#position = before;
    return false;
  }

  expect(mark: string): void {
    if (!this.accept(mark)) this.fail();
  }

  end(): void {
    if (this.#remaining() !== '') this.fail();
  }

  #remaining(): string {
    return this.#text.slice(this.#position).trim();
  }

  fail(): never {
    const rest = describe(this.#remaining());
    throw new RangeError(
      `${this.#fn}: the header cannot be read from ${rest} on (records and objects are not supported)`,
    );
  }
}

function parseDictionary(fn: string, text: string): Map<string, Value> {
  const tokens = new Tokens(fn, text);
  const values = new Map<string, Value>();
  tokens.expect('{');
  while (!tokens.accept('}')) {
    const [, , single, double] = tokens.next();
    const key = single ?? double;
    if (key === undefined || values.has(key)) tokens.fail();
    tokens.expect(':');
    values.set(key, parseValue(tokens));
    if (!tokens.accept(',')) {
      tokens.expect('}');
      break;
    }
  }
  tokens.end();
  return values;
}

function parseValue(tokens: Tokens): Value {
  const [, mark, single, double, constant] = tokens.next();
  if (constant !== undefined) return constant === 'True';
  if (single !== undefined || double !== undefined) return single ?? double;
  if (mark !== '(') tokens.fail();
  const shape: number[] = [];
  while (!tokens.accept(')')) {
    const digits = tokens.next()[5];
    if (digits === undefined) tokens.fail();
    shape.push(Number(digits));
    if (!tokens.accept(',')) {
      // Python reads (3) as a number, not as a tuple: only (3,) is one.
      if (shape.length === 1) tokens.fail();
      tokens.expect(')');
      break;
    }
  }
  return shape;
}
