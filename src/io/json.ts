/** Reading JSON that may be hostile. */

import { describe } from '../runtime/check.ts';

/** Lists and objects that a text may hold, beside one for every 16 characters: each takes 2 of these and 60 bytes. */
const freeContainers = 100_000;

/**
 * JSON.parse with bounds: the values take a small multiple of the text's own memory. Throws RangeError, with `where`
 * in front, for a text that is not JSON, is nested deeper than maxDepth, is made of brackets, or names a key twice in
 * one object: JSON.parse keeps the last of the two in silence, so two readers of one file could see different values.
 */
export function parseJson(where: string, text: string, maxDepth: number): unknown {
  try {
    checkStructure(where, text, maxDepth);
    return JSON.parse(text);
  } catch (error) {
    throw error instanceof SyntaxError ? new RangeError(`${where} is not valid JSON`) : error;
  }
}

/** Throws RangeError for valid JSON that parseJson refuses, and perhaps SyntaxError for other text. */
export function checkStructure(where: string, text: string, maxDepth: number): void {
  const mostContainers = freeContainers + text.length / 16;
  let containers = 0;
  // One entry for every bracket that is open: the keys seen so far in an object, null for a list.
  const open: Array<Set<string> | null> = [];
  for (let position = 0; position < text.length; position++) {
    const character = text[position];
    if (character === '"') {
      const start = position;
      position = lastOfString(text, start);
      const keys = open.at(-1);
      if (keys && text[skipSpace(text, position + 1)] === ':') {
        const key = JSON.parse(text.slice(start, position + 1)) as string;
        if (keys.has(key)) throw new RangeError(`${where} names ${describe(key)} twice`);
        keys.add(key);
      }
    } else if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : null);
      if (open.length > maxDepth) throw new RangeError(`${where} is nested deeper than ${maxDepth} levels`);
      if (++containers > mostContainers) throw new RangeError(`${where} holds more lists and objects than values`);
    } else if (character === '}' || character === ']') open.pop();
  }
}

/**
 * The members of the object that a JSON text begins with, one by one: the key, and the text of its value, which is yet
 * to be parsed. So a reader of a long text can refuse its first wrong member before it pays for the others. Throws
 * RangeError, with `where` in front, for other text, a key twice, and more than `most` members.
 */
export function* members(where: string, text: string, most: number): Generator<[key: string, value: string], void> {
  const invalid = (): RangeError => new RangeError(`${where} is not valid JSON`);
  const seen = new Set<string>();
  let position = skipSpace(text, 0) + 1;
  if (text[position - 1] !== '{') throw invalid();
  let mark = text[skipSpace(text, position)] === '}' ? '}' : ',';
  if (mark === '}') position = skipSpace(text, position) + 1;
  while (mark === ',') {
    const start = skipSpace(text, position);
    const colon = text[start] === '"' ? skipSpace(text, lastOfString(text, start) + 1) : start;
    if (text[colon] !== ':') throw invalid();
    const key = parseJson(where, text.slice(start, colon), 0) as string;
    if (seen.has(key)) throw new RangeError(`${where} names ${describe(key)} twice`);
    if (seen.size === most) throw new RangeError(`${where} names more than ${most} entries`);
    seen.add(key);
    position = endOfValue(text, colon + 1);
    yield [key, text.slice(colon + 1, position).trim()];
    mark = text[position++];
  }
  if (mark !== '}' || skipSpace(text, position) < text.length) throw invalid();
}

/** The position of the comma or bracket after the value that begins at start; the text's length where it has no end. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  for (let position = start; position < text.length; position++) {
    const character = text[position];
    if (depth === 0 && (character === ',' || character === '}' || character === ']')) return position;
    if (character === '"') position = lastOfString(text, position);
    else if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') depth--;
  }
  return text.length;
}

/** The position of the closing quote of the string that begins at start; the text's length where there is none. */
function lastOfString(text: string, start: number): number {
  let position = start + 1;
  while (position < text.length && text[position] !== '"') position += text[position] === '\\' ? 2 : 1;
  return position;
}

function skipSpace(text: string, start: number): number {
  let position = start;
  while (position < text.length && ' \t\n\r'.includes(text[position])) position++;
  return position;
}
