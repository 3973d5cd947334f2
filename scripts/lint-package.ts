/**
 * npm run lint:package: builds and packs the package, has publint and Are the types wrong? look at the tarball, and has
 * Deno publish the sources to JSR without sending them: it checks jsr.json, all types, and that those of exports are
 * written down. Exits 1 when any of them finds anything. The package has ES modules only, so resolution as CommonJS is
 * not asked about.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packInto } from './pack.ts';
import { denoBinary } from './runtime-binaries.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tilegrad-package-'));

/** Runs a program with its output shown; whether it ended well. */
function passes(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { cwd: root, stdio: 'inherit' });
    return true;
  } catch {
    return false;
  }
}

try {
  const tarball = packInto(folder);
  const sound = passes('npx', 'publint', 'run', tarball, '--strict');
  const typed = passes('npx', 'attw', tarball, '--profile', 'esm-only', '--no-emoji');
  const publishable = passes(await denoBinary(), 'publish', '--dry-run', '--allow-dirty', '--quiet');
  process.exitCode = sound && typed && publishable ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
