/** A Slurm cluster of one node on this machine: controller and daemon with a configuration and state of their own. */

import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { hostname, availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits until look gives something; throws after so many seconds. */
export async function until<T>(what: string, seconds: number, look: () => Promise<T | null>): Promise<T> {
  for (const end = Date.now() + 1000 * seconds; Date.now() < end; await pause(250)) {
    const found = await look().catch(() => null);
    if (found !== null) return found;
  }
  throw new Error(`waited ${seconds} seconds in vain for ${what}`);
}

export class Cluster {
  readonly #folder: string;
  readonly #running: Map<string, ChildProcess> = new Map();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(folder: string): Promise<Cluster> {
    const cluster = new Cluster(folder);
    for (const name of ['state', 'spool']) await mkdir(join(folder, name), { recursive: true });
    const [control, node] = [await freePort(), await freePort()];
    await writeFile(join(folder, 'slurm.conf'), [
      'ClusterName=tilegrad', `SlurmctldHost=${hostname()}(127.0.0.1)`, `SlurmctldPort=${control}`,
      // nothing but this machine's root talks to it, and a killed node is to be missed soon
      'AuthType=auth/none', 'CredType=cred/none', 'AuthInfo=cred_expire=5', 'SlurmUser=root', 'SlurmdUser=root',
      `StateSaveLocation=${join(folder, 'state')}`, `SlurmdSpoolDir=${join(folder, 'spool')}`,
      `SlurmctldPidFile=${join(folder, 'slurmctld.pid')}`, `SlurmdPidFile=${join(folder, 'slurmd.pid')}`,
      `SlurmctldLogFile=${join(folder, 'slurmctld.log')}`, `SlurmdLogFile=${join(folder, 'slurmd.log')}`,
      'ProctrackType=proctrack/linuxproc', 'TaskPlugin=task/none', 'MpiDefault=none', 'SwitchType=switch/none',
      'JobAcctGatherType=jobacct_gather/none', 'AccountingStorageType=accounting_storage/none',
      'SelectType=select/cons_tres', 'SelectTypeParameters=CR_Core', 'SchedulerType=sched/builtin',
      'ReturnToService=2', 'JobRequeue=1', 'SlurmdTimeout=10', 'InactiveLimit=0', 'KillWait=5', 'MinJobAge=600',
      `NodeName=one NodeHostname=${hostname()} NodeAddr=127.0.0.1 Port=${node} CPUs=${availableParallelism()}`,
      'PartitionName=all Nodes=one Default=YES MaxTime=INFINITE State=UP', '',
    ].join('\n'));
    cluster.#spawn('slurmctld', ['-D', '-c']);
    await until('the controller', 30, async () => (await cluster.call('sinfo', ['-h']), true));
    await cluster.startNode();
    return cluster;
  }

  #spawn(name: string, argv: string[]): void {
    const child = spawn(name, [...argv, '-f', join(this.#folder, 'slurm.conf')], { env: this.#env(), stdio: 'ignore' });
    child.on('error', () => undefined);
    this.#running.set(name, child);
  }

  #env(): NodeJS.ProcessEnv {
    return { ...process.env, SLURM_CONF: join(this.#folder, 'slurm.conf') };
  }

  /** The output of one of Slurm's commands. */
  async call(command: string, argv: string[], env: Record<string, string> = {}): Promise<string> {
    return (await execute(command, argv, { env: { ...this.#env(), ...env }, timeout: 20_000 })).stdout.trim();
  }

  async startNode(): Promise<void> {
    this.#spawn('slurmd', ['-D', '-N', 'one']);
    await until('the node', 60, async () => (/idle|mix|alloc/.test(await this.call('sinfo', ['-h', '-o', '%t'])) ? true : null));
  }

  /** As if the node's power failed: daemon, step daemons and all that they started are gone at once. */
  async killNode(): Promise<void> {
    const daemon = this.#running.get('slurmd')!;
    // step daemons leave their parent's family, so they are known by the spool folder that only this cluster has
    const roots = new Set([daemon.pid!, ...await this.#stepDaemons()]);
    for (const pid of [...roots, ...await descendants(roots)]) kill(pid);
    await pause(200);
  }

  async #stepDaemons(): Promise<number[]> {
    const pids: number[] = [];
    for (const name of (await readdir('/proc')).filter((each) => /^\d+$/.test(each))) {
      const comm = await readFile(`/proc/${name}/comm`, 'utf8').catch(() => '');
      const environ = comm.trim() === 'slurmstepd' ? await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '') : '';
      if (environ.includes(this.#folder)) pids.push(Number(name));
    }
    return pids;
  }

  /** Ends the jobs, the node and the controller. */
  async stop(): Promise<void> {
    await this.call('scancel', ['--partition=all', '--full', '--signal=KILL']).catch(() => undefined);
    await this.call('scancel', ['--partition=all']).catch(() => undefined);
    if (this.#running.has('slurmd')) await this.killNode();
    for (const child of this.#running.values()) if (child.pid !== undefined && child.exitCode === null) kill(child.pid);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended
  }
}

async function descendants(roots: ReadonlySet<number>): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const name of (await readdir('/proc')).filter((each) => /^\d+$/.test(each))) {
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const isBelow = (pid: number | undefined): boolean =>
    pid !== undefined && pid > 1 && (roots.has(pid) || isBelow(parents.get(pid)));
  return [...parents.keys()].filter((pid) => !roots.has(pid) && isBelow(parents.get(pid)));
}
