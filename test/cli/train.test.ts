import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/node/commands/program.ts';
import { findRecipe } from '../../src/node/commands/recipes.ts';
import { solverOptions } from '../../src/node/commands/run-solver.ts';
import { settingsFromOptions } from '../../src/node/commands/run-settings.ts';
import { decodeSafetensors } from '../../src/io/index.ts';
import { decodePng, encodePng } from '../../src/viz/index.ts';
import { recording } from './terminal.ts';
import type { Recording } from './terminal.ts';
import { tinyCifar } from './tiny-cifar.ts';

let tiny: Awaited<ReturnType<typeof tinyCifar>>;
/** 40 training images in steps of 10, a small network: a run takes a fraction of a second. */
let small: string[];

beforeAll(async () => {
  tiny = await tinyCifar(10, 20);
  small = ['train', '--data', tiny.data, '--model', 'fc', '--batch', '10', '--num-train', '40', '--num-val', '10',
    '--hidden', '100,10'];
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => tiny.remove());

const outFolder = (name: string): string => join(tiny.folder, name);

/** A folder of 40 dark and 40 bright pictures. */
async function twoShades(): Promise<string> {
  const folder = outFolder('two-shades');
  for (const [name, grey] of [['dark', 40], ['bright', 200]] as const) {
    await mkdir(join(folder, name), { recursive: true });
    const picture = encodePng({ width: 8, height: 8, channels: 1, data: new Uint8Array(64).fill(grey) });
    for (let i = 0; i < 40; i++) await writeFile(join(folder, name, `${i}.png`), picture);
  }
  return folder;
}

async function run(
  argv: string[],
  surroundings: Recording = recording(),
): Promise<{ code: number; out: string; err: string }> {
  const code = await main(argv, surroundings);
  return { code, out: surroundings.out(), err: surroundings.err() };
}

async function history(folder: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(folder, 'history.json'), 'utf8')) as Record<string, unknown>;
}

