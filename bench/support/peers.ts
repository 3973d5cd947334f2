/**
 * Other libraries, measured by their own scripts in child processes while this process sleeps, between rounds of ours,
 * so that both sides of a ratio meet the same machine in the same minutes.
 *
 * A peers folder holds py.sh, bench_torch.py (PyTorch) and node/bench_ort.mjs (ONNX Runtime, web and native), each
 * installed beside its script. They print one JSON object a line.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ArgumentError } from './arguments.ts';

/** One line of a peer's output. */
export interface PeerRow {
  readonly system: string;
  readonly version: string;
  readonly threads: number;
  /** workload: W1 products, W2 and W3 convolutions, W4 pooling, W5 training steps, INF inference */
  readonly w: string;
  readonly case: string;
  readonly op?: string;
  readonly batch?: number;
  readonly median_ms: number;
  readonly min_ms: number;
  readonly n: number;
}

/** PyTorch as it comes and tuned as far as it goes, ONNX Runtime Web and native. */
export type PeerName = 'torch' | 'tuned' | 'ort' | 'ortNative';

/** What tables call a peer. */
export const peerTitles: Readonly<Record<PeerName, string>> = {
  torch: 'PyTorch', tuned: 'PyTorch tuned', ort: 'ONNX Runtime Web', ortNative: 'ONNX Runtime native',
};

/** Scripts of ours for what the peers' folder has none for, found beside this folder. */
const ownScripts = fileURLToPath(new URL('../peers/', import.meta.url));

/** Keeps large blocks in the process instead of giving each back to the system: malloc's part of tuning PyTorch. */
const keepBlocks = {
  MALLOC_MMAP_THRESHOLD_: String(2 ** 30), MALLOC_TRIM_THRESHOLD_: String(2 ** 32), MALLOC_TOP_PAD_: String(2 ** 27),
};

export class Peers {
  readonly #folder: string;
  readonly #absent: Set<PeerName> = new Set();

  /** Throws ArgumentError when there is no such folder. */
  constructor(folder: string) {
    this.#folder = resolve(folder);
    if (!existsSync(this.#folder)) throw new ArgumentError(`bench: --peers names a folder that is not there: ${folder}`);
  }

  /** Runs PyTorch's script; an empty list, and a line on the console, where it is not installed or fails. */
  torch(workloads: readonly string[], threads: number, nets: readonly string[] = []): PeerRow[] {
    return this.#torch('torch', 'bench_torch.py', threads, ['--w', workloads.join(), ...netOptions(nets)]);
  }

  /**
   * A training step of a network by PyTorch as it comes ('torch') or with channels in the innermost axis and an
   * allocator that keeps its blocks ('tuned').
   */
  trainingStep(peer: 'torch' | 'tuned', network: string, threads: number): PeerRow[] {
    if (network === 'resnet20') return this.#torch(peer, join(ownScripts, 'torch-resnet20.py'), threads, []);
    return this.#torch(peer, 'bench_torch.py', threads, ['--w', 'W5', ...netOptions([network])]);
  }

  #torch(peer: 'torch' | 'tuned', script: string, threads: number, options: readonly string[]): PeerRow[] {
    const all = [String(threads), script, '--threads', String(threads), ...options];
    if (peer === 'tuned') return this.#run(peer, './py.sh', [...all, '--channels-last'], '.', keepBlocks);
    return this.#run(peer, './py.sh', all, '.');
  }

  /** Runs ONNX Runtime's script, in this runtime: with the package for the web or the native one. */
  ort(workloads: readonly string[], threads: number, peer: 'ort' | 'ortNative' = 'ort'): PeerRow[] {
    const kind = peer === 'ort' ? 'web' : 'node';
    const options = ['bench_ort.mjs', '--rt', kind, '--threads', String(threads), '--w', workloads.join()];
    return this.#run(peer, process.execPath, options, 'node');
  }

  #run(
    peer: PeerName, command: string, args: readonly string[], folder: string, environment: Record<string, string> = {},
  ): PeerRow[] {
    if (this.#absent.has(peer)) return [];
    const { status, stdout, stderr, error } = spawnSync(command, args, {
      cwd: join(this.#folder, folder), encoding: 'utf8', timeout: 300_000, stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PYTHONPATH: this.#folder, ...environment },
    });
    const lines = (stdout ?? '').split('\n').filter((line) => line.startsWith('{'));
    const usable = lines.map((line) => JSON.parse(line) as PeerRow).filter((row) => Number.isFinite(row.median_ms));
    if (status === 0 && usable.length > 0) return usable;
    this.#absent.add(peer);
    const said = (stderr ?? '').trim().split('\n').at(-1);
    console.log(`${peerTitles[peer]} is left out: ${error?.message ?? (said || `its script ended with ${status}`)}`);
    return [];
  }
}

function netOptions(nets: readonly string[]): string[] {
  return nets.length === 0 ? [] : ['--nets', nets.join()];
}

/** Collects a peer's medians over the rounds, by what was measured. */
export class PeerMedians {
  readonly #rounds: Map<string, number[]> = new Map();

  add(peer: PeerName, rows: readonly PeerRow[]): void {
    for (const row of rows) {
      const key = keyOf(peer, row.threads, row.case, row.op, row.batch);
      this.#rounds.set(key, [...(this.#rounds.get(key) ?? []), row.median_ms]);
    }
  }

  /** The median of each round, in milliseconds; empty when there is none. */
  rounds(peer: PeerName, threads: number, name: string, operation?: string, batch?: number): readonly number[] {
    return this.#rounds.get(keyOf(peer, threads, name, operation, batch)) ?? [];
  }
}

function keyOf(
  peer: PeerName, threads: number, name: string, operation: string | undefined, batch: number | undefined,
): string {
  return [peer, threads, name, operation ?? '', batch ?? ''].join(' ');
}
