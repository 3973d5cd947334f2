/** The program as a process of its own: signals, pipes and kills. */

import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/node/commands/program.ts';
import { bundledProgram } from './bundled.ts';
import { recording } from './terminal.ts';
import { tinyCifar } from './tiny-cifar.ts';

let tiny: Awaited<ReturnType<typeof tinyCifar>>;
let program: string;
beforeAll(async () => {
  tiny = await tinyCifar(10, 3000);
  program = await bundledProgram(tiny.folder);
});
afterAll(() => tiny.remove());

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/**
 * Starts `tilegrad ...argv`; onOutput sees all that was written so far and may send signals. With leave, nobody reads
 * on after the first piece.
 */
function start(
  argv: string[], onOutput: (out: string, kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
  stdio: [stdout: 'pipe' | number, stderr: 'pipe' | number] = ['pipe', 'pipe'], leave: boolean = false,
  flags: readonly string[] = [],
): Promise<Ended> {
  const child = spawn(process.execPath, [...flags, program, ...argv], { stdio: ['ignore', ...stdio] });
  let [out, err] = ['', ''];
  child.stdout?.on('data', (bytes: Buffer) => {
    out += bytes.toString();
    if (leave) child.stdout?.destroy();
    onOutput(out, (signal) => child.kill(signal));
  });
  child.stderr?.on('data', (bytes: Buffer) => {
    err += bytes.toString();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, out, err }));
  });
}

const train = (out: string, epochs: number): string[] => [
  'train', '--data', tiny.data, '--model', 'fc', '--hidden', '20', '--batch', '10', '--num-train', '40',
  '--num-val', '10', '--epochs', String(epochs), '--out', out,
];

const endless = (out: string): string[] => train(out, 100_000);

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
      'log.jsonl',
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

  it('saves when the terminal is closed, and exits with 129', async () => {
    const out = join(tiny.folder, 'hung-up');
    let send: (signal: NodeJS.Signals) => void = () => undefined;
    const hangUp = once('epoch 1:', () => send('SIGHUP'));
    const ended = await start([...endless(out), '--num-test', '10'], (text, kill) => {
      send = kill;
      hangUp(text);
    });
    expect([ended.code, ended.signal, ended.err]).toEqual([129, null, '']);
    expect(await readdir(out)).toHaveLength(6);
  });

  it.skipIf(!existsSync('/dev/full'))('trains on and writes its files where its output cannot be written', async () => {
    const full = openSync('/dev/full', 'w');
    const [stdout, both, pipe, info] = await Promise.all([
      start([...train(join(tiny.folder, 'full-1'), 3), '--num-test', '10'], undefined, [full, 'pipe']),
      start([...train(join(tiny.folder, 'full-2'), 3), '--num-test', '10'], undefined, [full, full]),
      start([...train(join(tiny.folder, 'full-3'), 3), '--num-test', '10'], undefined, ['pipe', 'pipe'], true),
      start(['info'], undefined, [full, 'pipe']),
    ]);
    closeSync(full);
    const why = 'tilegrad: cannot write to standard output: no space left on the disk (ENOSPC)\n';
    expect([stdout.code, stdout.err]).toEqual([0, why]);
    expect([both.code, pipe.code, pipe.err]).toEqual([0, 0, '']);
    for (const i of [1, 2, 3]) expect(await readdir(join(tiny.folder, `full-${i}`))).toHaveLength(6);
    // here the output is all there is
    expect([info.code, info.err]).toEqual([1, why]);
  });

  it('computes in the forms that are asked for, and says which it has not got', async () => {
    const argv = [...train(join(tiny.folder, 'forms'), 1), '--wide-simd', '--relaxed-simd'];
    const ended = await start(argv);
    expect([ended.code, ended.err]).toEqual([0, '']);
    const [, wide, relaxed] = /backend simd on \d+ threads?(, wide)?(, relaxed)?$/m.exec(ended.out)!;
    expect(/^note: wide SIMD is asked for, but /m.test(ended.out)).toBe(wide === undefined);
    expect(/^note: relaxed SIMD is asked for, but /m.test(ended.out)).toBe(relaxed === undefined);
    const resumed = await start([...argv.slice(0, 1), '--resume', '--out', join(tiny.folder, 'forms'), '--relaxed-simd']);
    expect([resumed.code, resumed.err]).toEqual([0, '']);
  });

  it('tells in info what happened, not what was intended: threads that may not start', async () => {
    const permission = Number(process.versions.node.split('.')[0]) < 24 ? '--experimental-permission' : '--permission';
    const flags = [permission, '--allow-fs-read=*', '--no-warnings'];
    const ended = await start(['info'], undefined, ['pipe', 'pipe'], false, flags);
    expect([ended.code, ended.err]).toEqual([0, '']);
    expect(ended.out).toMatch(/^threads +1$/m);
    expect(ended.out).toMatch(/^note: .*(thread|worker)/m);
  });

  it('reports errors on standard error with code 1', async () => {
    const ended = await start(
      ['train', '--data', join(tiny.folder, 'missing'), '--out', join(tiny.folder, 'none')],
    );
    expect([ended.code, ended.out]).toEqual([1, '']);
    expect(ended.err).toMatch(/^tilegrad: .*missing: no such file or folder \(ENOENT\)\n$/);
  });
});
