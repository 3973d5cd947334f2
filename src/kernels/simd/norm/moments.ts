/**
 * Mean and variance in one pass over memory: each piece of a run is read twice while it is in the first-level cache,
 * once for its mean and once for the squared deviations from it, and pieces are merged by the formula of Chan, Golub
 * and LeVeque (1979), which keeps the precision that E[x^2] - mean^2 would lose.
 */

import { type Body, constant, type FloatKind, type Local, toFloat, type Value } from '../../../wasm/index.ts';
import { addRun, at, eachPiece, fromFloat64, spread } from '../vectors.ts';

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
    const float = this.#float;
    const [size, pieceMean, deviations, difference, all] = f.locals('f64', 5);
    const narrowMean = f.local(float);
    const again = f.local('i32', pointer);
    eachPiece(f, count, (piece) => {
      f.set(size, toFloat('f64', piece));
      f.set(pieceMean, constant('f64', 0));
      addRun(f, float, [pointer], piece, [pieceMean], (kind, offset) => [at(kind, pointer, offset)]);
      f.set(pieceMean, pieceMean.div(size));
      f.set(narrowMean, fromFloat64(float, pieceMean));
      f.set(deviations, constant('f64', 0));
      addRun(f, float, [again], piece, [deviations], (kind, offset) => {
        const deviation = f.let(at(kind, again, offset).sub(spread(kind, narrowMean)));
        return [deviation.mul(deviation)];
      });
      f.set(all, this.#seen.add(size));
      f.set(difference, pieceMean.sub(this.mean));
      f.set(this.mean, this.mean.add(difference.mul(size).div(all)));
      const apart = difference.mul(difference).mul(this.#seen).mul(size).div(all);
      f.set(this.#squares, this.#squares.add(deviations).add(apart));
      f.set(this.#seen, all);
    });
  }

  /** The uncorrected variance. */
  get variance(): Value {
    return this.#squares.div(this.#seen);
  }
}