describe('tilegrad train', () => {
  it('says so where no step fits into the time', async () => {
    const argv = ['train', '--data', 'shapes', '--recipe', 'sixty', '--num-train', '60', '--num-val', '10', '--num-test',
      '10', '--time', '0.0001', '--out', outFolder('no-step')];
    const { code, err } = await run(argv);
    expect([code, err]).toEqual([1, expect.stringMatching(/no step of training fits into 0\.0001 s: .*give more/)]);
  });

  it('leaves history, report, filters, model and checkpoint, and says where', async () => {
    const out = outFolder('whole');
    const { code, out: text, err } = await run([...small, '--epochs', '3', '--seed', '5', '--out', out]);
    expect([code, err]).toEqual([0, '']);
    expect((await readdir(out)).sort()).toEqual([
      'checkpoint.safetensors',
      'filters.png',
      'history.json',
      'log.jsonl',
      'model.safetensors',
      'report.html',
    ]);

    const saved = await history(out);
    for (const key of [
      'lossHistory',
      'trainAccHistory',
      'valAccHistory',
      'valAccuracy',
      'testAccuracy',
      'trainSeconds',
      'config',
      'seed',
    ]) {
      expect(saved, key).toHaveProperty(key);
    }
    expect(saved.lossHistory).toHaveLength(12);
    expect(saved.accuracyEpochs).toEqual([0, 1, 2, 3]);
    expect(saved.trainAccHistory).toHaveLength(4);
    expect(saved.valAccuracy).toBe(Math.max(...(saved.valAccHistory as number[])));
    expect(saved.trainSeconds).toBeGreaterThan(0);
    expect(saved.seed).toBe(5);
    expect([saved.complete, saved.stopReason]).toEqual([true, 'finished']);
    expect(saved.config).toMatchObject({
      recipe: 'fully-connected',
      model: 'fc',
      batchSize: 10,
      epochs: 3,
      updateRule: 'adam',
      numTrain: 40,
    });

    const { tensors, metadata } = decodeSafetensors(await readFile(join(out, 'model.safetensors')));
    expect(JSON.parse(metadata.architecture)).toMatchObject({ layer: 'FullyConnectedNet' });
    expect(JSON.parse(metadata.classNames)).toContain('airplane');
    expect(Object.keys(tensors)).toEqual(
      expect.arrayContaining(['W1', 'b3', 'gamma1', 'state/runningMean1', 'input/mean', 'input/std']),
    );

    const filters = decodePng(await readFile(join(out, 'filters.png')));
    expect([filters.width, filters.height]).toEqual([331, 331]);
    const report = await readFile(join(out, 'report.html'), 'utf8');
    expect(report).toContain('FullyConnectedNet on CIFAR-10');
    expect(report.match(/<li class="(right|wrong)">/g)).toHaveLength(20);

    expect(text).toContain(`data: CIFAR-10 from ${tiny.data}: 40 training, 10 validation, 20 test images\n`);
    expect(text).toMatch(/^epoch 3: training accuracy \d+\.\d%, validation \d+\.\d%$/m);
    expect(text.endsWith(`report: ${join(out, 'report.html')}\n`)).toBe(true);
  });

  it('writes plain lines where the output is no terminal', async () => {
    const { out } = await run([...small, '--epochs', '1', '--out', outFolder('plain')]);
    for (const control of ['\r', '\u001b']) expect(out).not.toContain(control);
    expect(out).toMatch(/^iteration 1\/4 {2}epoch 1\/1 {2}loss \d+\.\d{4} {2}[\d,.]+ images\/s {2}\d:\d\d left$/m);
  });

  it('draws the same from the same seed and something else from another', async () => {
    const losses: unknown[] = [];
    for (const [name, seed] of [
      ['a', '1'],
      ['b', '1'],
      ['c', '2'],
    ]) {
      await run([...small, '--epochs', '2', '--seed', seed, '--out', outFolder(`seed-${name}`)]);
      losses.push((await history(outFolder(`seed-${name}`))).lossHistory);
    }
    expect(losses[1]).toEqual(losses[0]);
    expect(losses[2]).not.toEqual(losses[0]);
  });

  it('says so where the usual batches leave few steps to an epoch', async () => {
    const argv = ['train', '--data', await twoShades(), '--size', '16', '--model', 'fc', '--hidden', '4', '--epochs', '1'];
    expect((await run([...argv, '--out', outFolder('few')])).out).toContain('note: an epoch is 1 step of 100 images; ');
    expect((await run([...argv, '--batch', '50', '--out', outFolder('chosen')])).out).not.toContain('note: an epoch');
    expect((await run(['train', '--resume', '--out', outFolder('few')])).out).not.toContain('note: an epoch');
  });

  it.each([
    ['while pictures are read', 'reading pictures'],
    ['when they have been read', 'data: '],
  ])('leaves the folder as it was when it is interrupted before the first step, %s', async (_when, at) => {
    const out = outFolder(`early-${at.length}`);
    const terminal = recording({ isTTY: true, onWrite: (text) => text.includes(at) && terminal.interrupt() });
    vi.stubEnv('XDG_CACHE_HOME', outFolder(`cache-${at.length}`));
    const ended = await run(['train', '--data', await twoShades(), '--epochs', '1', '--out', out], terminal);
    expect([ended.code, ended.err]).toEqual([130, '']);
    expect(ended.out).toContain('stopped before the first step: there was nothing to save');
    expect(await readdir(out)).toEqual([]);
  });

  it('goes on after an interrupt with the same bits', async () => {
    const [whole, parts] = [outFolder('uninterrupted'), outFolder('interrupted')];
    await run([...small, '--epochs', '4', '--out', whole]);
    const terminal = recording({ onWrite: (text) => text.startsWith('epoch 2') && terminal.interrupt() });
    const first = await run([...small, '--epochs', '4', '--out', parts], terminal);
    expect(first.code).toBe(130);
    expect(first.out).toContain('stopping: ');
    const stopped = await history(parts);
    expect(stopped.complete).toBe(false);
    expect(stopped.stopReason).toBe('aborted');
    expect(stopped.lossHistory).toHaveLength(8);
    expect((await readdir(parts)).sort()).toEqual((await readdir(whole)).sort());

    const second = await run(['train', '--resume', '--out', parts]);
    expect([second.code, second.err]).toEqual([0, '']);
    expect(second.out).toContain('going on after iteration 8');
    const [expected, resumed] = [await history(whole), await history(parts)];
    for (const key of [
      'lossHistory',
      'trainAccHistory',
      'valAccHistory',
      'valAccuracy',
      'testAccuracy',
      'accuracyEpochs',
    ]) {
      expect(resumed[key], key).toEqual(expected[key]);
    }
    const models = await Promise.all([whole, parts].map((folder) => readFile(join(folder, 'model.safetensors'))));
    expect(models[0].equals(models[1])).toBe(true);
  });

  it.each([['SIGTERM', 143], ['SIGHUP', 129]] as const)('ends on %s with code %i and saves', async (signal, code) => {
    const out = outFolder(signal);
    const terminal = recording({ onWrite: (text) => text.startsWith('epoch 1') && terminal.interrupt(signal) });
    expect((await run([...small, '--epochs', '4', '--out', out], terminal)).code).toBe(code);
    expect(await readdir(out)).toContain('checkpoint.safetensors');
  });

  it('says when a run that goes on has nothing left to do, and how it could go on', async () => {
    const out = outFolder('reached');
    await run([...small, '--time', '0.2', '--out', out]);
    const again = await run(['train', '--resume', '--time', '0.2', '--out', out]);
    expect(again.code).toBe(0);
    expect(again.out).toMatch(
      /^the limit of 0\.2 s is reached, the run has trained for 0\.\d s: --resume --time 1 goes on$/m,
    );
    const more = await run(['train', '--resume', '--time', '0.6', '--out', out]);
    expect(more.out).not.toContain('is reached');
    expect((await history(out)).stopReason).toBe('timeLimit');
    const counted = outFolder('reached-epochs');
    await run([...small, '--epochs', '1', '--out', counted]);
    expect((await run(['train', '--resume', '--out', counted])).out).toContain('all 1 epochs are done: a longer run');
  });

  it('trains for a limited time', async () => {
    const out = outFolder('timed');
    const { code } = await run([
      'train',
      '--data',
      tiny.data,
      '--model',
      'deep',
      '--num-train',
      '40',
      '--num-val',
      '10',
      '--batch',
      '2',
      '--time',
      '0.5',
      '--out',
      out,
    ]);
    expect(code).toBe(0);
    const saved = await history(out);
    expect([saved.stopReason, saved.complete]).toEqual(['timeLimit', true]);
    expect(saved.config).toMatchObject({ time: 0.5, epochs: null });
    expect((saved.accuracyEpochs as number[]).at(-1)).toBeCloseTo((saved.lossHistory as number[]).length / 20, 12);
  });

  it('lays its schedule over the time, or over the epochs', () => {
    const [, sixty] = findRecipe('sixty', undefined);
    const options = solverOptions({ ...sixty, seed: 0 });
    expect([options.timeBudget, options.numEpochs]).toEqual([60, 1_000_000]);
    expect([0, 19.2, 100].map((step) => options.schedule?.(step, 101))).toEqual(
      [expect.closeTo(0.2, 6), expect.closeTo(1, 2), expect.closeTo(0, 6)],
    );
    expect(settingsFromOptions({ out: 'out' })).toMatchObject({ recipe: 'quick', time: 45, epochs: 200 });
    expect(settingsFromOptions({ out: 'out', time: 50 })).toMatchObject({ time: 50, epochs: null });
    const [, course] = findRecipe('course', undefined);
    const none = undefined;
    expect(solverOptions({ ...course, seed: 0 })).toMatchObject({ timeBudget: none, schedule: none, numEpochs: 1 });
  });

  it.each(['sixty', 'challenge'])('the recipe %s whitens, learns and looks from several sides', async (recipe) => {
    const out = outFolder(recipe);
    const limits = recipe === 'sixty' ? ['--time', '0.3'] : ['--epochs', '2'];
    const { code, err } = await run([
      'train', '--data', tiny.data, '--recipe', recipe, '--num-train', '40', '--num-val', '10', '--batch', '10', ...limits,
      '--out', out,
    ]);
    expect([code, err]).toEqual([0, '']);
    const saved = await history(out);
    expect(saved.trainSeconds).toBeGreaterThan(0);
    expect(saved.config).toMatchObject({ flips: 'alternating', lookahead: true, whiten: true });
    const { tensors, metadata } = decodeSafetensors(await readFile(join(out, 'model.safetensors')));
    const { settings } = JSON.parse(metadata.architecture) as { settings: unknown };
    expect(settings).toMatchObject({ testTimeViews: 'mirror-shift', labelSmoothing: 0.2 });
    // the second half of the filters is the first, negated
    expect(tensors.W1.slice([16, 32]).add(tensors.W1.slice([0, 16])).abs().max().item()).toBe(0);
    const again = await run(['train', '--resume', '--out', out]);
    expect([again.code, again.err]).toEqual([0, '']);
  });

  it('lists the recipes, each with what is stated of it', async () => {
    const { code, out } = await run(['train', '--list-recipes']);
    expect(code).toBe(0);
    expect(out).toMatch(/^wide +three +.*over 65% validation; run shown 67\.8%, test 66\.1%$/m);
    expect(out).toMatch(/^sixty +fast +.*60 seconds.*72% validation and 70% test/m);
  });

  it('takes the course settings for --model three alone', async () => {
    const out = outFolder('three');
    await run([
      'train',
      '--data',
      tiny.data,
      '--model',
      'three',
      '--num-train',
      '6',
      '--num-val',
      '2',
      '--num-test',
      '3',
      '--out',
      out,
    ]);
    const { config } = await history(out);
    expect(config).toMatchObject({
      epochs: 1,
      time: null,
      batchSize: 50,
      updateRule: 'adam',
      optimConfig: { learningRate: 1e-3 },
      normalize: false,
      network: { hiddenDim: 500, reg: 1e-3, weightScale: 1e-3, numFilters: 32, filterSize: 7 },
    });
  });

  it('uses the data that CIFAR10 names, and the procedural set where nothing is at hand', async () => {
    const found = await run(
      small.filter((_, i) => i !== 1 && i !== 2).concat('--epochs', '1', '--out', outFolder('found')),
      recording({ env: { CIFAR10: tiny.data } }),
    );
    expect(found.out).toContain(`data: CIFAR-10 from ${tiny.data}`);
    const nothing = await run(
      [
        'train',
        '--model',
        'fc',
        '--num-train',
        '20',
        '--num-val',
        '10',
        '--num-test',
        '10',
        '--epochs',
        '1',
        '--out',
        outFolder('nothing'),
      ],
      recording({ env: { XDG_CACHE_HOME: outFolder('no-cache'), LOCALAPPDATA: outFolder('no-cache') } }),
    );
    expect(nothing.out).toContain(
      'data: procedural shapes (no CIFAR-10 at hand: `tilegrad data cifar10` downloads it): 20 training',
    );
    expect(nothing.code).toBe(0);
  });
});

