/**
 * npm run docs: the site in site/ (not kept in the repository), made by TypeDoc: the reference of the public entries,
 * and the pages of docs/. Before that the guide's figures and its table of backends are renewed where they stand. Links
 * from pages to files of the sources become links to the line that declares what the link names.
 */

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application } from 'typedoc';
import { shutdown } from '../src/index.ts';
import { backendsPage, withTable } from './backends-table.ts';
import { figures } from './figures.ts';
import { declarationLine, pages } from './pages.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const repository = 'https://github.com/tilegrad/tilegrad/blob/main';

for (const [name, draw] of Object.entries(figures)) {
  await writeFile(join(root, 'docs', 'guide', 'figures', `${name}.svg`), draw());
}
await writeFile(backendsPage, withTable(await readFile(backendsPage, 'utf8')));
await shutdown();

/** A page whose links into the sources lead to the repository, to the line of what they name. */
async function linked(page: string): Promise<string> {
  const text = await readFile(join(root, page), 'utf8');
  const links = [...text.matchAll(/\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)/g)];
  let result = text;
  for (const [whole, label, target, anchor = ''] of links) {
    if (/^[a-z]+:/.test(target) || /\.svg$/.test(target)) continue;
    const file = posix.join(posix.dirname(page), target);
    if (pages.includes(file)) continue;
    const line = /\.ts$/.test(file) ? declarationLine(await readFile(join(root, file), 'utf8'), label) : null;
    result = result.replace(whole, `[${label}](${repository}/${file}${line === null ? anchor : `#L${line}`})`);
  }
  return result;
}

// the copies stand beside the pages' folder, so that links between them hold
const copies = await mkdtemp(join(root, 'docs-copy-'));
try {
  for (const page of pages) {
    await mkdir(join(copies, posix.dirname(page)), { recursive: true });
    await writeFile(join(copies, page), await linked(page));
  }
  await mkdir(join(copies, 'docs', 'guide', 'figures'), { recursive: true });
  for (const [name, draw] of Object.entries(figures)) {
    await writeFile(join(copies, 'docs', 'guide', 'figures', `${name}.svg`), draw());
  }
  const [home, ...documents] = pages.map((page) => join(copies, page));
  const application = await Application.bootstrapWithPlugins({ readme: home, projectDocuments: documents, sort: ['source-order'] });
  const project = await application.convert();
  if (project !== undefined) application.validate(project);
  if (project === undefined || application.logger.hasErrors() || application.logger.hasWarnings()) process.exitCode = 1;
  else await application.generateOutputs(project);
} finally {
  await rm(copies, { recursive: true, force: true });
}
if (process.exitCode !== 1) console.log(`docs: ${relative(process.cwd(), join(root, 'site', 'index.html'))}`);
