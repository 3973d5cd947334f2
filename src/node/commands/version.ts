/** The package's version, from its package.json: above the sources as well as above the built files. */

import { readFileSync } from 'node:fs';

/** "0.1.0"; "unknown" where the files were taken out of their package. */
export function packageVersion(): string {
  for (let folder = new URL('.', import.meta.url); ; folder = new URL('..', folder)) {
    try {
      const description = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')) as {
        name?: unknown;
        version?: unknown;
      };
      if (description.name === 'tilegrad' && typeof description.version === 'string') return description.version;
    } catch {
      // no package.json here: look further up
    }
    if (new URL('..', folder).href === folder.href) return 'unknown';
  }
}