describe('the folder of a run', () => {
  it('is not written over unless told, and is left as it was', async () => {
    const out = outFolder('kept');
    await run([...small, '--epochs', '1', '--out', out]);
    const contents = (): Promise<string[]> => Promise.all(
      readdirSync(out).map(async (name) => createHash('md5').update(await readFile(join(out, name))).digest('hex')),
    );
    const before = await contents();
    const second = await run([...small, '--epochs', '2', '--out', out]);
    expect([second.code, second.out]).toEqual([2, '']);
    expect(second.err).toBe(
      `tilegrad: ${out} holds another run (checkpoint.safetensors, history.json, filters.png, model.safetensors, ` +
      'report.html): --resume goes on with it, --overwrite starts over, --out names another folder\n',
    );
    expect(await contents()).toEqual(before);
    await rm(join(out, 'checkpoint.safetensors'));
    expect((await run([...small, '--out', out])).err).not.toContain('--resume');
    const over = await run([...small, '--epochs', '2', '--overwrite', '--out', out]);
    expect([over.code, over.err]).toEqual([0, '']);
    expect((await history(out)).lossHistory).toHaveLength(8);
  });

  it('keeps the old results when a run that would start over cannot begin', async () => {
    const out = outFolder('kept-too');
    await run([...small, '--epochs', '1', '--out', out]);
    const missing = ['train', '--data', join(tiny.folder, 'missing'), '--overwrite', '--out', out];
    expect((await run(missing)).code).toBe(1);
    expect(await readdir(out)).toHaveLength(6);
  });

  it.each(['report.html', 'log.jsonl', 'checkpoint.safetensors'])(
    'is not touched where a folder named %s lies in it', async (name) => {
      const out = outFolder(`folder-${name}`);
      await mkdir(join(out, name), { recursive: true });
      for (const other of ['model.safetensors', '.history.json.1073741824-0123456789ab.tmp']) await writeFile(join(out, other), 'kept');
      const before = await readdir(out);
      for (const way of [[], ['--overwrite']]) {
        const { code, err } = await run([...small, '--epochs', '1', '--out', out, ...way]);
        expect([code, err]).toEqual([1, expect.stringContaining(`${join(out, name)} is a folder, and a file of that name`)]);
      }
      expect((await run(['train', '--resume', '--out', out])).err).toContain('is a folder, and a file of that name');
      expect(await readdir(out)).toEqual(before);
    },
  );

  it('belongs to one run at a time', async () => {
    const out = outFolder('shared');
    let inside: Promise<{ code: number; err: string }> | null = null;
    const terminal = recording({
      onWrite: (text) => {
        if (text.startsWith('epoch 1')) inside ??= run([...small, '--overwrite', '--out', out]);
      },
    });
    const first = await run([...small, '--epochs', '3', '--out', out], terminal);
    expect([first.code, first.err]).toEqual([0, '']);
    const { code, err } = await inside!;
    expect([code, err]).toEqual([1, expect.stringContaining(`the run of process ${process.pid} on `)]);
    expect(await readdir(out)).toHaveLength(6);
  });

  it('is cleared of what killed runs left half written, and of nothing else', async () => {
    const out = outFolder('half');
    await mkdir(out);
    // no process has so high a number; the other one is alive
    const [dead, alive] = [2 ** 30, process.pid].map((pid) => `${pid}-0123456789ab.tmp`);
    const foreign = [`.history.json.${alive}`, `.notes.${dead}`, '.history.json.5.tmp', 'history.json.tmp'];
    for (const name of [`.history.json.${dead}`, `.checkpoint.safetensors.${dead}`, ...foreign]) {
      await writeFile(join(out, name), 'x');
    }
    expect((await run([...small, '--epochs', '1', '--out', out])).code).toBe(0);
    expect((await readdir(out)).filter((name) => name.includes('tmp')).sort()).toEqual(foreign.sort());
  });
});

