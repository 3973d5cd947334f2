/**
 * Kills `tilegrad train` at random moments, again and again, and goes on with --resume. After every kill each file of
 * the folder is whole; the run that ends at last has the bits of one that nobody disturbed, and leaves nothing else.
 */

import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { embedWorker } from '../../scripts/embed-worker.ts';
import type { Rng } from '../../src/index.ts';
import { decodeSafetensors } from '../../src/io/index.ts';
import { decodePng } from '../../src/viz/index.ts';
import { Tally } from './tally.ts';
import type { Assault } from './tally.ts';

const training = ['train', '--data', 'shapes', '--model', 'fc', '--hidden', '30', '--batch', '10', '--num-train', '200',
  '--num-val', '50', '--num-test', '50', '--epochs', '12'];

/** The program as one file: it starts faster than from its sources. */
async function bundleProgram(folder: string): Promise<string> {
  const program = join(folder, 'tilegrad.mjs');
  const entry = fileURLToPath(new URL('../../src/node/cli.ts', import.meta.url));
  await build({
    entryPoints: [entry], bundle: true, outfile: program, platform: 'node', format: 'esm', target: 'es2022',
    plugins: [embedWorker()], logLevel: 'silent',
    // a name that the program, whose functions are in the same scope, will not have
    banner: { js: "import * as bannerModule from 'node:module'; const require = bannerModule.createRequire(import.meta.url);" },
  });
  return program;
}

interface Ended {
  readonly code: number | null;
  readonly seconds: number;
  readonly text: string;
}

/** Runs the program; killed after so many seconds unless it has ended by then. */
function execute(program: string, argv: readonly string[], killAfter: number | null): Promise<Ended> {
  const started = performance.now();
  const child = spawn(process.execPath, [program, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (text += bytes.toString()));
  const timer = killAfter === null ? undefined : setTimeout(() => child.kill('SIGKILL'), 1000 * killAfter);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, seconds: (performance.now() - started) / 1000, text });
    });
  });
}

const readers: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  'checkpoint.safetensors': decodeSafetensors,
  'model.safetensors': decodeSafetensors,
  'filters.png': decodePng,
  'history.json': (bytes) => JSON.parse(Buffer.from(bytes).toString()) as unknown,
  'report.html': (bytes) => {
    if (!Buffer.from(bytes).toString().endsWith('</html>\n')) throw new Error('the page breaks off');
  },
};

/** Names of the files that are there but not whole. */
async function brokenFiles(folder: string): Promise<string[]> {
  const broken: string[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    try {
      readers[name]?.(await readFile(join(folder, name)));
    } catch (error) {
      broken.push(`${name} (${String(error)})`);
    }
  }
  return broken;
}

/** What must be the same: the model's bytes and the histories. */
async function resultOf(folder: string): Promise<string> {
  const { lossHistory, trainAccHistory, valAccHistory, testAccuracy } =
    JSON.parse(await readFile(join(folder, 'history.json'), 'utf8')) as Record<string, unknown>;
  const model = await readFile(join(folder, 'model.safetensors'), 'base64');
  return JSON.stringify({ lossHistory, trainAccHistory, valAccHistory, testAccuracy, model });
}

export async function kills({ rng, end }: Assault): Promise<Tally> {
  const tally = new Tally();
  const folder = await mkdtemp(join(tmpdir(), 'tilegrad-kills-'));
  try {
    const program = await bundleProgram(folder);
    const whole = join(folder, 'whole');
    const reference = await execute(program, [...training, '--out', whole], null);
    if (reference.code !== 0) throw new Error(`the undisturbed run failed:\n${reference.text}`);
    const expected = { result: await resultOf(whole), files: (await readdir(whole)).sort().join(' ') };
    for (let run = 0; performance.now() < end; run++) {
      await disturbedRun(tally, rng, program, join(folder, `run-${run}`), reference.seconds, expected);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return tally;
}

async function disturbedRun(
  tally: Tally, rng: Rng, program: string, out: string, seconds: number, expected: { result: string; files: string },
): Promise<void> {
  tally.count('runs');
  const most = 6;
  for (let attempt = 0; attempt <= most; attempt++) {
    const files = await readdir(out).catch(() => [] as string[]);
    const known = files.includes('checkpoint.safetensors') ? ['--resume', '--out', out]
      : [...training, '--out', out, ...(files.length > 0 ? ['--overwrite'] : [])];
    const argv = known[0] === 'train' ? known : ['train', ...known];
    const ended = await execute(program, argv, attempt === most ? null : seconds * (0.1 + 1.1 * rng.random()));
    if (ended.code === null) tally.count('kills');
    const broken = await brokenFiles(out);
    if (broken.length > 0) tally.fail(`after a kill not whole: ${broken.join(', ')}`);
    if (ended.code === null) continue;
    // a run that was killed after its last line has nothing to go on with
    const finished = ended.code === 0 || /nothing to resume|has finished|already/.test(ended.text);
    if (!finished) {
      tally.fail(`exit code ${ended.code} of ${argv.join(' ')}:\n${ended.text}`);
      break;
    }
    if (await resultOf(out) !== expected.result) tally.fail('the resumed run ended with other bits');
    const left = (await readdir(out)).sort().join(' ');
    if (left !== expected.files) tally.fail(`files left: ${left}, expected ${expected.files}`);
    tally.count('finished with the same bits');
    break;
  }
  await rm(out, { recursive: true, force: true });
}
