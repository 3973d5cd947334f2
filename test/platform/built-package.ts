/** The package as it is published, built into a folder of its own, without the types. */

import { cpSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'tsup';

import { packageOptions } from '../../tsup.config.ts';

/** A folder in which programs can import tilegrad; the caller removes it. */
export async function installBuiltPackage(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tilegrad-built-'));
  const installed = join(folder, 'node_modules', 'tilegrad');
  mkdirSync(installed, { recursive: true });
  cpSync('package.json', join(installed, 'package.json'));
  await build({ ...packageOptions(join(installed, 'dist')), config: false, dts: false, silent: true });
  return folder;
}