describe('options of network and rule', () => {
  it.each([
    ['three', '--filters 4 --filter-size 3 --hidden 5 --weight-scale 0.01 --reg 0.1 --reg-factor 1', {
      network: { numFilters: 4, filterSize: 3, hiddenDim: 5, weightScale: 0.01, reg: 0.1, l2Factor: 1 },
    }],
    ['deep', '--filters 4,6 --normalization none --weight-scale kaiming --rule adam --lr-decay 0.5', {
      network: { numFilters: [4, 6], batchnorm: false, weightScale: 'kaiming' },
      updateRule: 'adam', optimConfig: { learningRate: 1e-3, beta1: 0.9 }, lrDecay: 0.5,
    }],
    ['fc', '--hidden 7,8,9 --normalization layernorm --dropout-keep 0.8 --rule sgdMomentum --momentum 0.7 --lr 0.02', {
      network: { hiddenDims: [7, 8, 9], normalization: 'layernorm', dropoutKeep: 0.8 },
      updateRule: 'sgdMomentum', optimConfig: { learningRate: 0.02, momentum: 0.7 },
    }],
    ['two', '--hidden 6 --rule rmsprop', { network: { hiddenDim: 6 }, optimConfig: { learningRate: 1e-2 } }],
  ])('of %s appear in the configuration: %s', async (model, flags, expected) => {
    const out = outFolder(`flags-${model}`);
    const data = ['--data', tiny.data, '--num-train', '20', '--num-val', '5', '--num-test', '5', '--batch', '10'];
    const { code, err } = await run(
      ['train', '--model', model, ...data, '--epochs', '1', '--out', out, ...flags.split(' ')],
    );
    expect([code, err]).toEqual([0, '']);
    expect((await history(out)).config).toMatchObject(expected);
  });

  it.each([
    ['--model two --filters 3', '--filters is no setting of the model two, only of three, deep'],
    ['--model three --dropout-keep 0.5', '--dropout-keep is no setting of the model three, only of fc'],
    ['--model three --hidden 3,4', '--hidden of the model three must be one number, got 3,4'],
    ['--model deep --normalization layernorm', '--normalization of the model deep must be none or batchnorm'],
    ['--model fc --weight-scale kaiming', '--weight-scale of the model fc must be a number'],
    ['--rule adam --momentum 0.5', '--momentum is no setting of the rule adam, only of sgdMomentum, nesterov'],
    ['--rule newton', '--rule must be one of sgd, sgdMomentum, nesterov'],
    ['--filters 4,,5', 'It must be integers >= 1 with commas between them.'],
    ['--filter-size 4', 'It must be odd'],
    ['--dropout-keep 0', 'It must be a number > 0 and <= 1.'],
    ['--momentum 2', 'It must be a number from 0 to 1.'],
    ['--normalization soup', 'It must be none, batchnorm or layernorm.'],
    ['--resume --reg 1', '--reg cannot be given with it'],
    ['--resume --hidden 3', '--hidden cannot be given with it'],
    ['--resume --overwrite', '--overwrite cannot be given with it'],
  ])('%s is refused', async (flags, message) => {
    const { code, err } = await run(['train', '--out', outFolder('never'), ...flags.split(' ')]);
    expect([code, err]).toEqual([2, expect.stringContaining(message)]);
    expect(await readdir(tiny.folder)).not.toContain('never');
  });

  it('the recipes are those of the course', () => {
    const names = ['wide', 'course-64', 'minute', 'two-layer'];
    const [wide, course64, minute, two] = names.map((name) => findRecipe(name, undefined)[1]);
    expect(wide).toMatchObject({
      lrDecay: 0.9, batchSize: 500, epochs: 10, network: { numFilters: 64, filterSize: 3, hiddenDim: 500 },
    });
    expect(course64.network).toMatchObject({ weightScale: 1e-3, l2Factor: 1 });
    expect([course64.optimConfig, course64.batchSize]).toEqual([{ learningRate: 2e-3 }, 64]);
    expect(minute.network).toMatchObject({ l2Factor: 1 });
    expect(two).toMatchObject({
      updateRule: 'sgd', optimConfig: { learningRate: 1e-3 }, epochs: 20, lrDecay: 0.95,
      network: { hiddenDim: 1000, reg: 0 },
    });
  });
});

