/** The program as a process of its own: signals, pipes and kills. */

import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/node/commands/program.ts';
import { recording } from './terminal.ts';
import { tinyCifar } from './tiny-cifar.ts';

let tiny: Awaited<ReturnType<typeof tinyCifar>>;
beforeAll(async () => {
  tiny = await tinyCifar(10, 3000);
});
afterAll(() => tiny.remove());

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** Starts `tilegrad ...argv`; onOutput sees all that was written so far and may send signals. */
function start(
  argv: string[],
  onOutput: (out: string, kill: (signal: NodeJS.Signals) => void) => void,
): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/node/cli.ts', ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (bytes: Buffer) => {
    out += bytes.toString();
    onOutput(out, (signal) => child.kill(signal));
  });
  child.stderr.on('data', (bytes: Buffer) => {
    err += bytes.toString();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, out, err }));
  });
}

const endless = (out: string): string[] => [
  'train',
  '--data',
  tiny.data,
  '--model',
  'fc',
  '--batch',
  '10',
  '--num-train',
  '40',
  '--num-val',
  '10',
  '--epochs',
  '100000',
  '--out',
  out,
];

/** Calls action once, when the output first holds the text. */
function once(text: string, action: () => void): (out: string) => void {
  let done = false;
  return (out) => {
    if (done || !out.includes(text)) return;
    done = true;
    action();
  };
}

describe.skipIf(process.platform === 'win32')('the process', () => {
  it('saves everything at the first Ctrl-C and exits with 130; what it wrote can be resumed', async () => {
    const out = join(tiny.folder, 'first');
    let send: (signal: NodeJS.Signals) => void = () => undefined;
    const interrupt = once('epoch 2:', () => send('SIGINT'));
    const ended = await start([...endless(out), '--num-test', '10'], (text, kill) => {
      send = kill;
      interrupt(text);
    });
    expect([ended.code, ended.signal, ended.err]).toEqual([130, null, '']);
    expect(ended.out).toContain('report: ');
    for (const control of ['\r', '\u001b']) expect(ended.out).not.toContain(control);
    expect((await readdir(out)).sort()).toEqual([
      'checkpoint.safetensors',
      'filters.png',
      'history.json',
      'model.safetensors',
      'report.html',
    ]);
    const { lossHistory } = JSON.parse(await readFile(join(out, 'history.json'), 'utf8')) as { lossHistory: number[] };
    const terminal = recording({ onWrite: (text) => text.startsWith('going on') && terminal.interrupt() });
    expect(await main(['train', '--resume', '--out', out], terminal)).toBe(130);
    expect(terminal.out()).toContain(`going on after iteration ${lossHistory.length} `);
  });

  it('ends at once at the second Ctrl-C', async () => {
    let send: (signal: NodeJS.Signals) => void = () => undefined;
    const first = once('epoch 1:', () => send('SIGINT'));
    const second = once('stopping:', () => send('SIGINT'));
    const ended = await start(endless(join(tiny.folder, 'second')), (text, kill) => {
      send = kill;
      first(text);
      second(text);
    });
    expect([ended.code, ended.signal]).toEqual([null, 'SIGINT']);
    expect(ended.out).not.toContain('report:');
  });

  it('leaves a whole checkpoint when it is killed', async () => {
    const out = join(tiny.folder, 'killed');
    let send: (signal: NodeJS.Signals) => void = () => undefined;
    const kill = once('epoch 3:', () => setTimeout(() => send('SIGKILL'), 5));
    const ended = await start(endless(out), (text, sender) => {
      send = sender;
      kill(text);
    });
    expect(ended.signal).toBe('SIGKILL');
    const terminal = recording({ onWrite: (text) => text.startsWith('epoch') && terminal.interrupt() });
    expect([await main(['train', '--resume', '--out', out], terminal), terminal.err()]).toEqual([130, '']);
    const [, iteration] = /going on after iteration (\d+)/.exec(terminal.out()) ?? [];
    expect(Number(iteration)).toBeGreaterThanOrEqual(12);
  });

  it('reports errors on standard error with code 1', async () => {
    const ended = await start(
      ['train', '--data', join(tiny.folder, 'missing'), '--out', join(tiny.folder, 'none')],
      () => undefined,
    );
    expect([ended.code, ended.out]).toEqual([1, '']);
    expect(ended.err).toMatch(/^tilegrad: .*missing: no such file or folder \(ENOENT\)\n$/);
  });
});
