/** How the depthwise kernels of 3x3 windows begin and end: a channel's taps, scale and bias, and the sums' way out. */

import {
  type Body, bytesOf, constant, type FloatKind, load, loadSplat, type Local, scale, type Value, vectorOf,
} from '../../../wasm/index.ts';
import { fromFloat64, laneSum, zero } from '../vectors.ts';

/** The places of a 3x3 filter, row by row. */
export const taps = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const;

/** Bytes of a thread's scratch for the gradient: a vector of sums for every tap and one for the bias. */
export const sumBytes: number = (taps.length + 1) * 16;

/** The address of a channel's taps. */
export function tapsAt(float: FloatKind, w: Value, channel: Value): Value {
  return w.add(scale(channel.mul(taps.length), bytesOf(float)));
}

/** A channel's taps, each in all lanes of w[tap]; where `turned` is given and not 0, by 180 degrees. */
export function loadTaps(f: Body, float: FloatKind, w: readonly Local[], from: Local, turned?: Local): void {
  const set = (place: (tap: number) => number) => (): void =>
    taps.forEach((tap) => f.set(w[tap], loadSplat(vectorOf(float), from, place(tap) * bytesOf(float))));
  const straight = set((tap) => tap);
  if (turned === undefined) straight();
  else f.if(turned, set((tap) => 8 - tap), straight);
}

/** What becomes of a channel's sums: scaled, with the bias, and rectified where relu says so. */
export class Epilogue {
  readonly #f: Body;
  readonly #float: FloatKind;
  readonly #scales: Local;
  readonly #biases: Local;
  readonly #factor: Local;
  readonly #bias: Local;
  readonly #floor: Local;

  /** `scales` and `biases` are arrays with one number a channel, or 0 for none. */
  constructor(f: Body, float: FloatKind, { scales, bias, relu }: Readonly<Record<'scales' | 'bias' | 'relu', Local>>) {
    const kind = vectorOf(float);
    [this.#f, this.#float, this.#scales, this.#biases] = [f, float, scales, bias];
    this.#factor = f.local(kind, constant(kind, 1));
    this.#bias = f.local(kind, zero(kind));
    this.#floor = f.local(kind, constant(kind, -Infinity));
    f.if(relu, () => f.set(this.#floor, zero(kind)));
  }

  /** Loads what belongs to a channel. */
  load(channel: Value): void {
    const [f, offset] = [this.#f, scale(channel, bytesOf(this.#float))];
    f.if(this.#scales, () => f.set(this.#factor, loadSplat(vectorOf(this.#float), this.#scales.add(offset))));
    f.if(this.#biases, () => f.set(this.#bias, loadSplat(vectorOf(this.#float), this.#biases.add(offset))));
  }

  /** A vector of the output. NaN stays. */
  finish(sum: Value): Value {
    return sum.mul(this.#factor).add(this.#bias).pmax(this.#floor);
  }
}

/** Adds sums to those in memory, so that no chain of additions is longer than what was summed since the last time. */
export function addToMemory(f: Body, sums: readonly Local[], at: Value): void {
  sums.forEach((sum, i) => f.store(at, load(sum.kind, at, 16 * i).add(sum), 16 * i));
}

/** Writes a channel's gradients at the taps and the bias: the sums of the lanes of the vectors, a tap each. */
export function storeGradients(
  f: Body, float: FloatKind, sums: readonly Value[], { dw, db }: Readonly<Record<'dw' | 'db', Local>>, channel: Value,
): void {
  const total = (i: number): Value => fromFloat64(float, laneSum(f.let(sums[i])));
  const to = f.let(tapsAt(float, dw, channel));
  taps.forEach((tap) => f.store(to, total(tap), tap * bytesOf(float)));
  f.store(db.add(scale(channel, bytesOf(float))), total(taps.length));
}

/** The vectors of sums that lie in scratch. */
export function sumsAt(float: FloatKind, scratch: Value): Value[] {
  return [...taps, taps.length].map((i) => load(vectorOf(float), scratch, 16 * i));
}
