/** What may lie where a file is to be written, and is not to be replaced by one. */

import { lstat, stat } from 'node:fs/promises';
import type { Stats } from 'node:fs';

/**
 * What lies at a path where no file may replace it: 'a folder', 'a pipe', 'a device', 'a socket' or a link to one of
 * these, as /dev/stdout is. Null where there is nothing, a file, or a link to one of these.
 */
export async function noFileAt(path: string): Promise<string | null> {
  const found = await lstat(path).catch(() => null);
  if (found === null) return null;
  if (!found.isSymbolicLink()) return kindOf(found);
  const target = await stat(path).catch(() => null);
  const kind = target === null ? null : kindOf(target);
  return kind === null ? null : `a link to ${kind}`;
}

function kindOf(found: Stats): string | null {
  if (found.isFile()) return null;
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a pipe';
  return found.isSocket() ? 'a socket' : 'a device';
}
