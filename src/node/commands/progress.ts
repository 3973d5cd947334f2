/**
 * How far training has come. In a terminal one line is written over and over: a carriage return, the text cut to the
 * terminal's width, and an escape sequence that clears what is left of a longer text before it, all in one write, so
 * that nothing flickers. Elsewhere (a file, a pipe) plain lines come at intervals.
 */

import { longestMessage, printable } from '../../runtime/text.ts';
import type { Output } from './terminal.ts';

/** What the line shows. */
export interface ProgressState {
  /** iterations made */
  readonly iteration: number;
  /** in all; null where time ends the run */
  readonly iterations: number | null;
  /** epochs finished */
  readonly epoch: number;
  readonly numEpochs: number | null;
  readonly loss: number;
  readonly imagesPerSecond: number;
  readonly secondsLeft: number;
  /** accuracy is measured next, which takes a while */
  readonly measuring?: boolean;
}

/** Shortest time between two drawings, in milliseconds. */
const terminalInterval = 80;
const plainInterval = 2000;
const clearToEnd = '\u001b[K';

export class ProgressLine {
  readonly #output: Output;
  readonly #now: () => number;
  #drawnAt: number = -Infinity;
  #visible: boolean = false;

  /** now gives milliseconds */
  constructor(output: Output, now: () => number = () => performance.now()) {
    this.#output = output;
    this.#now = now;
  }

  /** Shows a state, unless the last drawing was a moment ago. */
  update(state: ProgressState): void {
    const standing = state.measuring === true && this.#output.isTTY === true;
    this.show(() => (standing ? `${progressText(state)}  measuring accuracy` : progressText(state)), standing);
  }

  /** The same for any text, which is only made when it is drawn. At once: draw it however soon after the last. */
  show(text: () => string, atOnce: boolean = false): void {
    const now = this.#now();
    const interval = this.#output.isTTY === true ? terminalInterval : plainInterval;
    if (!atOnce && now - this.#drawnAt < interval) return;
    this.#draw(text());
    this.#drawnAt = now;
  }

  /** Writes a line that stays, above the progress line. */
  print(line: string): void {
    const text = printable(line, longestMessage);
    this.#output.write(this.#visible ? `\r${clearToEnd}${text}\n` : `${text}\n`);
    this.#visible = false;
    this.#drawnAt = this.#output.isTTY === true ? -Infinity : this.#drawnAt;
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#visible) this.#output.write(`\r${clearToEnd}`);
    this.#visible = false;
  }

  #draw(text: string): void {
    if (this.#output.isTTY !== true) {
      this.#output.write(`${text}\n`);
      return;
    }
    // One column stays free: writing into the last one makes some terminals wrap.
    const width = Math.max(1, (this.#output.columns || 80) - 1);
    this.#output.write(`\r${text.slice(0, width)}${clearToEnd}`);
    this.#visible = true;
  }
}

/** "iteration 412/980  epoch 1/1  loss 1.8123  1,140 images/s  0:31 left" */
export function progressText(state: ProgressState): string {
  const parts = [
    state.iterations === null ? `iteration ${state.iteration}` : `iteration ${state.iteration}/${state.iterations}`,
    state.numEpochs === null
      ? `epoch ${state.epoch + 1}`
      : `epoch ${Math.min(state.epoch + 1, state.numEpochs)}/${state.numEpochs}`,
    `loss ${state.loss.toFixed(4)}`,
  ];
  if (Number.isFinite(state.imagesPerSecond)) parts.push(`${formatRate(state.imagesPerSecond)} images/s`);
  if (Number.isFinite(state.secondsLeft)) parts.push(`${formatDuration(state.secondsLeft)} left`);
  return parts.join('  ');
}

/** 1234.5 -> "1,235"; under 10 one decimal is kept. */
export function formatRate(rate: number): string {
  return rate.toLocaleString('en-US', { maximumFractionDigits: rate < 10 ? 1 : 0 });
}

/** 75.2 -> "1:16" (rounded up), 4000 -> "1:06:40". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
