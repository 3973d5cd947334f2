/**
 * The licence notices of the packages whose code the bundle holds, gathered at build from what esbuild says it put
 * there: a package that comes in later brings its notice along, or the build fails.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Metafile, Plugin } from 'esbuild';

/** The packages of which some byte is in the outputs, by name with their folders. */
export function bundledPackages({ outputs }: Pick<Metafile, 'outputs'>): Map<string, string> {
  const found = new Map<string, string>();
  for (const { inputs } of Object.values(outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const match = /^(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(path);
      if (match !== null && bytesInOutput > 0) found.set(match[2], match[1]);
    }
  }
  return found;
}

/** The licences of packages that name one and leave out its text, or contain more than their own code. */
const notices = join(dirname(fileURLToPath(import.meta.url)), 'notices');

/** One file's text: name, version and licence of each package. Throws where a package has no licence file. */
export function licenseNotices(packages: ReadonlyMap<string, string>): string {
  const parts = [...packages].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, folder]) => {
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
    const inside = readdirSync(folder).find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
    const beside = join(notices, `${name.replace('/', '+')}.txt`);
    const files = [...(inside === undefined ? [] : [join(folder, inside)]), ...(existsSync(beside) ? [beside] : [])];
    if (files.length === 0) throw new Error(`licenses: the package ${name} is bundled and has no licence file`);
    return `${name} ${version}\n\n${files.map((file) => readFileSync(file, 'utf8').trim()).join('\n\n')}\n`;
  });
  return `tilegrad contains code of these packages:\n\n${parts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

/**
 * For esbuild, and tsup over it: writes the notices to a file.
 *
 * @param others what else is put into the bundle as text, and says after the build which packages that holds
 */
export function writeLicenses(path: string, others: ReadonlyMap<string, string>): Plugin {
  return {
    name: 'licenses',
    setup({ initialOptions, onEnd }) {
      initialOptions.metafile = true;
      onEnd(async ({ metafile, errors }) => {
        if (errors.length > 0) return;
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, licenseNotices(new Map([...bundledPackages(metafile!), ...others])));
      });
    },
  };
}
