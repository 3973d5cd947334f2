/**
 * Two ways of timing, both medians of many calls after a warm-up.
 *
 * Kernels are timed by tinybench. Training steps and inference are timed by `medianOfMany`, which repeats the method of
 * the peers' own scripts, so that both sides of a ratio are found alike, and which lets the event loop turn between
 * calls (outside the clock), as Solver.train does: worker threads report, and memory is given back, where they would
 * be.
 */

import { Bench } from 'tinybench';

/** Milliseconds a call. */
export interface Timing {
  readonly median: number;
  readonly min: number;
  /** calls that were timed */
  readonly n: number;
}

export interface ManyOptions {
  /** calls and milliseconds to warm up with, at least */
  readonly warmCalls?: number;
  readonly warmMilliseconds?: number;
  /** calls and milliseconds to time, at least */
  readonly calls?: number;
  readonly milliseconds?: number;
  /** milliseconds after which no call is begun, neither to warm up nor to time, except the first */
  readonly most?: number;
}

/** The middle of some numbers; of an even count, halfway between the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The value below which this share of the numbers lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** Lets the event loop turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** How long calls go on before the event loop gets its turn. */
const longestStretch = 100;

/** Times a synchronous call. */
export async function medianOfMany(call: () => unknown, options: ManyOptions = {}): Promise<Timing> {
  const { warmCalls = 3, warmMilliseconds = 300, calls = 10, milliseconds = 1000, most = 15_000 } = options;
  const times: number[] = [];
  const pass = async (leastCalls: number, least: number, longest: number, keep: boolean): Promise<void> => {
    const began = performance.now();
    let lastTurn = began;
    for (let n = 0; ; n++) {
      const now = performance.now();
      if (n >= leastCalls && now - began >= least) return;
      if (n > 0 && now - began > longest) return;
      if (now - lastTurn > longestStretch) {
        await turn();
        lastTurn = performance.now();
      }
      const start = performance.now();
      call();
      if (keep) times.push(performance.now() - start);
    }
  };
  await pass(warmCalls, warmMilliseconds, most / 2, false);
  await pass(calls, milliseconds, most, true);
  return { median: median(times), min: Math.min(...times), n: times.length };
}

/** A call that takes longer than this is timed a few times only. */
const longCall = 300;

/** Times a synchronous call with tinybench, for about so many milliseconds. */
export function timeKernel(call: () => unknown, milliseconds: number): Timing {
  const start = performance.now();
  call();
  const long = performance.now() - start > longCall;
  const bench = new Bench(long
    ? { time: 0, iterations: 2, warmup: false, throws: true }
    : { time: milliseconds, iterations: 5, warmupTime: milliseconds / 4, warmupIterations: 2, throws: true });
  // What the call gives goes somewhere that the engine cannot see through, so that it leaves no work out.
  let sink: unknown;
  bench.add('call', () => {
    sink = call();
  });
  bench.runSync();
  const result = bench.getTask('call')?.result;
  if (result?.state !== 'completed') {
    throw new Error(`bench: timing ended as ${result?.state ?? 'nothing'} (${String(sink)})`);
  }
  return { median: result.latency.p50, min: result.latency.min, n: result.latency.samplesCount };
}

/** The median of the medians of several rounds, the least of their minima, and the calls of all. */
export function acrossRounds(rounds: readonly Timing[]): Timing {
  return {
    median: median(rounds.map((round) => round.median)),
    min: Math.min(...rounds.map((round) => round.min)),
    n: rounds.reduce((sum, round) => sum + round.n, 0),
  };
}
