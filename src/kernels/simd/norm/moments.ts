/**
 * Mean and variance in one pass over memory: each piece of a run is read twice while it is in the first-level cache,
 * once for its mean and once for the squared deviations from it, and pieces are merged by the formula of Chan, Golub
 * and LeVeque (1979), which keeps the precision that E[x^2] - mean^2 would lose.
 */

import {
  type Body, constant, type FloatKind, type Kind, type Local, toFloat, type Value,
} from '../../../wasm/index.ts';
import { at, eachPiece, fromFloat64, RunSums, spread } from '../vectors.ts';

/** The terms of the elements of one kind at a pointer plus an offset. */
type Terms = (kind: Kind, from: Local, offset: number) => Value[];

/**
 * The mean of a piece of `size` elements, and the sum of their squared deviations from it, both float64. `go` goes
 * through them and gives their terms to the sums, and does so a second time.
 */
export function pieceMoments(
  f: Body, float: FloatKind, size: Value, go: (sums: RunSums, terms: Terms, second: boolean) => void,
): [mean: Local, deviations: Local] {
  const [mean, deviations] = f.locals('f64', 2);
  const narrowMean = f.local(float);
  const sums = new RunSums(f, float, 1);
  f.set(mean, constant('f64', 0));
  go(sums, (kind, from, offset) => [at(kind, from, offset)], false);
  sums.fold([mean]);
  f.set(mean, mean.div(size));
  f.set(narrowMean, fromFloat64(float, mean));
  f.set(deviations, constant('f64', 0));
  go(sums, (kind, from, offset) => {
    const deviation = f.let(at(kind, from, offset).sub(spread(kind, narrowMean)));
    return [deviation.mul(deviation)];
  }, true);
  sums.fold([deviations]);
  return [mean, deviations];
}

export class Moments {
  /** of the elements added so far */
  readonly mean: Local;
  readonly #f: Body;
  readonly #float: FloatKind;
  readonly #seen: Local;
  /** sum of squared deviations from the mean */
  readonly #squares: Local;

  constructor(f: Body, float: FloatKind) {
    this.#f = f;
    this.#float = float;
    [this.mean, this.#seen, this.#squares] = f.locals('f64', 3);
    this.reset();
  }

  /** Starts anew. */
  reset(): void {
    for (const local of [this.mean, this.#seen, this.#squares]) this.#f.set(local, constant('f64', 0));
  }

  /** Adds a run of `count` elements; the pointer ends after it. */
  add(pointer: Local, count: Value): void {
    const f = this.#f;
    const again = f.local('i32', pointer);
    eachPiece(f, count, (piece) => {
      const size = f.let(toFloat('f64', piece));
      this.merge(...pieceMoments(f, this.#float, size, (sums, terms, second) => {
        const at = second ? again : pointer;
        sums.add([at], piece, (kind, offset) => terms(kind, at, offset));
      }), size);
    });
  }

  /** Adds `size` elements of which the mean and the sum of squared deviations from it are known. */
  merge(pieceMean: Local, deviations: Local, size: Local): void {
    const f = this.#f;
    const [difference, all] = f.locals('f64', 2);
    f.set(all, this.#seen.add(size));
    f.set(difference, pieceMean.sub(this.mean));
    f.set(this.mean, this.mean.add(difference.mul(size).div(all)));
    const apart = difference.mul(difference).mul(this.#seen).mul(size).div(all);
    f.set(this.#squares, this.#squares.add(deviations).add(apart));
    f.set(this.#seen, all);
  }

  /** The uncorrected variance. */
  get variance(): Value {
    return this.#squares.div(this.#seen);
  }
}
