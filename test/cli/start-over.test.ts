/** A run that starts over: what the earlier one left is whole until there is something to put in its place. */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { main } from '../../src/node/commands/program.ts';
import { recording } from './terminal.ts';
import type { Recording } from './terminal.ts';
import { tinyCifar } from './tiny-cifar.ts';

let tiny: Awaited<ReturnType<typeof tinyCifar>>;
let out: string;
let count = 0;
/** four steps an epoch; and with a small network */
let images: string[];
let small: string[];

async function run(
  argv: string[], terminal: Recording = recording(),
): Promise<{ code: number; out: string; err: string }> {
  return { code: await main(argv, terminal), out: terminal.out(), err: terminal.err() };
}

/** A sum of each file, not its bytes, which no message of a failure is to hold. */
const contents = (): Record<string, string> => Object.fromEntries(readdirSync(out).map((name) =>
  [name, createHash('md5').update(readFileSync(join(out, name))).digest('hex')]));

beforeAll(async () => {
  tiny = await tinyCifar(10, 20);
});
beforeEach(async () => {
  out = join(tiny.folder, `run${count++}`);
  images = ['train', '--data', tiny.data, '--batch', '10', '--num-train', '40', '--num-val', '10', '--out', out];
  small = [...images, '--model', 'two', '--hidden', '10'];
  const first = await run([...small, '--epochs', '1', '--tensorboard']);
  expect([first.code, first.err, readdirSync(out).length]).toEqual([0, '', 7]);
});
afterAll(() => tiny.remove());

describe('--overwrite', () => {
  it.each([
    ['--shift 1000', /randomShift: maxShift/], ['--cutout 9007199254740991', /cutout: size/], ['--mixup 1e300', /mixup: alpha/],
    ['--weight-scale 1e300', /\S/], ['--lr 1e300', /nothing of it is kept: try --lr 1e\+299/],
    ['--recipe sixty --time 0.0001', /no step of training fits/],
  ])('keeps the earlier run where the new one fails at its first step: %s', async (flags, why) => {
    const before = contents();
    const argv = flags.startsWith('--recipe') ? images : small;
    const { code, err } = await run([...argv, '--overwrite', '--tensorboard', ...flags.split(' ')]);
    expect([code, err]).toEqual([1, expect.stringMatching(why)]);
    expect(contents()).toEqual(before);
    const resumed = await run(['train', '--resume', '--out', out]);
    expect([resumed.code, resumed.out]).toEqual([0, expect.stringContaining('going on after iteration 4')]);
  });

  it('keeps it where the new one is stopped before its first step', async () => {
    const before = contents();
    const terminal = recording({ onWrite: (text) => text.startsWith('model:') && terminal.interrupt() });
    const { code, out: text } = await run([...small, '--overwrite', '--epochs', '2'], terminal);
    expect([code, text]).toEqual([130, expect.stringContaining('stopped before the first step: there was nothing to save')]);
    expect(contents()).toEqual(before);
  });

  it('leaves nothing of it beside the first checkpoint of the new one', async () => {
    const before = contents();
    let seen: Record<string, string> = {};
    const terminal = recording({ onWrite: (text) => text.startsWith('start:') && (seen = contents()) && terminal.interrupt() });
    const { code, err } = await run([...small, '--overwrite', '--epochs', '2', '--seed', '1'], terminal);
    expect([code, err]).toEqual([130, '']);
    expect(Object.keys(seen).sort()).toEqual(['.tilegrad-run.lock', 'checkpoint.safetensors']);
    expect(seen['checkpoint.safetensors']).not.toBe(before['checkpoint.safetensors']);
    // no event file: the earlier run's is gone, and none was asked for
    const after = contents();
    expect(Object.keys(after)).toHaveLength(6);
    const lines = readFileSync(join(out, 'log.jsonl'), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { iteration: number }).iteration)).toEqual([1]);
    const resumed = await run(['train', '--resume', '--out', out]);
    expect([resumed.code, resumed.err, resumed.out]).toEqual([0, '', expect.stringContaining('going on after iteration 1 ')]);
  });
});
