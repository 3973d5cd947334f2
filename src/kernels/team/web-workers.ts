/** Threads in browsers: web workers, whose script is part of the bundle. They need a cross-origin isolated page. */

import type { Crew, WorkerTask } from './crew.ts';
import { webWorkerScript } from './embedded.ts';

/** What web-worker.ts answers when its task is over. */
export interface WebWorkerAnswer {
  /** what a kernel trapped with; null when the worker has left of its own accord */
  readonly error: string | null;
}

/** Makes ready to start threads; each starts with its task, so their number does not matter here. */
export function startWebCrew(): Crew {
  if (webWorkerScript === '') throw new Error('browsers run the built package, not its sources');
  const workers = new Set<Worker>();
  const url = URL.createObjectURL(new Blob([webWorkerScript], { type: 'text/javascript' }));

  function run(task: WorkerTask, signal: AbortSignal): Promise<void> {
    const worker = new Worker(url, { name: 'tilegrad' });
    workers.add(worker);
    return new Promise<void>((resolve, reject) => {
      const end = (error: unknown): void => {
        worker.terminate();
        workers.delete(worker);
        if (error === null) resolve();
        else reject(error);
      };
      signal.addEventListener('abort', () => end(signal.reason), { once: true });
      // a script that is not loaded, as a policy forbids it, has no message
      worker.onerror = ({ message }) => end(new Error(message ?? "the page's Content-Security-Policy may lack " +
      'worker-src blob:, which they need'));
      worker.onmessage = ({ data }: MessageEvent<WebWorkerAnswer>) => {
        end(data.error === null ? null : new Error(data.error));
      };
      worker.postMessage(task);
    });
  }

  async function destroy(): Promise<void> {
    for (const worker of workers) worker.terminate();
    workers.clear();
    URL.revokeObjectURL(url);
  }

  return { run, hasEnded: () => null, destroy };
}
