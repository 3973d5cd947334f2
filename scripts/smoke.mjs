/**
 * Proves the package as a stranger gets it: build, pack, install the tarball in an empty folder, and run programs
 * there. Prints one line a check, which says what was checked, and `smoke: N passed, N failed` at the end; exits 1 when
 * anything failed. With --json FILE the numbers and the names of the checks also go to a file.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = mkdtempSync(join(tmpdir(), 'tilegrad-smoke-'));
const passed = [];
const failed = [];

async function check(name, fn) {
  try {
    const note = await fn();
    passed.push(name);
    console.log(`ok   ${name}${note ? ` (${note})` : ''}`);
  } catch (error) {
    failed.push(name);
    console.log(`FAIL ${name}\n     ${String(error.stderr?.toString() || error.message).trim().split('\n').join('\n     ')}`);
  }
}

function run(command, args, options = {}) {
  return execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 240_000, ...options });
}

function assert(condition, message) {
  if (!condition) throw new Error(message);
}

/** every name that api.md-style outside code imports, by subpath */
const exported = {
  tilegrad: ['tensor', 'zeros', 'ones', 'full', 'arange', 'linspace', 'eye', 'Tensor', 'fromNdarray', 'Rng', 'RandomState', 'configure', 'info', 'shutdown', 'ready'],
  'tilegrad/layers': ['affineForward', 'affineBackward', 'reluForward', 'convForwardNaive', 'convBackwardNaive', 'convForwardFast', 'convBackwardFast',
    'maxPoolForwardNaive', 'maxPoolBackwardFast', 'batchnormBackwardAlt', 'layernormBackward', 'spatialGroupnormBackward', 'dropoutForward', 'softmaxLoss',
    'svmLoss', 'convBatchnormReluPoolBackward', 'kaimingInit'],
  'tilegrad/models': ['TwoLayerNet', 'FullyConnectedNet', 'ThreeLayerConvNet', 'DeepConvNet'],
  'tilegrad/train': ['sgd', 'sgdMomentum', 'nesterov', 'rmsprop', 'adam', 'adagrad', 'adamW', 'Solver', 'evalNumericalGradient', 'evalNumericalGradientArray', 'relError'],
  'tilegrad/data': ['parseCifar10', 'makeShapes'],
  'tilegrad/io': ['encodeSafetensors', 'decodeSafetensors', 'encodeNpy', 'decodeNpy', 'encodeNpz', 'decodeNpz'],
  'tilegrad/node': ['loadCifar10', 'getCifar10Data'],
};

const program = `
import { Tensor, configure, info } from 'tilegrad';
import { ThreeLayerConvNet } from 'tilegrad/models';
import { Solver } from 'tilegrad/train';
import { makeShapes } from 'tilegrad/data';
import { RandomState } from 'tilegrad';
const set = makeShapes({ seed: 1, numTrain: 200, numTest: 50 });
const scaled = (images) => images.astype('float32').div(255).sub(0.5);
for (const threads of [1, 2]) {
  configure({ threads });
  const model = new ThreeLayerConvNet({ numFilters: 8, filterSize: 3, hiddenDim: 32, weightScale: 1e-2, rng: new RandomState(1) });
  const solver = new Solver(model, { XTrain: scaled(set.train.images), yTrain: set.train.labels, XVal: scaled(set.test.images), yVal: set.test.labels },
    { updateRule: 'adam', optimConfig: { learningRate: 3e-3 }, batchSize: 20, numEpochs: 16, verbose: false });
  await solver.train();
  const first = solver.lossHistory[0], last = solver.lossHistory.at(-1);
  if (!(last < first / 2)) throw new Error('the loss did not halve: ' + first + ' -> ' + last);
  console.log(threads, info().backend, last);
}
`;

console.log(`smoke: building and packing ${root}`);
run('npm', ['run', 'build', '--silent'], { cwd: root, timeout: 900_000 });
const tarball = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: root }));
const packed = Array.isArray(tarball) ? tarball[0] : Object.values(tarball)[0];
const file = join(folder, packed.filename);

