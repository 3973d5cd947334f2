/** Runs that were trained on what was at hand: they go on with that, and are judged on that, or not at all. */

import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/node/commands/program.ts';
import { settingsKey } from '../../src/node/commands/checkpoint-file.ts';
import { crc32 } from '../../src/io/crc32.ts';
import { recording } from './terminal.ts';
import { tinyCifar } from './tiny-cifar.ts';

let tiny: Awaited<ReturnType<typeof tinyCifar>>;
const at = (name: string): string => join(tiny.folder, name);
/** what is at hand: a CIFAR-10 that the variable names, or nothing */
let withCifar: Record<string, string>;
let without: Record<string, string>;

async function run(argv: string[], env: Record<string, string>): Promise<{ code: number; out: string; err: string }> {
  const terminal = recording({ env });
  return { code: await main(argv, terminal), out: terminal.out(), err: terminal.err() };
}

/** Two epochs on what is at hand, stopped in the first. */
async function begin(out: string, env: Record<string, string>): Promise<void> {
  const terminal = recording({ env, onWrite: (text) => text.startsWith('start:') && terminal.interrupt() });
  expect(await main(['train', '--model', 'two', '--hidden', '10', '--batch', '10', '--num-train', '40', '--num-val', '10',
    '--num-test', '10', '--epochs', '2', '--out', out], terminal)).toBe(130);
}

/** What an earlier version would have left: settings that say nothing of what was found. */
async function forget(out: string): Promise<void> {
  const path = join(out, 'checkpoint.safetensors');
  const bytes = await readFile(path);
  const end = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString('utf8', 8, end)) as { __metadata__: Record<string, string> };
  const { trainedOn, ...settings } = JSON.parse(header.__metadata__[settingsKey]) as Record<string, unknown>;
  expect(trainedOn).toMatchObject({ name: 'CIFAR-10' });
  header.__metadata__[settingsKey] = JSON.stringify({ ...settings, data: null });
  // as long as before, so that tensors stay where they are aligned
  const text = Buffer.from(JSON.stringify(header).padEnd(end - 8, ' '));
  const file = Buffer.concat([bytes.subarray(0, 8), text, bytes.subarray(end)]);
  file.writeUInt32LE(crc32(file.subarray(0, -4)), file.length - 4);
  await writeFile(path, file);
  const history = JSON.parse(await readFile(join(out, 'history.json'), 'utf8')) as { settings: Record<string, unknown> };
  delete history.settings.trainedOn;
  history.settings.data = null;
  await writeFile(join(out, 'history.json'), JSON.stringify(history));
}

beforeAll(async () => {
  tiny = await tinyCifar(10, 20);
  await mkdir(at('no-cache'));
  without = { XDG_CACHE_HOME: at('no-cache'), LOCALAPPDATA: at('no-cache') };
  withCifar = { ...without, CIFAR10: tiny.data };
});
afterAll(() => tiny.remove());

describe('train --resume', () => {
  it('goes on with what was found, where the variable that named it is not set any more', async () => {
    await begin(at('found'), withCifar);
    const { code, out, err } = await run(['train', '--resume', '--out', at('found')], without);
    expect([code, err, out]).toEqual([0, '', expect.stringContaining(`data: CIFAR-10 from ${tiny.data}: 40 training`)]);
    const { settings } = JSON.parse(await readFile(join(at('found'), 'history.json'), 'utf8')) as Record<string, unknown>;
    const classNames = expect.arrayContaining(['airplane', 'truck']) as string[];
    expect(settings).toMatchObject({ data: tiny.data, trainedOn: { name: 'CIFAR-10', classNames } });
  });

  it('goes on with the procedural set where a CIFAR-10 has come since', async () => {
    await begin(at('shapes'), without);
    const { code, out } = await run(['train', '--resume', '--out', at('shapes')], withCifar);
    expect([code, out]).toEqual([0, expect.stringContaining('data: procedural shapes: 40 training')]);
  });

  it('says what is missing where the images are gone, and takes them from elsewhere, but no others', async () => {
    const [data, moved] = [at('goes'), at('moved')];
    await cp(tiny.data, data, { recursive: true });
    await begin(at('gone'), { ...without, CIFAR10: data });
    const before = await readFile(join(at('gone'), 'checkpoint.safetensors'));
    await rename(data, moved);
    const resume = ['train', '--resume', '--out', at('gone')];
    for (const argv of [resume, ['ensemble', at('gone')]]) {
      expect(await run(argv, withCifar)).toMatchObject({
        code: 1,
        err: `tilegrad: ${at('gone')} was trained on CIFAR-10 (${data}), which is not there: --data says where it is\n`,
      });
    }
    const { code, err } = await run([...resume, '--data', 'shapes'], without);
    expect([code, err]).toEqual([2, expect.stringMatching(
      /gone was trained on CIFAR-10, images of the classes airplane, automobile, .*, and procedural shapes has /,
    )]);
    expect(await readFile(join(at('gone'), 'checkpoint.safetensors'))).toEqual(before);
    expect((await run([...resume, '--data', moved], without)).code).toBe(0);
  });

  it('of a run of an earlier version looks at the classes of its model', async () => {
    await begin(at('early'), withCifar);
    await forget(at('early'));
    const resume = ['train', '--resume', '--out', at('early')];
    const other = await run(resume, without);
    expect([other.code, other.err]).toEqual([2, expect.stringMatching(/trained on images of the classes airplane, /)]);
    const { code, err, out } = await run(resume, withCifar);
    expect([code, err, out]).toEqual([0, '', expect.stringContaining('going on after iteration 1 ')]);
  });
});

describe('ensemble', () => {
  it('judges on what was found, and says what that is', async () => {
    await begin(at('judged'), withCifar);
    const { code, out } = await run(['ensemble', at('judged'), at('judged')], without);
    expect([code, out]).toEqual([0, expect.stringMatching(new RegExp(`^data: CIFAR-10 from ${tiny.data}\n`))]);
  });

  it('refuses other classes than those of a run of an earlier version', async () => {
    await begin(at('judged-early'), withCifar);
    await forget(at('judged-early'));
    const argv = ['ensemble', at('judged-early')];
    const { code, out, err } = await run(argv, without);
    expect([code, out, err]).toEqual([2, '', expect.stringMatching(/was trained on images of the classes airplane, /)]);
    expect((await run(argv, withCifar)).code).toBe(0);
    await rm(join(at('judged-early'), 'model.safetensors'));
    expect((await run(argv, withCifar)).err).toContain('cannot use');
  });
});
