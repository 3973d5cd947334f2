/** Programs that run JavaScript, as the npm registry has them. */

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const machine = `${process.platform}-${process.arch}`;

/** Kept between runs, because binaries are large. */
const kept = join(tmpdir(), 'tilegrad-runtimes');

/** Installs a package without its scripts, unless it is there, and gives the path of a file in it. */
async function binary(name: string, version: string, file: string): Promise<string> {
  const folder = join(kept, `${name.replace('/', '-')}-${version}`);
  const path = join(folder, 'node_modules', name, file);
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--force'];
    await promisify(execFile)('npm', ['install', ...options, `${name}@${version}`], { cwd: folder });
  }
  return path;
}

/** @param version a number, or `latest` */
export function nodeBinary(version: string): Promise<string> {
  return binary(`node-${machine}`, version, 'bin/node');
}

export function denoBinary(): Promise<string> {
  return binary(`@deno/${machine}${process.platform === 'linux' ? '-glibc' : ''}`, 'latest', 'deno');
}

export function bunBinary(): Promise<string> {
  return binary(`@oven/bun-${machine}`, 'latest', 'bin/bun');
}
