/**
 * `npm run test:slurm`: the trials of a search as an array of jobs of a real Slurm, on this machine: one node, which
 * is killed while a trial runs. The table must be the one of the same search without Slurm, bit for bit.
 */

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bundledProgram } from '../cli/bundled.ts';
import { tinyCifar } from '../cli/tiny-cifar.ts';
import { Cluster, until } from './cluster.ts';

const execute = promisify(execFile);
const script = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'deploy', 'slurm.sbatch');
/** Seconds for everything; a trial of this size takes some seconds. */
const limit = 420;
const trials = 4;

async function missing(): Promise<string | null> {
  if (process.getuid?.() !== 0) return "Slurm's daemons need root: run it as root, in a container for instance";
  for (const program of ['slurmctld', 'slurmd', 'sbatch']) {
    if (await execute('which', [program]).catch(() => null) === null) {
      return `there is no ${program}: on Debian and Ubuntu \`apt-get install slurm-wlm\` installs Slurm (nothing needs to be ` +
        'set up, its services may stay off), then run this again';
    }
  }
  return null;
}

async function main(): Promise<void> {
  const reason = await missing();
  if (reason !== null) throw new Error(reason);
  const say = (text: string): void => console.log(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${text}`);
  const folder = await mkdtemp(join(tmpdir(), 'tilegrad-slurm-'));
  const tiny = await tinyCifar(10, 20);
  let cluster: Cluster | null = null;
  try {
    const program = await bundledProgram(folder);
    const tilegrad = async (...argv: string[]): Promise<string> =>
      (await execute(process.execPath, [program, ...argv], { timeout: 1000 * limit })).stdout;
    const space = join(folder, 'space.json');
    await writeFile(space, JSON.stringify({
      base: { data: tiny.data, model: 'fc', epochs: 400, batch: 10, 'num-train': 40, 'num-val': 10, 'num-test': 10 },
      space: { lr: { log: [1e-5, 1e-2] }, hidden: { choices: [[8], [10, 6]] } },
    }));
    const [local, slurm] = [join(folder, 'local'), join(folder, 'slurm')];
    await tilegrad('search', space, '--out', local, '--trials', String(trials));
    say(`the search on this machine: ${trials} trials`);
    await tilegrad('search', 'plan', space, '--out', slurm, '--trials', String(trials));

    cluster = await Cluster.start(join(folder, 'cluster'));
    const running = cluster;
    say(`Slurm is up: ${await running.call('sinfo', ['--version'])}`);
    const submit = ['--parsable', `--array=0-${trials - 1}`, `--output=${folder}/job-%a.log`, script, slurm];
    const job = await running.call('sbatch', submit, { TILEGRAD: `${process.execPath} ${program}` });
    const results = async (): Promise<string[]> =>
      (await readdir(join(slurm, 'results')).catch(() => [])).filter((name) => /^\d+\.json$/.test(name));
    // mid-trial: one has a checkpoint to go on from, and no result
    const victim = await until('a trial under way', 120, async () => {
      for (let index = 0; index < trials; index++) {
        const name = String(index).padStart(4, '0');
        if ((await results()).includes(`${name}.json`)) continue;
        const log = await readFile(join(slurm, 'trials', name, 'log.jsonl'), 'utf8').catch(() => '');
        if (log.split('\n').length > 20) return index;
      }
      return null;
    });
    const before = await Promise.all((await results()).map(async (name) => [name, (await stat(join(slurm, 'results', name))).mtimeMs] as const));
    await running.killNode();
    say(`killed the node during trial ${victim}; ${before.length} trials had ended`);
    await until('Slurm to miss the node', 90, async () =>
      (/down/.test(await running.call('sinfo', ['-h', '-o', '%t'])) ? true : null));
    await running.startNode();
    say('the node was missed, and is up again');
    await until('all trials', limit, async () => ((await results()).length === trials ? true : null));
    await until('the end of the jobs', 60, async () => (await running.call('squeue', ['-h']) === '' ? true : null));
    const jobs = await running.call('scontrol', ['show', 'job', job]);
    const restarts = [...jobs.matchAll(/Restarts=(\d+)/g)].filter(([, count]) => Number(count) > 0).length;
    if (restarts === 0) throw new Error('no job was requeued');
    const resumed = await readFile(join(folder, `job-${victim}.log`), 'utf8');
    if (!resumed.includes('going on after iteration')) throw new Error(`trial ${victim} did not go on from its checkpoint:\n${resumed}`);
    for (const [name, time] of before) {
      if ((await stat(join(slurm, 'results', name))).mtimeMs !== time) throw new Error(`${name} was written again`);
    }
    await tilegrad('search', 'collect', '--out', slurm);
    const [expected, table] = await Promise.all([local, slurm].map((each) => readFile(join(each, 'results.json'), 'utf8')));
    if (table !== expected) throw new Error(`the tables differ:\n${expected}\n${table}`);
    say(`${restarts} of ${trials} jobs requeued; trial ${victim} went on from its checkpoint; the table is the same, bit for bit`);
  } catch (error) {
    for (const name of ['slurmctld.log', 'slurmd.log']) {
      const log = await readFile(join(folder, 'cluster', name), 'utf8').catch(() => '');
      if (log !== '') console.error(`${name}:\n${log.split('\n').slice(-25).join('\n')}`);
    }
    throw error;
  } finally {
    await cluster?.stop();
    await tiny.remove();
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

try {
  await main();
} catch (error) {
  console.error(`test:slurm: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