await check('the tarball installs with nothing beside it', () => {
  writeFileSync(join(folder, 'package.json'), '{ "name": "smoke", "private": true, "type": "module" }');
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', file]);
  const packages = readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'));
  assert(packages.length === 1 && packages[0] === 'tilegrad', `node_modules holds ${packages}`);
  const manifest = JSON.parse(readFileSync(join(folder, 'node_modules/tilegrad/package.json'), 'utf8'));
  assert(Object.keys(manifest.dependencies ?? {}).length === 0, 'the package has dependencies');
  assert(manifest.scripts?.install === undefined && manifest.scripts?.postinstall === undefined, 'the package has install scripts');
  return `${(statSync(file).size / 1024).toFixed(0)} KiB packed, ${(packed.unpackedSize / 1024).toFixed(0)} KiB unpacked`;
});

const subpaths = Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).exports)
  .filter((subpath) => !subpath.endsWith('.json')).map((subpath) => `tilegrad${subpath.slice(1)}`);
for (const subpath of subpaths) {
  const names = exported[subpath] ?? [];
  await check(`${subpath} imports, with the ${names.length} names that programs rely on`, () => {
    const source = `const m = await import(${JSON.stringify(subpath)}); const missing = ${JSON.stringify(names)}.filter((n) => m[n] === undefined);
      if (missing.length > 0) throw new Error('missing ' + missing); console.log(Object.keys(m).length)`;
    return `${run('node', ['--input-type=module', '-e', source]).trim()} names in all`;
  });
}

const installed = join(folder, 'node_modules/tilegrad');

