/** What JSON.parse does not tell. */

/**
 * Returns a key that some object in the JSON text has twice, or null. JSON.parse keeps the last of the two in silence,
 * so two readers of one file could see different tensors. The text must be valid JSON: parse it first.
 */
export function findDuplicateKey(text: string): string | null {
  // One entry for every bracket that is open: the keys seen so far in an object, null for an array.
  const open: Array<Set<string> | null> = [];
  let position = 0;
  while (position < text.length) {
    const character = text[position];
    if (character === '"') {
      const start = position;
      position = endOfString(text, start);
      const keys = open.at(-1);
      if (keys && nextCharacter(text, position) === ':') {
        const key = JSON.parse(text.slice(start, position)) as string;
        if (keys.has(key)) return key;
        keys.add(key);
      }
      continue;
    }
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(null);
    else if (character === '}' || character === ']') open.pop();
    position++;
  }
  return null;
}

/** The position after the closing quote of the string that begins at start. */
function endOfString(text: string, start: number): number {
  let position = start + 1;
  while (text[position] !== '"') position += text[position] === '\\' ? 2 : 1;
  return position + 1;
}

function nextCharacter(text: string, position: number): string {
  while (' \t\n\r'.includes(text[position])) position++;
  return text[position];
}
