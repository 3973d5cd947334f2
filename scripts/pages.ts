/** The pages of the documentation, and where the sources declare what they link to. */

/** From the repository's root; the first is the site's front page, the others in the order of its menu. */
export const pages: readonly string[] = [
  'docs/guide/index.md', 'docs/guide/convolution.md', 'docs/guide/im2col.md', 'docs/guide/blocking.md',
  'docs/guide/simd.md', 'docs/guide/winograd.md', 'docs/guide/threads.md', 'docs/guide/batchnorm.md',
  'docs/guide/autograd.md', 'docs/guide/backends.md', 'docs/guide/platforms.md', 'notebooks/names.md',
  'docs/recipes.md', 'docs/sixty.md', 'CONTRIBUTING.md', 'CHANGELOG.md',
];

/**
 * The line, from 1, on which a source file declares what a link's label names in code (`name`); null where the label
 * names none. Throws Error where the file has no such declaration.
 */
export function declarationLine(source: string, label: string): number | null {
  const name = /^`(\w+)`$/.exec(label)?.[1];
  if (name === undefined) return null;
  const declaration = new RegExp(`^export (?:abstract )?(?:async )?(?:function|class|const|interface|type) ${name}\\b`);
  const line = source.split('\n').findIndex((text) => declaration.test(text));
  if (line < 0) throw new Error(`docs: a page links to ${name}, which its file does not declare`);
  return line + 1;
}