/** The packages that the packed sources import, or resolve by name. */
function imported() {
  const files = readdirSync(join(installed, 'src'), { recursive: true }).filter((path) => path.endsWith('.ts'));
  const place = /^(?:import|export) [^;]*?from |\bimport\(|createRequire\(import\.meta\.url\)(?:\.resolve)?\(/.source;
  const named = new RegExp(`(?:${place})'((?:@[\\w.-]+/)?\\w[\\w.:-]*)[/']`, 'gm');
  const found = files.flatMap((path) => {
    return [...readFileSync(join(installed, 'src', path), 'utf8').matchAll(named)].map((match) => match[1]);
  });
  return [...new Set(found)].filter((name) => !name.startsWith('node:'));
}

await check('the licence of every bundled package is in the tarball, word for word', () => {
  const notices = readFileSync(join(installed, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8');
  const sections = notices.split(`\n${'-'.repeat(80)}\n`).map((text) => text.replace(/^.*packages:$/m, '').trim());
  const named = new Map(sections.map((text) => [text.slice(0, text.indexOf(' ')), text]));
  const missing = imported().filter((name) => !named.has(name));
  assert(named.size > 0 && missing.length === 0, `the notices lack ${missing}`);
  for (const [name, text] of named) {
    const packageFolder = join(root, 'node_modules', name);
    const license = readdirSync(packageFolder).find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
    const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'));
    assert(text.startsWith(`${name} ${version}\n`), `the notices have another version of ${name} than ${version}`);
    const words = license === undefined ? 'licence' : readFileSync(join(packageFolder, license), 'utf8').trim();
    assert(text.includes(words), `the notices lack the licence of ${name}`);
  }
  return [...named.keys()].join(', ');
});

await check('the tarball carries the commented sources and says where they come from', () => {
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const field of ['homepage', 'repository', 'bugs', 'license']) assert(manifest[field], `package.json has no ${field}`);
  assert(/^git\+https:\/\/\S+\.git$/.test(manifest.repository.url), `repository.url is ${manifest.repository.url}`);
  for (const { default: built } of Object.values(manifest.exports).filter((entry) => typeof entry === 'object')) {
    const source = join(installed, built.replace('./dist/eager/', 'src/').replace(/js$/, 'ts'));
    assert(existsSync(source), `no ${source}`);
  }
  assert(readFileSync(join(installed, 'src/kernels/contract.ts'), 'utf8').includes('/**'), 'the contract has no comments');
});

await check('every link and picture of the packed README is absolute or within the page', () => {
  const text = readFileSync(join(installed, 'README.md'), 'utf8');
  const links = /\]\(\s*([^)\s]+)|(?:src|href)=["']([^"']+)/g;
  const targets = [...text.matchAll(links)].map((match) => match[1] ?? match[2]);
  const relative = targets.filter((target) => !/^(https:\/\/|#)/.test(target));
  assert(targets.length > 0 && relative.length === 0, `relative: ${relative}`);
  return `${targets.length} links`;
});

for (const compiler of ['typescript-5.6', 'typescript']) {
  for (const resolution of ['nodenext', 'bundler']) {
    const tsc = join(root, 'node_modules', compiler, 'bin/tsc');
    const { version } = JSON.parse(readFileSync(join(root, 'node_modules', compiler, 'package.json'), 'utf8'));
    await check(`the declarations stand without DOM and Node types: TypeScript ${version}, ${resolution}`, () => {
      const lines = subpaths.map((subpath, i) => `import * as room${i} from '${subpath}';\nexport const names${i} = Object.keys(room${i});`);
      writeFileSync(join(folder, 'use.ts'), lines.join('\n'));
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({
        compilerOptions: {
          noEmit: true, strict: true, skipLibCheck: false, lib: ['ES2022'], types: [], target: 'ES2022',
          module: resolution === 'bundler' ? 'esnext' : 'nodenext', moduleResolution: resolution,
        },
        files: ['use.ts'],
      }));
      try {
        run('node', [tsc, '--project', '.']);
      } catch (error) {
        throw new Error(error.stdout, { cause: error });
      }
    });
  }
}

await check('a program trains, on one thread and on two, and exits by itself', () => {
  writeFileSync(join(folder, 'program.mjs'), program);
  const lines = run('node', ['program.mjs'], { timeout: 60_000 }).trim().split('\n').map((line) => line.split(' '));
  assert(lines[0][2] === lines[1][2], `one thread ended at loss ${lines[0][2]}, two at ${lines[1][2]}`);
  return `${lines[0][1]}, loss ${lines[0][2]} both times`;
});

await check('that program, bundled into one file for Node, still trains on worker threads', async () => {
  await build({ entryPoints: [join(folder, 'program.mjs')], outfile: join(folder, 'bundled/app.mjs'), bundle: true, format: 'esm', platform: 'node', logLevel: 'silent' });
  rmSync(join(folder, 'bundled/node_modules'), { recursive: true, force: true });
  return run('node', ['bundled/app.mjs'], { timeout: 60_000 }).trim().split('\n').pop();
});

await check('the core bundles for a browser, with no node: import that a page would load', async () => {
  writeFileSync(join(folder, 'page.mjs'), program);
  const result = await build({ entryPoints: [join(folder, 'page.mjs')], bundle: true, format: 'esm', platform: 'browser', write: false, metafile: true, logLevel: 'silent', external: ['node:*'] });
  const eager = Object.values(result.metafile.inputs).flatMap((input) => input.imports).filter((i) => i.path.startsWith('node:') && i.kind === 'import-statement');
  assert(eager.length === 0, `static imports of ${eager.map((i) => i.path)}`);
  return `${(result.outputFiles[0].contents.length / 1024).toFixed(0)} KiB unminified`;
});

await check('tilegrad info names the backend, tilegrad --help the commands', () => {
  assert(/backend/.test(run('npx', ['--no-install', 'tilegrad', 'info'])), 'info prints no backend');
  assert(/train/.test(run('npx', ['--no-install', 'tilegrad', '--help'])), 'help names no train');
});

await check('tilegrad train writes history.json with its fields, report.html, filters.png and model.safetensors', () => {
  run('npx', ['--no-install', 'tilegrad', 'train', '--time', '3', '--out', 'run'], { env: { ...process.env, CIFAR10: '' } });
  const history = JSON.parse(readFileSync(join(folder, 'run/history.json'), 'utf8'));
  for (const key of ['lossHistory', 'trainAccHistory', 'valAccHistory', 'valAccuracy', 'testAccuracy', 'trainSeconds', 'config', 'seed']) {
    assert(history[key] !== undefined, `history.json has no ${key}`);
  }
  for (const name of ['report.html', 'filters.png', 'model.safetensors']) assert(existsSync(join(folder, 'run', name)), `no ${name}`);
  return `${history.lossHistory.length} iterations`;
});

rmSync(folder, { recursive: true, force: true });
console.log(`smoke: ${passed.length} passed, ${failed.length} failed`);
const json = process.argv.indexOf('--json');
if (json > 0) writeFileSync(process.argv[json + 1], JSON.stringify({ passed, failed }));
process.exit(failed.length === 0 ? 0 : 1);
