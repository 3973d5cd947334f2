import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/node/commands/program.ts';
import { buildSchedule } from '../../src/node/commands/recipes.ts';
import { decodeSafetensors } from '../../src/io/index.ts';
import { decodePng } from '../../src/viz/index.ts';
import { recording } from './terminal.ts';
import type { Recording } from './terminal.ts';
import { tinyCifar } from './tiny-cifar.ts';

let tiny: Awaited<ReturnType<typeof tinyCifar>>;
/** 40 training images in steps of 10, a small network: a run takes a fraction of a second. */
let small: string[];

beforeAll(async () => {
  tiny = await tinyCifar(10, 20);
  small = ['train', '--data', tiny.data, '--model', 'fc', '--batch', '10', '--num-train', '40', '--num-val', '10'];
});
afterAll(() => tiny.remove());

const outFolder = (name: string): string => join(tiny.folder, name);

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
  it('leaves history, report, filters, model and checkpoint, and says where', async () => {
    const out = outFolder('whole');
    const { code, out: text, err } = await run([...small, '--epochs', '3', '--seed', '5', '--out', out]);
    expect([code, err]).toEqual([0, '']);
    expect((await readdir(out)).sort()).toEqual([
      'checkpoint.safetensors',
      'filters.png',
      'history.json',
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
    expect(saved.complete).toBe(true);
    expect(saved.config).toMatchObject({
      recipe: 'fully-connected',
      model: 'fc',
      batchSize: 10,
      epochs: 3,
      updateRule: 'adam',
      numTrain: 40,
    });

    const { tensors, metadata } = decodeSafetensors(await readFile(join(out, 'model.safetensors')));
    expect(metadata.model).toBe('FullyConnectedNet');
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

  it('goes on after an interrupt with the same bits', async () => {
    const [whole, parts] = [outFolder('uninterrupted'), outFolder('interrupted')];
    await run([...small, '--epochs', '4', '--out', whole]);
    const terminal = recording({ onWrite: (text) => text.startsWith('epoch 2') && terminal.interrupt() });
    const first = await run([...small, '--epochs', '4', '--out', parts], terminal);
    expect(first.code).toBe(130);
    expect(first.out).toContain('stopping: ');
    const stopped = await history(parts);
    expect(stopped.complete).toBe(false);
    expect(stopped.lossHistory).toHaveLength(9);
    expect((await readdir(parts)).sort()).toEqual((await readdir(whole)).sort());

    const second = await run(['train', '--resume', '--out', parts]);
    expect([second.code, second.err]).toEqual([0, '']);
    expect(second.out).toContain('going on after iteration 9');
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

  it('ends on SIGTERM with its own code', async () => {
    const terminal = recording({ onWrite: (text) => text.startsWith('epoch 1') && terminal.interrupt('SIGTERM') });
    expect((await run([...small, '--epochs', '4', '--out', outFolder('terminated')], terminal)).code).toBe(143);
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
    expect(saved.trainSeconds).toBeGreaterThanOrEqual(0.5);
    expect(saved.config).toMatchObject({ time: 0.5, epochs: null });
    expect((saved.accuracyEpochs as number[]).at(-1)).toBeCloseTo((saved.lossHistory as number[]).length / 20, 12);
  });

  it('lays its schedule over the time, or over the epochs', () => {
    const timed = buildSchedule({ schedule: 'one-cycle' }, () => share);
    let share = 0;
    expect(timed?.(500, 600)).toBeCloseTo(1 / 25, 3);
    share = 0.3;
    expect(timed?.(500, 600)).toBeCloseTo(1, 3);
    share = 1;
    expect(timed?.(500, 600)).toBeLessThan(1e-4);
    expect(buildSchedule({ schedule: 'one-cycle' }, null)?.(599, 600)).toBeLessThan(1e-4);
    expect(buildSchedule({ schedule: 'constant' }, () => share)).toBeUndefined();
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
    ['train --model four', 2, /^tilegrad: --model must be one of three, deep, two, fc, got "four"$/],
    ['train --recipe soup', 2, /--recipe must be one of quick, course, /],
    ['train --recipe course --model deep', 2, /--recipe course trains the model three, not deep/],
    ['train --threads 1000', 1, /configure: threads/],
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

  it('says that training diverged instead of training on', async () => {
    const { code, err } = await run([
      'train',
      '--data',
      tiny.data,
      '--model',
      'two',
      '--lr',
      '1e30',
      '--num-train',
      '40',
      '--num-val',
      '10',
      '--out',
      outFolder('diverged'),
    ]);
    expect(code).toBe(1);
    expect(err).toMatch(/^tilegrad: Solver: .* became .* at iteration \d+ .*: training diverged/);
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
    const version = JSON.parse(await readFile('package.json', 'utf8')).version as string;
    expect(await run(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });

  it('info prints what computes', async () => {
    const { code, out } = await run(['info']);
    expect(code).toBe(0);
    expect(out).toMatch(/^backend +(simd|js|naive)$/m);
    expect(out).toMatch(/^threads +\d+$/m);
  });
});
