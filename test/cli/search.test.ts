import { spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/node/commands/program.ts';
import { bundledProgram } from './bundled.ts';
import { recording } from './terminal.ts';
import { tinyCifar } from './tiny-cifar.ts';

let tiny: Awaited<ReturnType<typeof tinyCifar>>;
let program: string;
let base: Record<string, unknown>;
beforeAll(async () => {
  tiny = await tinyCifar(10, 20);
  program = await bundledProgram(tiny.folder);
  base = { data: tiny.data, model: 'fc', epochs: 2, batch: 10, 'num-train': 40, 'num-val': 10, 'num-test': 10 };
});
afterAll(() => tiny.remove());

const folder = (name: string): string => join(tiny.folder, name);
const lr = { log: [1e-4, 1e-2] };
const hidden = { choices: [[8], [10, 6]] };

async function spaceFile(name: string, space: unknown, changed: Record<string, unknown> = {}): Promise<string> {
  const path = folder(`${name}.json`);
  await writeFile(path, JSON.stringify({ base: { ...base, ...changed }, space }));
  return path;
}

interface Said { code: number; out: string; err: string }

async function run(argv: string[], env: Record<string, string> = {}): Promise<Said> {
  const surroundings = recording({ program, env });
  const code = await main(['search', ...argv], surroundings);
  return { code, out: surroundings.out(), err: surroundings.err() };
}

/** Runs a search as jobs, in this process: much faster than processes of their own. */
async function jobs(
  space: string, out: string, argv: string[], env: (index: number) => Record<string, string>,
): Promise<Said> {
  for (;;) {
    const plan = await run(['plan', space, '--out', out, ...argv]);
    if (plan.code !== 0) return plan;
    const [, ranges] = /to run: --index ([\d,-]+)\n/.exec(plan.out) ?? [];
    if (ranges === undefined) return run(['collect', '--out', out]);
    for (const range of ranges.split(',')) {
      const [from, to = from] = range.split('-').map(Number);
      for (let index = from; index <= to; index++) {
        expect((await run(['run', '--out', out], env(index))).code).toBe(0);
      }
    }
  }
}
const slurm = (index: number): Record<string, string> => ({ SLURM_ARRAY_TASK_ID: String(index) });
const kubernetes = (index: number): Record<string, string> => ({ JOB_COMPLETION_INDEX: String(index) });

interface Row {
  index: number; round: number; status: string; valAccuracy: number | null; settings: Record<string, number>;
}

const text = (...path: string[]): Promise<string> => readFile(join(...path), 'utf8');
const tableOf = async (out: string): Promise<{ planned: number; trials: Row[] }> =>
  JSON.parse(await text(out, 'results.json')) as { planned: number; trials: Row[] };

describe('tilegrad search', () => {
  it('runs all trials, says a line of each, and leaves table and page; as jobs they come to the same', async () => {
    const [out, asJobs] = [folder('random'), folder('random-jobs')];
    const space = await spaceFile('random', { lr, hidden });
    const { code, out: said, err } = await run([space, '--out', out, '--trials', '3', '--seed', '3']);
    expect([code, err]).toEqual([0, '']);
    const line = /^\d\/3 {2}trial \d {2}validation \d+\.\d% {2}lr [\d.e-]+, hidden [\d,]+ {2}\(/gm;
    expect(said.match(line)).toHaveLength(3);
    const { trials } = await tableOf(out);
    const accuracies = trials.map(({ valAccuracy }) => valAccuracy!);
    expect(accuracies).toEqual([...accuracies].sort((a, b) => b - a));
    expect(said).toContain(`best: trial ${trials[0].index}, validation ${(100 * accuracies[0]).toFixed(1)}%`);
    const history: unknown = JSON.parse(await text(out, 'trials', `000${trials[0].index}`, 'history.json'));
    expect(history).toMatchObject({ valAccuracy: accuracies[0] });
    const page = await text(out, 'results.html');
    expect(page.match(/<path class="trial /g)).toHaveLength(3);
    expect(page).not.toMatch(/(src|href)="http|@import|fetch\(/);
    expect(page.endsWith('</html>\n')).toBe(true);
    await jobs(space, asJobs, ['--trials', '3', '--seed', '3'], kubernetes);
    expect(await text(asJobs, 'results.json')).toBe(await text(out, 'results.json'));
  });

  it('halves: a third of the settings goes on with three times the epochs', async () => {
    const out = folder('halving');
    const space = await spaceFile('halving', { lr }, { epochs: 3 });
    expect((await jobs(space, out, ['--trials', '3', '--method', 'halving'], slurm)).code).toBe(0);
    const { trials } = await tableOf(out);
    const of = (round: number): Row[] => trials.filter((row) => row.round === round);
    expect([0, 1, 2].map((round) => of(round).map(({ settings }) => settings.epochs))).toEqual([[1, 1, 1], [3], []]);
    expect(of(1)[0].settings.lr).toBe(of(0)[0].settings.lr);
  });

  it('records trials that diverge, fail or crash, and goes on', async () => {
    const out = folder('bad-trials');
    const axes = { lr: { choices: [1e-3, 1e308] }, 'num-train': { choices: [40, 4000] } };
    const space = await spaceFile('bad-trials', axes, { 'num-train': undefined });
    const { code } = await jobs(space, out, ['--method', 'grid'], slurm);
    expect(code).toBe(0);
    const { trials } = await tableOf(out);
    expect(trials.map(({ index, status }) => [index, status])).toEqual(
      [[0, 'done'], [1, 'failed'], [2, 'diverged'], [3, 'failed']],
    );
    expect(await text(out, 'results', '0002.json')).toMatch(/"diverged","message":".* became /);
    expect(await text(out, 'results', '0001.json')).toMatch(/"failed","message":".*numTraining 4000/);
  });

  it.skipIf(process.platform === 'win32')('records a trial whose process is killed', async () => {
    const out = folder('crash');
    const space = await spaceFile('crash', { lr: { choices: [1e-3] } }, { epochs: 1_000_000 });
    const ending = run([space, '--out', out, '--method', 'grid']);
    const lock = join(out, 'trials', '0000', '.tilegrad-run.lock');
    const { pid } = JSON.parse(await eventually(() => text(lock))) as { pid: number };
    process.kill(pid, 'SIGKILL');
    const { code, out: said } = await ending;
    expect(said).toContain('trial 0  failed: its process was ended by SIGKILL');
    expect(code).toBe(1);
  });

  it.skipIf(process.platform === 'win32')('killed and begun again it repeats no finished trial and ends the same', async () => {
    const [whole, parts] = [folder('whole'), folder('parts')];
    const space = await spaceFile('killed', { lr, hidden }, { epochs: 20 });
    const argv = ['--trials', '3'];
    await jobs(space, whole, argv, slurm);
    const child = spawn(process.execPath, [program, 'search', space, '--out', parts, ...argv, '--parallel', '1'], { stdio: 'ignore' });
    const closed = new Promise((resolve) => child.on('close', resolve));
    await eventually(() => text(parts, 'results', '0000.json'));
    child.kill('SIGKILL');
    await closed;
    const before = await Promise.all((await readdir(join(parts, 'results'))).filter((name) => name.endsWith('.json'))
      .map(async (name) => [name, (await stat(join(parts, 'results', name))).mtimeMs] as const));
    expect(before.length).toBeLessThan(3);
    const { code, out: said } = await run([space, '--out', parts, ...argv, '--parallel', '1']);
    expect(code).toBe(0);
    expect(said).toContain(' of 3 trials have ended');
    for (const [name, time] of before) expect((await stat(join(parts, 'results', name))).mtimeMs).toBe(time);
    expect(await text(parts, 'results.json')).toBe(await text(whole, 'results.json'));
  });

  it('says which trials are missing, and leaves those that have ended', async () => {
    const out = folder('missing');
    const space = await spaceFile('missing', { lr });
    const plan = await run(['plan', space, '--out', out, '--trials', '3']);
    expect(plan.out).toBe(`3 trials in ${join(out, 'trials.jsonl')}; to run: --index 0-2\n`);
    expect((await run(['run', '--out', out, '--index', '1'])).code).toBe(0);
    expect((await run(['run', '--out', out, '--index', '1'])).out).toBe('trial 1 has ended before: done\n');
    expect((await run(['collect', '--out', out])).out).toContain('2 of 3 trials have no result: 0,2\n');
  });

  it('names settings of a trial that its space does not have, or not so', async () => {
    const out = folder('altered');
    expect((await run(['plan', await spaceFile('altered', { lr }), '--out', out, '--trials', '2'])).code).toBe(0);
    const trials = await text(out, 'trials.jsonl');
    for (const [settings, message] of [
      ['{"lr":null}', /line 2: the setting "lr" must be a number/], ['{"lr":{"a":1}}', /line 2: the setting "lr" must be/],
      ['{"help":"x"}', /line 2: "help" is no setting that is searched/],
    ] as const) {
      await writeFile(join(out, 'trials.jsonl'), trials.replace(/("index":1.*"settings":)\{[^}]*\}/, `$1${settings}`));
      const { code, err } = await run(['run', '--out', out, '--index', '1']);
      expect([code, err]).toEqual([1, expect.stringMatching(message)]);
    }
    // a plan that was cut off in the middle of a line says how to go on, and that way leads there
    await writeFile(join(out, 'trials.jsonl'), trials.slice(0, -20));
    const cut = await run(['run', '--out', out, '--index', '1']);
    const advice = /line 2.*Without .*trials\.jsonl the same search plans its trials anew/;
    expect([cut.code, cut.err]).toEqual([1, expect.stringMatching(advice)]);
    await rm(join(out, 'trials.jsonl'));
    expect((await run(['plan', await spaceFile('altered', { lr }), '--out', out, '--trials', '2'])).code).toBe(0);
    expect(await text(out, 'trials.jsonl')).toBe(trials);
  });

  it('names damaged and foreign results, leaves them alone, and uses the others', async () => {
    const [out, other] = [folder('damaged'), folder('foreign')];
    const space = await spaceFile('damaged', { lr });
    await jobs(space, out, ['--trials', '4'], slurm);
    await jobs(space, other, ['--trials', '2', '--seed', '1'], slurm);
    const results = join(out, 'results');
    const broken = (await text(results, '0000.json')).slice(0, 50);
    await writeFile(join(results, '0000.json'), broken);
    await cp(join(other, 'results', '0001.json'), join(results, '0001.json'));
    await writeFile(join(results, '0002.json'), (await text(results, '0002.json')).replace(/"valAccuracy":[\d.]+/, '"valAccuracy":7'));
    await writeFile(join(results, 'notes.txt'), 'mine');
    const { code, out: said, err } = await run(['collect', '--out', out]);
    expect(code).toBe(0);
    expect(said).toContain('3 of 4 trials have no result: 0-2');
    expect(err.split('\n')).toEqual([
      expect.stringContaining('skipped trial 0: '), expect.stringMatching(/skipped trial 1: .*is of another search/),
      expect.stringMatching(/skipped trial 2: .*valAccuracy must be .* <= 1, got 7/),
      expect.stringMatching(/skipped .*notes\.txt: it is named like no trial/), '',
    ]);
    expect((await tableOf(out)).trials.map(({ index }) => index)).toEqual([3]);
    expect((await run([space, '--out', out, '--trials', '4'])).out).toContain('skipped trial 0');
    expect(await text(results, '0000.json')).toBe(broken);
    expect((await run(['run', '--out', out, '--index', '0'])).code).toBe(1);
    await rm(join(results, '0000.json'));
    await rm(join(out, 'trials', '0000'), { recursive: true });
    await mkdir(join(out, 'trials', '0000'));
    await writeFile(join(out, 'trials', '0000', 'history.json'), 'another run');
    const refused = await run(['run', '--out', out, '--index', '0']);
    expect(refused.err).toContain('is not the folder of trial 0 of this search');
    expect(await text(out, 'trials', '0000', 'history.json')).toBe('another run');
  });

  it('writes no result where the data are missing, and says so once', async () => {
    const out = folder('no-data');
    const space = await spaceFile('no-data', { lr }, { data: folder('nowhere') });
    const { code, err } = await run([space, '--out', out, '--trials', '2']);
    expect(code).toBe(1);
    expect(err).toMatch(/^tilegrad: trial \d could not be run, the search stops: .*nowhere.*\n$/);
    await cp(tiny.data, folder('nowhere'), { recursive: true });
    expect((await run([space, '--out', out, '--trials', '2'])).code).toBe(0);
    expect((await tableOf(out)).trials.map(({ status }) => status)).toEqual(['done', 'done']);
  });

  it('refuses folders of other searches and runs, and indices that are none', async () => {
    const out = folder('taken');
    const space = await spaceFile('taken', { lr });
    await run(['plan', space, '--out', out, '--trials', '3']);
    const before = await text(out, 'trials.jsonl');
    expect(await run([space, '--out', out, '--trials', '4'])).toMatchObject({ code: 2, err: expect.stringContaining('another search') as string });
    expect(await text(out, 'trials.jsonl')).toBe(before);
    expect(await run(['run', '--out', out, '--index', '3']))
      .toMatchObject({ code: 1, err: expect.stringMatching(/index must be an integer >= 0 and < 3.*got 3/) as string });
    expect(await run(['run', '--out', out])).toMatchObject({ code: 2, err: expect.stringContaining('--index must say') as string });
    expect(await run(['collect', '--out', tiny.data])).toMatchObject({ code: 1, err: expect.stringContaining('holds no search') as string });
    await writeFile(join(out, 'search.json'), (await text(out, 'search.json')).replace('"seed": 0', '"seed": 1'));
    expect(await run(['collect', '--out', out])).toMatchObject({ code: 1, err: expect.stringContaining('was altered') as string });
  });
});

/** What read gives once it gives something. */
async function eventually(read: () => Promise<string>): Promise<string> {
  for (const end = Date.now() + 30_000; ;) {
    const found = await read().catch(() => '');
    if (found !== '' || Date.now() > end) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
