/** Lets other work run during a long computation: a page stays alive, a signal is heard, timers fire. */

/** How long the computation may hold the event loop, in milliseconds: about one picture of a 60 Hz screen. */
const slice = 16;

/** Pauses a computation once its time slice is used up. */
export class Pacer {
  #resumed: number = performance.now();

  /** True when it is time to pause. Asking costs well under a microsecond. */
  get due(): boolean {
    return performance.now() - this.#resumed >= slice;
  }

  /** Lets everything run that waits in the event loop, and starts a new time slice. */
  async pause(): Promise<void> {
    await nextTask();
    this.#resumed = performance.now();
  }
}

/**
 * Settles in a later task of the event loop, without the delay of several milliseconds that setTimeout has in browsers.
 * A promise alone would not do: those settle before anything else runs.
 */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') {
      setImmediate(resolve);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
