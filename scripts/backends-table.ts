/**
 * The table of backends and operations, made from the registry of kernels and from the contract's docstrings. It stands
 * in docs/guide/backends.md between two marks; `npm run docs` renews it, and a test fails while it is stale.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { ownKernels } from '../src/kernels/registry.ts';

const contract = fileURLToPath(new URL('../src/kernels/contract.ts', import.meta.url));
export const backendsPage: string = fileURLToPath(new URL('../docs/guide/backends.md', import.meta.url));

const families: Readonly<Record<string, string>> = {
  MatrixKernels: 'Matrix products', ConvKernels: 'Convolution', PoolKernels: 'Pooling', ActivationKernels: 'Activations',
  NormKernels: 'Normalisation', FusedKernels: 'Fused layers', ConvPoolKernels: 'Convolution with pooling',
  LossKernels: 'Losses', UpdateKernels: 'Update rules',
  ListKernels: 'Lists of parameters', ElementwiseKernels: 'Elementwise', AugmentKernels: 'Augmentation',
};

/** A kernel, its family's interface, and the first sentence that the contract has on it. */
interface Operation {
  readonly name: string;
  readonly family: string;
  readonly text: string;
}

/** The operations of the contract, in its order. Throws Error for a family that this file has no title for. */
function operations(): Operation[] {
  const source = ts.createSourceFile(contract, readFileSync(contract, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: Operation[] = [];
  for (const statement of source.statements) {
    if (!ts.isInterfaceDeclaration(statement) || !/.Kernels$/.test(statement.name.text)) continue;
    const family = statement.name.text;
    if (!(family in families)) throw new Error(`backends-table: no title for the contract's family ${family}`);
    for (const member of statement.members) {
      const [comment] = ts.getJSDocCommentsAndTags(member);
      const text = ts.getTextOfJSDocComment(comment?.comment) ?? '';
      const [sentence] = text.replace(/\s+/g, ' ').split(/(?<=\.) /);
      found.push({ name: (member.name as ts.Identifier).text, family, text: escaped(sentence) });
    }
  }
  return found;
}

/** Text that Markdown takes as it is. */
function escaped(text: string): string {
  return text.replace(/[|*_<>]/g, '\\$&');
}

/** One table a family: what each kernel computes, and which backends have it. */
export function backendsTable(): string {
  const backends = [...ownKernels()].reverse();
  const all = operations();
  const lines: string[] = [];
  for (const [family, title] of Object.entries(families)) {
    lines.push(`## ${title}`, '', `| kernel | ${backends.map(([name]) => name).join(' | ')} | what it computes |`);
    lines.push(`|---|${':-:|'.repeat(backends.length)}---|`);
    for (const { name, text } of all.filter((each) => each.family === family)) {
      const marks = backends.map(([, kernels]) => kernels === null ? '?' : (kernels as readonly string[]).includes(name) ? 'yes' : '');
      lines.push(`| \`${name}\` | ${marks.join(' | ')} | ${text} |`);
    }
    lines.push('');
  }
  return lines.join('\n').trimEnd();
}

const marks = /(?<=<!-- made by npm run docs -->\n\n)[^]*(?=\n\n<!-- end -->)/;

/** A page's text with the table as it is now. Throws Error where the page has no place for it. */
export function withTable(page: string): string {
  if (!page.includes('<!-- made by npm run docs -->')) throw new Error('backends-table: the page has no mark for the table');
  return page.replace(marks, () => backendsTable());
}
