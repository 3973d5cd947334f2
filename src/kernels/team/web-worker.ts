/** The script of a web worker: one message in, and one out when its long task is over. */

import type { WorkerTask } from './crew.ts';
import type { WebWorkerAnswer } from './web-workers.ts';
import { join } from './worker.ts';

self.onmessage = ({ data }: MessageEvent<WorkerTask>): void => {
  let answer: WebWorkerAnswer = { error: null };
  try {
    join(data);
  } catch (error) {
    answer = { error: String(error) };
  }
  self.postMessage(answer);
};
