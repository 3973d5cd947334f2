/** Making any string safe to put into HTML, SVG or an inline JSON script. */

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/**
 * Characters that XML 1.0 forbids even as references (controls other than tab and line ends, and non-characters), and
 * the embeddings, overrides and isolates that would turn round the text after them (U+202A to 202E, U+2066 to 2069).
 */
const forbidden = /[^\t\n\r\u0020-\u2029\u202F-\u2065\u206A-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu;

/** Text for an element's content or a quoted attribute, in HTML and in XML alike. What is forbidden becomes U+FFFD. */
export function escapeText(value: unknown): string {
  return String(value)
    .replace(forbidden, '\uFFFD')
    .replace(/[&<>"']/g, (character) => entities[character]);
}

/**
 * JSON for a script element. `<` is written as an escape, so no string can close the element or open a comment;
 * U+2028 and U+2029 too, which older script engines take for line ends.
 */
export function escapeJson(value: unknown): string {
  return JSON.stringify(value)
    .replace(/</g, '\\u003c')
    .replace(/\u2028/g, '\\u2028')
    .replace(/\u2029/g, '\\u2029');
}
