/**
 * npm run test:platforms -- [--speed] [NAME ...]   (node 20, node 22, node 24, node latest, deno, bun, chromium)
 *
 * Packs the package, installs the tarball in an empty folder, and runs one program from it in every runtime, on one
 * thread and on two. Prints a table, and exits 1 unless the tarball installs as exactly one package without scripts,
 * every program ends by itself, and all of them print the same bits. Runtimes come from the npm registry, once, into
 * the folder for temporary files; CHROMIUM names the browser.
 *
 * --speed measures training steps of network c in each instead, three rounds in turns.
 */

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { packInto } from '../../scripts/pack.ts';
import { runtimes } from './runtimes.ts';

interface Row {
  readonly backend: string;
  readonly asked: number;
  readonly threads: number;
  readonly version: string;
  readonly why: readonly string[];
  readonly hash: string;
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { speed: { type: 'boolean', default: false } } });
const known = runtimes.map(({ name }) => name);
for (const name of positionals) {
  if (!known.includes(name)) throw new RangeError(`test:platforms: no runtime ${name}, there are ${known.join(', ')}`);
}
const chosen = positionals.length === 0 ? runtimes : runtimes.filter(({ name }) => positionals.includes(name));
const folder = mkdtempSync(join(tmpdir(), 'tilegrad-platforms-'));
const failures: string[] = [];

function install(): void {
  const packed = join(folder, 'packed');
  mkdirSync(packed);
  const tarball = packInto(packed);
  writeFileSync(join(folder, 'package.json'), '{ "name": "platforms", "private": true, "type": "module" }');
  execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], { cwd: folder, stdio: 'ignore' });
  const installed = readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'));
  if (installed.join() !== 'tilegrad') failures.push(`the tarball installs ${installed.join(', ')}`);
  const manifest = JSON.parse(readFileSync(join(folder, 'node_modules/tilegrad/package.json'), 'utf8')) as {
    dependencies?: object; scripts?: Record<string, string>;
  };
  const hooks = ['preinstall', 'install', 'postinstall', 'prepare'].filter((name) => manifest.scripts?.[name] !== undefined);
  if (hooks.length > 0) failures.push(`the package runs ${hooks.join(', ')} when it is installed`);
  copyFileSync(fileURLToPath(new URL('program.mjs', import.meta.url)), join(folder, 'program.mjs'));
}

async function compareBits(): Promise<void> {
  const rows: Row[] = [];
  console.log('runtime        version                threads  backend  bits');
  for (const { name, call } of chosen) {
    try {
      for (const row of await call(folder, 'outcomes') as Row[]) {
        rows.push(row);
        const version = /Chrome\/[\d.]+/.exec(row.version)?.[0] ?? row.version;
        console.log(`${name.padEnd(15)}${version.padEnd(23)}${row.threads} of ${row.asked}   ${row.backend.padEnd(9)}${row.hash}`);
        if (row.threads !== row.asked) console.log(`  ${row.why.join('\n  ')}`);
      }
    } catch (error) {
      const { stderr, message } = error as { stderr?: string; message: string };
      failures.push(`${name}: ${(stderr || message).trim().split('\n').slice(0, 8).join('\n  ')}`);
    }
  }
  const hashes = new Set(rows.map(({ hash }) => hash));
  if (hashes.size > 1) failures.push(`${hashes.size} different results`);
}

async function compareSpeed(): Promise<void> {
  const rounds = 3;
  const best = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    for (const { name, call } of chosen) {
      const { milliseconds, threads } = await call(folder, 'stepTime') as { milliseconds: number; threads: number };
      best.set(name, Math.min(best.get(name) ?? Infinity, milliseconds));
      console.log(`round ${round + 1}  ${name.padEnd(15)}${milliseconds.toFixed(2)} ms on ${threads} thread(s)`);
    }
  }
  console.log('network c, batch 100: the best round\'s median step');
  const node24 = best.get('node 24');
  for (const [name, milliseconds] of best) {
    const ratio = node24 === undefined ? '' : `  ${(milliseconds / node24).toFixed(2)} of node 24`;
    console.log(`${name.padEnd(15)}${milliseconds.toFixed(2)} ms${ratio}`);
  }
}

try {
  install();
  await (values.speed ? compareSpeed() : compareBits());
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const failure of failures) console.log(`FAIL ${failure}`);
console.log(`platforms: ${chosen.length} runtimes, ${failures.length} failures`);
process.exitCode = failures.length === 0 ? 0 : 1;
