/** Text that came from outside (files, archives, servers, arguments), made fit for messages and terminals. */

/** Controls, formatting such as bidi overrides, lone surrogates, and line and paragraph separators. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Foreign text on one line without power over the terminal that shows it: every character that is no visible one is
 * written as an escape (`\x1b`, `\u202e`, `\u{e0001}`), and of more than `limit` UTF-16 units only the first are kept.
 */
export function printable(text: string, limit: number = 200): string {
  const kept = text.length > limit ? `${text.slice(0, limit)}...` : text;
  return kept.replace(unprintable, (character) => {
    const code = character.codePointAt(0)!.toString(16);
    if (code.length > 4) return `\\u{${code}}`;
    return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
  });
}

/** The length that a whole message is kept to: room for a path of the greatest length that systems allow. */
export const longestMessage = 5000;

/** Under these names Node and Bun, and Deno, look for what console.log shows. */
const inspections: readonly symbol[] = [Symbol.for('nodejs.util.inspect.custom'), Symbol.for('Deno.customInspect')];

/** Has console.log show an object, and all those whose prototype it is, as text tells of them. */
export function showAs<T extends object>(target: T, text: (shown: T) => string): void {
  for (const name of inspections) Object.defineProperty(target, name, { value(this: T) { return text(this); } });
}
