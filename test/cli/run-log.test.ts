import { appendFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/node/commands/program.ts';
import { readEvents } from '../io/event-reader.ts';
import { recording } from './terminal.ts';
import { tinyCifar } from './tiny-cifar.ts';

let tiny: Awaited<ReturnType<typeof tinyCifar>>;
let small: string[];
beforeAll(async () => {
  tiny = await tinyCifar(10, 20);
  small = ['train', '--data', tiny.data, '--model', 'fc', '--batch', '2', '--num-train', '40', '--num-val', '10',
    '--hidden', '12', '--epochs', '3'];
});
afterAll(() => tiny.remove());

type Entry = Record<string, number>;
const entriesOf = async (out: string): Promise<Entry[]> =>
  (await readFile(join(out, 'log.jsonl'), 'utf8')).trimEnd().split('\n').map((line) => JSON.parse(line) as Entry);
const eventsOf = async (out: string): ReturnType<typeof readFile> extends Promise<unknown>
  ? Promise<ReturnType<typeof readEvents>> : never => {
  const [name] = (await readdir(out)).filter((each) => each.includes('tfevents'));
  return readEvents(await readFile(join(out, name)));
};
const timeless = (entries: Entry[]): Entry[] =>
  entries.map((entry) => ({ ...entry, time: 0, trainSeconds: 0, imagesPerSecond: 0 }));

describe('the log of a run', () => {
  it('has a line a report, with accuracies where they were measured', async () => {
    const out = join(tiny.folder, 'log');
    expect(await main([...small, '--out', out], recording())).toBe(0);
    const entries = await entriesOf(out);
    const { lossHistory, valAccHistory, trainAccHistory } =
      JSON.parse(await readFile(join(out, 'history.json'), 'utf8')) as Record<string, number[]>;
    expect(entries.map(({ iteration }) => iteration)).toEqual([1, 10, 20, 30, 40, 50, 60]);
    expect(entries.map(({ epoch }) => epoch)).toEqual([0, 0, 1, 1, 2, 2, 3]);
    expect(entries.map(({ loss }) => loss)).toEqual([0, 9, 19, 29, 39, 49, 59].map((i) => lossHistory[i]));
    const measured = entries.filter(({ valAccuracy }) => valAccuracy !== undefined);
    expect(measured.map(({ valAccuracy }) => valAccuracy)).toEqual(valAccHistory);
    expect(measured.map(({ trainAccuracy }) => trainAccuracy)).toEqual(trainAccHistory);
    // fully-connected decays its rate by 0.8 an epoch
    expect(entries.map(({ learningRate }) => Number(learningRate.toFixed(6)))).toEqual(
      [1e-3, 1e-3, 1e-3, 8e-4, 8e-4, 6.4e-4, 6.4e-4],
    );
    for (const { imagesPerSecond, time } of entries) {
      expect(imagesPerSecond).toBeGreaterThan(0);
      expect(Math.abs(time - Date.now() / 1000)).toBeLessThan(60);
    }
    expect((await readdir(out)).filter((name) => name.includes('tfevents'))).toEqual([]);
  });

  it('goes on with the run, without what was written after the checkpoint, and TensorBoard reads the same', async () => {
    const [whole, parts] = ['log-whole', 'log-parts'].map((name) => join(tiny.folder, name));
    await main([...small, '--out', whole], recording());
    const terminal = recording({ onWrite: (text) => text.startsWith('epoch 1') && terminal.interrupt() });
    await main([...small, '--out', parts], terminal);
    // as a kill leaves it: lines beyond the checkpoint, the last one torn
    await appendFile(join(parts, 'log.jsonl'), '{"time":1,"iteration":59,"loss":0}\n{"time":1,"iter');
    expect(await main(['train', '--resume', '--tensorboard', '--out', parts], recording())).toBe(0);
    const entries = await entriesOf(parts);
    expect(timeless(entries)).toEqual(timeless(await entriesOf(whole)));
    const [first, ...events] = await eventsOf(parts);
    expect(first.version).toBe('brain.Event:2');
    expect(events.map(({ step, wallTime }) => [step, wallTime])).toEqual(entries.map((e) => [e.iteration, e.time]));
    expect(events.map(({ scalars }) => scalars.loss)).toEqual(entries.map(({ loss }) => Math.fround(loss)));
    expect(events.at(-1)!.scalars['accuracy/validation']).toBe(Math.fround(entries.at(-1)!.valAccuracy));
    expect(events[1].scalars).not.toHaveProperty('accuracy/validation');
  });
});
