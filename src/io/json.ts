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
      if (keys && nextCharacter(text, position + 1) === ':') {
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

/** The position of the closing quote of the string that begins at start; the text's length where there is none. */
function lastOfString(text: string, start: number): number {
  let position = start + 1;
  while (position < text.length && text[position] !== '"') position += text[position] === '\\' ? 2 : 1;
  return position;
}

function nextCharacter(text: string, start: number): string {
  let position = start;
  while (position < text.length && ' \t\n\r'.includes(text[position])) position++;
  return text[position] ?? '';
}
