/** Trials in parallel: each in a process of its own, so that one that crashes takes no other with it. */

import { fork } from 'node:child_process';

export interface Ended {
  readonly code: number | null;
  /** the signal that ended it from outside, or by which it crashed */
  readonly signal: string | null;
  /** the last words on its standard error */
  readonly words: string;
}

/** Characters of a process's standard error that are kept. */
const mostWords = 2000;

/**
 * Starts program with argv as a child that is told to stop, over the channel that a fork has, when the signal comes or
 * this process dies: it then saves and ends by itself.
 */
export function runChild(program: string, argv: readonly string[], signal: AbortSignal): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = fork(program, argv, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let words = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-mostWords);
    });
    const stop = (): void => {
      if (child.connected) child.disconnect();
    };
    signal.addEventListener('abort', stop, { once: true });
    child.on('error', reject);
    child.on('close', (code, killedBy) => {
      signal.removeEventListener('abort', stop);
      resolve({ code, signal: killedBy, words: words.trim() });
    });
    if (signal.aborted) stop();
  });
}

/** Runs work for each item, so many at a time, until it says stop; an error ends it after those under way. */
export async function inParallel<T>(
  items: readonly T[], width: number, work: (item: T) => Promise<'go on' | 'stop'>,
): Promise<void> {
  const queue = [...items];
  const failures: unknown[] = [];
  await Promise.all(Array.from({ length: Math.min(width, queue.length) }, async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      try {
        if (await work(item) === 'stop') queue.length = 0;
      } catch (error) {
        failures.push(error);
        queue.length = 0;
      }
    }
  }));
  if (failures.length > 0) throw failures[0];
}