describe('errors', () => {
  const cases: Array<[argv: string, code: number, message: RegExp]> = [
    ['', 2, /^Usage: tilegrad/],
    ['trian', 2, /^tilegrad: unknown command 'trian' \(Did you mean train\?\)$/],
    ['train --epoch 3', 2, /^tilegrad: unknown option '--epoch' \(Did you mean --epochs\?\)$/],
    ['train --epochs 0', 2, /^tilegrad: option '--epochs <n>' argument '0' is invalid. It must be an integer >= 1.$/],
    ['train --epochs 1.5', 2, /integer/],
    ['train --time x', 2, /number > 0/],
    ['train --lr -1', 2, /number > 0/],
    ['train --seed', 2, /argument missing/],
    ['train extra', 2, /too many arguments/],
    ['train --model four', 2, /^tilegrad: --model must be one of three, deep, fast, two, fc, got "four"$/],
    ['train --recipe soup', 2, /--recipe must be one of quick, sixty, course, /],
    ['train --recipe course --model deep', 2, /--recipe course trains the model three, not deep/],
    ['train --threads 65', 2, /option '--threads <n>' argument '65' is invalid. It must be an integer from 1 to 64.$/],
    ['lab batchnorm --threads 65', 2, /an integer from 1 to 64/],
    ['search run --threads 65', 2, /an integer from 1 to 64/],
    ['train --seed 9007199254740991', 2, /'9007199254740991' is invalid. It must be an integer from 0 to 9007199254740990.$/],
    ['lab batchnorm --seed 9007199254740991', 2, /an integer from 0 to 9007199254740990/],
    [
      'train --resume --lr 0.1',
      2,
      /--resume goes on with the settings of the run in out; --lr cannot be given with it/,
    ],
    ['train --resume --num-train 3', 2, /--num-train cannot be given/],
    ['train --resume --out FOLDER/none', 1, /^tilegrad: cannot go on from the checkpoint \S+: there is none$/],
    ['train --resume --out FOLDER/damaged', 1, /cannot go on from the checkpoint .*damaged/],
    ['train --resume --out FOLDER/foreign', 1, /it holds no settings of a run/],
    ['train --data FOLDER/missing --out FOLDER/e', 1, /FOLDER\/missing.*no such file/],
    ['train --data FOLDER/file --out FOLDER/e', 1, /FOLDER\/file/],
    [
      'train --data FOLDER/data --out FOLDER/file/inside',
      1,
      /cannot write to the output folder FOLDER\/file\/inside: a part of the path is not a folder/,
    ],
    ['train --data FOLDER/data --num-train 41 --num-val 10 --out FOLDER/e', 1, /numTraining 41 and numValidation 10/],
    ['data cifar11', 2, /unknown command 'cifar11'/],
    ['data cifar10 --url ftp://x', 1, /url must be an http or https URL/],
    ['bench --dtype float16', 2, /Allowed choices are float32, float64, both/],
  ];

  beforeAll(async () => {
    await writeFile(join(tiny.folder, 'file'), 'not a data set');
    for (const [name, bytes] of [
      ['damaged', Buffer.from('not a checkpoint')],
      ['foreign', Buffer.from('\u0002\0\0\0\0\0\0\0{}', 'latin1')],
    ] as const) {
      await mkdir(outFolder(name));
      await writeFile(join(outFolder(name), 'checkpoint.safetensors'), bytes);
    }
  });

  it.each(cases)('tilegrad %s -> %i', async (command, code, message) => {
    const argv = command
      .split(' ')
      .filter((word) => word !== '')
      .map((word) => word.replace('FOLDER', tiny.folder));
    const result = await run(argv, recording({ env: { CIFAR10: tiny.data } }));
    expect(result.code).toBe(code);
    expect(result.err.replaceAll(tiny.folder, 'FOLDER').trim()).toMatch(message);
    if (command !== '') expect(result.err.trimEnd().split('\n')).toHaveLength(1);
    expect(result.out).not.toContain('report:');
  });

  it('refuses to resume on other data', async () => {
    const out = outFolder('other-data');
    await run([...small, '--epochs', '1', '--out', out]);
    const other = await tinyCifar(3, 5);
    const { code, err } = await run(['train', '--resume', '--data', other.data, '--out', out]);
    await other.remove();
    expect([code, err]).toEqual([1, expect.stringMatching(/numTraining 40/)]);
  });

  it('keeps the best network when training diverges, and goes on with a lower rate', async () => {
    const out = outFolder('diverged');
    const sizes = ['--num-train', '40', '--num-val', '10', '--batch', '10', '--rule', 'sgd', '--epochs', '3'];
    const two = ['train', '--data', tiny.data, '--model', 'two', ...sizes];
    // far too much, yet the first step's parameters are still finite
    const { code, out: text, err } = await run([...two, '--lr', '1', '--out', out]);
    expect(code).toBe(1);
    expect(err).toMatch(/^tilegrad: Solver: .* became .* at iteration \d+ .*--resume --lr 0\.1 goes on.*--overwrite /);
    expect(text).toContain(`report: ${join(out, 'report.html')}`);
    const saved = await history(out);
    expect([saved.complete, saved.stopReason]).toEqual([false, 'diverged']);
    const { tensors } = decodeSafetensors(await readFile(join(out, 'model.safetensors')));
    for (const tensor of Object.values(tensors)) expect([...tensor.data].every(Number.isFinite)).toBe(true);

    expect((await run(['train', '--resume', '--lr', '1e-3', '--batch', '3', '--out', out])).code).toBe(2);
    const lower = await run(['train', '--resume', '--lr', '1e-9', '--out', out]);
    expect([lower.code, lower.err]).toEqual([0, '']);
    const after = await history(out);
    expect(after).toMatchObject({ stopReason: 'finished', config: { optimConfig: { learningRate: 1e-9 } } });
    expect(after.lossHistory).toHaveLength(12);
  });

  it('keeps nothing of a run that diverges at once', async () => {
    const out = outFolder('at-once');
    const { code, err } = await run([...small, '--lr', '1e308', '--out', out]);
    const said = expect.stringMatching(/Nothing was learnt and nothing of it is kept: try --lr 1e\+307/) as string;
    expect([code, err]).toEqual([1, said]);
    expect(await readdir(out)).toEqual([]);
  });
});

