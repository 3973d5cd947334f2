/** predict, evaluate, summary, export and verify, on what train has left. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeShapes } from '../../src/data/index.ts';
import { tensor } from '../../src/index.ts';
import { decodeSafetensors, encodeNpz, encodeSafetensors, loadModel, saveModel } from '../../src/io/index.ts';
import { BatchNorm2d, Concatenate, Conv2d, Flatten, input, Linear, model as graph, sequential } from '../../src/nn/index.ts';
import { decodeMessage } from '../../src/io/onnx/protobuf.ts';
import { loadCifar10, loadImageFolder } from '../../src/node/index.ts';
import { main } from '../../src/node/commands/program.ts';
import { Rng } from '../../src/tensor/index.ts';
import { encodePng, tensorToPicture } from '../../src/viz/index.ts';
import { recording } from './terminal.ts';
import { tinyCifar } from './tiny-cifar.ts';

const fixtures = JSON.parse(readFileSync(new URL('../fixtures/orientations.json', import.meta.url), 'utf8')) as
  Record<'oriented' | 'resized', ReadonlyArray<{ file: string }>>;
let tiny: Awaited<ReturnType<typeof tinyCifar>>;
let pictures: string[];
const at = (name: string): string => join(tiny.folder, name);
const model = (): string => join(at('run'), 'model.safetensors');

async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const terminal = recording();
  return { code: await main(argv, terminal), out: terminal.out(), err: terminal.err() };
}

beforeAll(async () => {
  tiny = await tinyCifar(10, 20);
  const trained = await run(
    'train', '--data', tiny.data, '--model', 'deep', '--filters', '4', '--num-train', '40', '--num-val', '10',
    '--num-test', '20', '--batch', '10', '--epochs', '2', '--out', at('run'),
  );
  expect([trained.code, trained.err]).toEqual([0, '']);
  const { test } = await loadCifar10(tiny.data);
  pictures = [0, 1, 2].map((i) => at(`picture${i}.png`));
  for (const [i, path] of pictures.entries()) {
    await writeFile(path, encodePng(tensorToPicture(test.images.slice(i))));
  }
});
afterAll(() => tiny.remove());

describe('tilegrad predict', () => {
  it('prints a line a picture, as the model itself says', async () => {
    const loaded = loadModel(await readFile(model()));
    const { test } = await loadCifar10(tiny.data);
    const expected = loaded.predict(test.images.slice([0, 3]));
    for (const path of [model(), at('run')]) {
      const { code, out, err } = await run('predict', path, ...pictures);
      expect([code, err]).toEqual([0, '']);
      expect(out).toBe(expected.map(({ label, probability }, i) =>
        `${pictures[i]}  ${label} ${(100 * probability).toFixed(1)}%\n`).join(''));
    }
    const { out } = await run('predict', model(), pictures[1], '--top', '3', '--json');
    const [{ top }] = loaded.predict(test.images.slice(1), { top: 3 });
    const [{ label, probability }] = top;
    expect(JSON.parse(out)).toEqual({ file: pictures[1], label, probability, top });
  });

  it('names pictures that cannot be read, and goes on with the rest', async () => {
    await writeFile(at('broken\u001b[2J.png'), (await readFile(pictures[0])).subarray(0, 60));
    const { code, out, err } = await run('predict', model(), at('none.png'), at('broken\u001b[2J.png'), pictures[2]);
    expect(code).toBe(1);
    expect(out.trimEnd().split('\n')).toEqual([expect.stringContaining('picture2.png')]);
    expect(err.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/none\.png: no such file/),
      expect.stringMatching(/broken\\x1b\[2J\.png: decodePng/),
    ]);
    const json = await run('predict', model(), at('none.png'), pictures[2], '--json');
    const lines = json.out.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect([json.code, json.err, lines.length]).toEqual([1, '', 2]);
    expect(lines[0].error).toMatch(/no such file/);
  });

  it('sees a picture exactly as training saw it: JPEG pixels, orientation, size, links', async () => {
    const { oriented, resized } = fixtures;
    const files = [...oriented.slice(4, 8), ...resized].map(({ file }) => Buffer.from(file, 'base64'));
    await mkdir(at('seen/class'), { recursive: true });
    for (const [i, file] of files.entries()) await writeFile(at(`seen/class/${i}.picture`), file);
    const options = { testShare: 0, cache: false };
    const net = sequential(new Flatten(), new Linear(3 * 12 * 12, 5, { rng: new Rng(1) }));
    await writeFile(at('seen.safetensors'), saveModel(net, { inputShape: [3, 12, 12], std: [9, 9, 9] }));
    const { train, trainFiles } = await loadImageFolder(at('seen'), { ...options, size: 12 });
    const expected = loadModel(await readFile(at('seen.safetensors'))).predict(train.images, { top: 5 });
    const seen = trainFiles.map((name) => at(`seen/${name}`));
    const { out, err } = await run('predict', at('seen.safetensors'), ...seen, '--json', '--top', '5');
    const found = out.trimEnd().split('\n').map((line) => (JSON.parse(line) as { top: unknown }).top);
    expect([err, found.length]).toEqual(['', files.length]);
    expect(found).toEqual(expected.map(({ top }) => top));
    await symlink(at('seen/class/0.picture'), at('link.jpg'));
    expect((await run('predict', at('seen.safetensors'), at('link.jpg'))).code).toBe(0);
    await writeFile(at('open.safetensors'), saveModel(sequential(new Flatten(), new Linear(3 * 24 * 16, 2))));
    expect(await run('predict', at('open.safetensors'), at('link.jpg'), at('seen'))).toMatchObject({
      code: 1, err: expect.stringMatching(/seen: it is a folder, not a picture/) as string,
      out: expect.stringMatching(/link\.jpg {2}[01] /) as string,
    });
  });

  it('refuses what is no model, and options that are none', async () => {
    expect(await run('predict', pictures[0], pictures[1])).toMatchObject({
      code: 1, err: expect.stringMatching(/cannot use .*picture0\.png: loadModel: /) as string,
    });
    expect((await run('predict', at('none'), pictures[0])).err).toMatch(/cannot read .*none: no such file/);
    expect((await run('predict', model())).code).toBe(2);
    expect((await run('predict', model(), pictures[0], '--top', '0')).code).toBe(2);
  });
});

describe('commands on models', () => {
  it('end with 1 where what they say could not be written', async () => {
    const full = (...argv: string[]): Promise<number> => main(argv, { ...recording(), outputError: () => 'no space left' });
    const commands = [
      ['predict', model(), pictures[0]], ['summary', model()], ['verify', model()], ['data', 'inspect', tiny.data],
      ['evaluate', model(), '--data', tiny.data, '--out', at('unsaid.html')], ['ensemble', at('run')],
      ['summary', '--help'], ['lab', '--list'],
    ];
    for (const command of commands) expect([...command, await full(...command)]).toEqual([...command, 1]);
  });

  it('take no empty text for a path', async () => {
    const commands = [
      ['train', '--data', '', '--out', at('empty')], ['train', '--out', ''], ['predict', '', pictures[0]], ['predict', model(), ''],
      ['evaluate', model(), '--data', ''], ['evaluate', model(), '--out', ''], ['export', model(), '--onnx', ''],
      ['verify', ''], ['ensemble', ''], ['data', 'inspect', ''], ['search', ''], ['search', 'plan', ''],
      ['search', 'collect', '--out', ''], ['lab', 'gradients', '--quick', '--out', ''],
    ];
    for (const command of commands) {
      const { code, out, err } = await run(...command);
      expect([...command, code, out]).toEqual([...command, 2, '']);
      expect(err).toMatch(/^tilegrad: (option|argument) '[^']+' is empty\n$/);
    }
  });

  it.skipIf(process.platform === 'win32')('neither wait for pipes nor read devices without an end', async () => {
    const folder = at('pipes');
    await mkdir(folder);
    const pipes = ['model.safetensors', 'history.json', 'checkpoint.safetensors', 'search.json'].map((name) => join(folder, name));
    execFileSync('mkfifo', pipes);
    const commands = [
      ['predict', '/dev/zero', pictures[0]], ['predict', folder, pictures[0]], ['summary', pipes[0]], ['verify', pipes[0]],
      ['ensemble', folder], ['search', pipes[0], '--out', at('none')],
      ['search', '/dev/zero', '--out', at('none')], ['search', 'collect', '--out', folder],
    ];
    for (const command of commands) {
      const { code, err } = await run(...command);
      expect([...command, code, err]).toEqual([...command, 1, expect.stringContaining('it is no plain file')]);
    }
    const resumed = await run('train', '--resume', '--out', folder);
    expect([resumed.code, resumed.err]).toEqual([1, expect.stringContaining('checkpoint.safetensors is a pipe, and a file')]);
  });
});

describe('tilegrad evaluate', () => {
  it('gives the accuracy that train measured, a table of the classes, and a page', async () => {
    const { testAccuracy } = JSON.parse(await readFile(join(at('run'), 'history.json'), 'utf8')) as Record<string, number>;
    const { code, out, err } = await run('evaluate', at('run'), '--data', tiny.data, '--out', at('page.html'));
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain(`accuracy ${(100 * testAccuracy).toFixed(1)}%`);
    expect(out).toMatch(/class +images +found +right where named\n-.*\nairplane +\d+ /);
    expect(out.endsWith(`\n\npage: ${at('page.html')}\n`)).toBe(true);
    const page = await readFile(at('page.html'), 'utf8');
    expect(page).toContain('the mistakes that the model was surest of');
    expect(page).toContain('<h2>Mistakes</h2>');
    expect(page.match(/data:image\/png/g)!.length).toBe(Math.round(20 * (1 - testAccuracy)));
    const again = ['evaluate', at('run'), '--data', tiny.data, '--num-test', '5', '--out', at('page.html')];
    expect(await run(...again)).toMatchObject({ code: 2, err: expect.stringContaining('page.html is there already') as string });
    expect((await run(...again, '--overwrite')).out).toContain('5 images');
  });

  it('puts the page that nobody named in the place of an earlier one, and of no other file', async () => {
    const before = process.cwd();
    await mkdir(at('here'));
    process.chdir(at('here'));
    try {
      const argv = ['evaluate', at('run'), '--data', tiny.data];
      const first = await run(...argv);
      expect([first.code, first.out]).toEqual([0, expect.stringMatching(/accuracy [^]*page: evaluation\.html\n$/)]);
      const second = await run(...argv, '--num-test', '5');
      expect([second.code, second.err, second.out]).toEqual([0, '', expect.stringMatching(/ 5 test images[^]*page: /)]);
      expect(await readFile('evaluation.html', 'utf8')).toContain('5 images');
      expect((await run(...argv, '--out', 'evaluation.html')).code).toBe(2);
      // train's own report, a page of ours as well, is none of evaluate's
      for (const foreign of ['<!doctype html><title>Evaluation on paper</title>', await readFile(join(at('run'), 'report.html'))]) {
        await writeFile('evaluation.html', foreign);
        const kept = await run(...argv);
        expect([kept.code, kept.err]).toEqual([0, '']);
        expect(kept.out).toMatch(/accuracy .*%\n[^]*no page is written: evaluation\.html is there already: .*\n$/);
        expect(await readFile('evaluation.html')).toEqual(Buffer.from(foreign));
      }
      expect((await run(...argv, '--overwrite')).out).toMatch(/page: evaluation\.html\n$/);
    } finally {
      process.chdir(before);
    }
  });

  it.each(['model.safetensors', 'checkpoint.safetensors', 'history.json', 'report.html', 'log.jsonl'])(
    'does not write over the %s of the run, nor does export', async (name) => {
      const file = join(at('run'), name);
      const before = await readFile(file);
      const what = name === 'model.safetensors' ? 'the model itself' : "a file of the model's run";
      for (const given of [at('run'), model()]) {
        for (const argv of [['evaluate', given, '--data', tiny.data, '--out', file], ['export', given, '--npz', file]]) {
          const { code, err } = await run(...argv, '--overwrite');
          expect([code, err]).toEqual([2, expect.stringContaining(`${name} is ${what}`)]);
        }
      }
      expect(await readFile(file)).toEqual(before);
    },
  );

  it('writes neither over what it reads nor over a folder, and says so before it reads', async () => {
    const data = at('kept.npz');
    await writeFile(data, encodeNpz({ x_train: tensor([[[1]], [[2]]]), y_train: tensor([0, 1]) }));
    const before = await readFile(data);
    await symlink(model(), at('linked.safetensors'));
    const overData = /kept\.npz is the data set itself/;
    for (const [argv, why] of [
      [['evaluate', model(), '--data', data, '--out', join(at('run'), '..', 'kept.npz')], overData],
      [['data', 'inspect', data, '--samples', data], overData],
      [['evaluate', at('linked.safetensors'), '--data', tiny.data, '--out', model()], /is the model itself/],
      [['evaluate', at('linked.safetensors'), '--data', tiny.data, '--out', at('linked.safetensors')], /is the model itself/],
      [['evaluate', at('none'), '--data', tiny.data, '--out', at('run')], /run is a folder/],
      [['export', at('none'), '--onnx', at('run')], /run is a folder/],
    ] as const) {
      const { code, err } = await run(...argv, '--overwrite');
      expect([argv, code, err]).toEqual([argv, 2, expect.stringMatching(why)]);
    }
    expect(await readFile(data)).toEqual(before);
    expect((await run('verify', model())).code).toBe(0);
  });

  it('reads a folder of pictures as train did, in the size that the model takes', async () => {
    const { test: { images } } = makeShapes({ seed: 1, numTrain: 1, numTest: 30 });
    const classes = ['cat', 'dog', 'owl'];
    for (const [c, name] of classes.entries()) {
      await mkdir(at(`own/${name}`), { recursive: true });
      for (let i = 0; i < 10; i++) {
        await writeFile(at(`own/${name}/${i}.png`), encodePng(tensorToPicture(images.slice(10 * c + i, null, [0, 24]))));
      }
    }
    await writeFile(at('own/cat/broken.png'), 'no picture');
    const options = ['--data', at('own'), '--split-seed', '3'];
    const trained = await run(
      'train', ...options, '--size', '16', '--model', 'deep', '--filters', '4', '--epochs', '3', '--batch', '8', '--num-val', '4',
      '--out', at('own-run'),
    );
    expect([trained.code, trained.err]).toEqual([0, '']);
    const { testAccuracy } = JSON.parse(await readFile(join(at('own-run'), 'history.json'), 'utf8')) as Record<string, number>;
    const { code, out, err } = await run('evaluate', at('own-run'), ...options, '--out', at('own.html'));
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain(`pictures from ${at('own')}: 6 test images`);
    expect(out).toContain('1 file is left out');
    expect(out).toContain(`accuracy ${(100 * testAccuracy).toFixed(1)}%`);
    for (const name of classes) expect(out).toMatch(new RegExp(`^${name} +2 `, 'm'));
  });

  it('refuses data of other classes', async () => {
    const { tensors, metadata } = decodeSafetensors(await readFile(model()));
    const names = JSON.stringify(Array.from({ length: 10 }, (_, i) => `class ${i}`));
    await writeFile(at('other.safetensors'), encodeSafetensors(tensors, { ...metadata, classNames: names }));
    expect(await run('evaluate', at('other.safetensors'), '--data', tiny.data, '--out', at('none.html'))).toMatchObject({
      code: 2,
      err: expect.stringMatching(/\(CIFAR-10 .*\) have the class airplane, the model knows class 0, class 1/) as string,
    });
    expect(await run('evaluate', at('other.safetensors'), '--data', 'shapes', '--out', at('none.html'))).toMatchObject({
      code: 2, err: expect.stringContaining('the data (procedural shapes) have the class horizontal stripes') as string,
    });
  });
});

describe('tilegrad summary', () => {
  it('prints the layers, the classes and the preprocessing', async () => {
    const { code, out } = await run('summary', model());
    expect(code).toBe(0);
    expect(out).toContain('DeepConvNet, float32');
    expect(out).toMatch(/examples: 3x32x32, mean .*deviation .*\nclasses: airplane, automobile/);
  });
});

describe('tilegrad export and verify', () => {
  it('writes every form, each with a sample that verify recomputes', async () => {
    const files = ['onnx', 'safetensors', 'npz'].map((form) => [`--${form}`, at(`out.${form}`)]);
    const { code, out, err } = await run('export', model(), ...files.flat());
    expect([code, err, out]).toEqual([0, '', `${files.map(([, file]) => file).join('\n')}\n`]);
    for (const file of [model(), at('run'), ...files.map(([, path]) => path)]) {
      const verified = await run('verify', file);
      expect([verified.code, verified.err]).toEqual([0, '']);
      expect(verified.out).toMatch(/^ok: .*: the largest difference is \d\.\d\de[-+]\d+ in outputs up to /);
    }
    const again = await run('export', model(), '--npz', at('out.npz'));
    expect([again.code, again.err]).toEqual([2, expect.stringContaining('is there already: --overwrite replaces it')]);
    expect((await run('export', model(), '--npz', at('out.npz'), '--overwrite')).code).toBe(0);
    expect((await run('export', model())).code).toBe(2);
  });

  it('keeps batchnorm in an ONNX file, or folds it where asked', async () => {
    const net = sequential(new Conv2d(3, 4, 3, { padding: 1 }), new BatchNorm2d(4), new Flatten(), new Linear(256, 2));
    await writeFile(at('norm.safetensors'), saveModel(net, { inputShape: [3, 8, 8] }));
    const operators = async (...options: string[]): Promise<string[]> => {
      expect(await run('export', at('norm.safetensors'), '--onnx', at('norm.onnx'), '--overwrite', ...options))
        .toMatchObject({ code: 0, err: '' });
      expect((await run('verify', at('norm.onnx'))).code).toBe(0);
      const file = decodeMessage('test', 'Model', await readFile(at('norm.onnx')));
      return file.graph!.node!.map(({ opType }) => opType!);
    };
    expect(await operators()).toEqual(['Conv', 'BatchNormalization', 'Flatten', 'Gemm']);
    expect(await operators('--fold')).toEqual(['Conv', 'Flatten', 'Gemm']);
    const { code, err } = await run('export', at('norm.safetensors'), '--npz', at('norm.npz'), '--fold');
    expect([code, err]).toEqual([2, expect.stringContaining('--fold is of ONNX')]);
  });

  it('writes no form over another, nor over the model', async () => {
    const before = await readFile(model());
    const two = await run('export', model(), '--onnx', at('both'), '--npz', join(at('run'), '..', 'both'));
    expect([two.code, two.err]).toEqual([2, expect.stringContaining('both is the file of --onnx too')]);
    for (const given of [model(), at('run')]) {
      const over = await run('export', given, '--onnx', join(at('run'), '.', 'model.safetensors'), '--overwrite');
      expect([over.code, over.err]).toEqual([2, expect.stringContaining('is the model itself')]);
    }
    expect(await readFile(model())).toEqual(before);
  });

  it('does the same for a graph of two inputs', async () => {
    const [a, b] = [input(4), input(3)];
    await writeFile(at('graph.safetensors'), saveModel(graph([a, b], new Linear(7, 2).apply(new Concatenate().apply(a, b)))));
    const files = ['onnx', 'safetensors', 'npz'].map((form) => [`--${form}`, at(`graph-out.${form}`)]);
    expect(await run('export', at('graph.safetensors'), ...files.flat())).toMatchObject({ code: 0, err: '' });
    for (const file of [at('graph.safetensors'), ...files.map(([, path]) => path)]) {
      expect((await run('verify', file)).out).toMatch(/^ok: .*: the largest difference is \d\.\d\de[-+]\d+ in outputs up to /);
    }
  });

  it('says how far off a file is that computes something else', async () => {
    const { tensors, metadata } = decodeSafetensors(await readFile(model()));
    const bias = Object.keys(tensors).findLast((name) => /^b\d$/.test(name))!;
    tensors[bias] = tensors[bias].add(tensor([0.5, ...Array.from({ length: 9 }, () => 0)], null, 'float32'));
    await writeFile(at('moved.safetensors'), encodeSafetensors(tensors, metadata));
    const { code, out } = await run('verify', at('moved.safetensors'));
    expect([code, out]).toEqual([1, expect.stringMatching(/^NO: .*largest difference is 5\.00e-1/)]);
    tensors[bias] = tensors[bias].mul(NaN);
    await writeFile(at('moved.safetensors'), encodeSafetensors(tensors, metadata));
    expect((await run('verify', at('moved.safetensors'))).code).toBe(1);
    expect((await run('verify', pictures[0])).code).toBe(1);
  });
});