describe('other commands', () => {
  it('help and version go to standard output with code 0', async () => {
    const help = await run(['train', '--help']);
    expect([help.code, help.err]).toEqual([0, '']);
    for (const option of [
      '--data',
      '--model',
      '--recipe',
      '--epochs',
      '--time',
      '--batch',
      '--lr',
      '--threads',
      '--seed',
      '--out',
      '--resume',
    ]) {
      expect(help.out).toContain(option);
    }
    for (const recipe of ['quick', 'course', 'course-64', 'wide', 'minute', 'two-layer', 'fully-connected']) {
      expect(help.out).toContain(`\n  ${recipe} (--model `);
    }
    const settings = 'hiddenDim 1000, weightScale 0.001, reg 0; sgd with learningRate 0.001; rate x 0.95 an epoch';
    expect(help.out.replace(/\s+/g, ' ')).toContain(settings);
    const version = JSON.parse(await readFile('package.json', 'utf8')).version as string;
    expect(await run(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });

  it('info prints what computes', async () => {
    const { code, out } = await run(['info']);
    expect(code).toBe(0);
    expect(out).toMatch(/^backend +(simd|js|naive)$/m);
    expect(out).toMatch(/^threads +\d+$/m);
    const engine = parseInt(process.versions.v8, 10);
    expect(/^note: wide SIMD is off, because/m.test(out)).toBe(engine >= 13 && /^simd +true$/m.test(out));
  });
});
