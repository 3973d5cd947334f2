/**
 * Mean and variance in one pass over memory: each piece of a run is read twice while it is in the first-level cache,
 * once for its mean and once for the squared deviations from it, and pieces are merged by the formula of Chan, Golub
 * and LeVeque (1979), which keeps the precision that E[x^2] - mean^2 would lose.
 */

import {
  type Body, constant, type FloatKind, type Kind, type Local, toFloat, type Value,
} from '../../../wasm/index.ts';
import { at, eachPiece, fromFloat64, least, mostSummed, RunSums, spread } from '../vectors.ts';

/** The terms of the elements of one kind at a pointer plus an offset. */
type Terms = (kind: Kind, from: Local, offset: number) => Value[];

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
    eachPiece(f, count, (piece) => this.#addPiece(toFloat('f64', piece), (sums, terms, second) => {
      const at = second ? again : pointer;
      sums.add([at], piece, (kind, offset) => terms(kind, at, offset));
    }));
  }

  /** Adds planes of `count` elements, `step` bytes apart: as many small ones at a time as make a piece. */
  addPlanes(first: Local, step: Local, planes: Local, count: Local): void {
    const f = this.#f;
    const [plane, at, left, together, inPiece] = f.locals('i32', 5);
    f.set(left, planes);
    f.if(count.gt(mostSummed / 2), () => {
      f.repeat(left, () => {
        f.set(plane, first);
        this.add(plane, count);
        f.increase(first, step);
      });
    }, () => {
      f.while(() => left.gt(0), () => {
        f.set(together, least(f.let(constant('i32', mostSummed).divU(count)), left));
        this.#addPiece(toFloat('f64', together.mul(count)), (sums, terms) => {
          f.set(plane, first);
          f.set(inPiece, together);
          f.countdown(inPiece, () => {
            f.set(at, plane);
            sums.add([at], count, (kind, offset) => terms(kind, at, offset));
            f.increase(plane, step);
          });
        });
        f.set(first, plane);
        f.increase(left, constant('i32', 0).sub(together));
      });
    });
  }

  /** Adds `size` elements, which `go` goes through twice and gives the terms to sum. */
  #addPiece(size: Value, go: (sums: RunSums, terms: Terms, second: boolean) => void): void {
    const f = this.#f;
    const float = this.#float;
    const [pieceMean, deviations, difference, all] = f.locals('f64', 4);
    const narrowMean = f.local(float);
    const sums = new RunSums(f, float, 1);
    f.set(pieceMean, constant('f64', 0));
    go(sums, (kind, from, offset) => [at(kind, from, offset)], false);
    sums.fold([pieceMean]);
    f.set(pieceMean, pieceMean.div(size));
    f.set(narrowMean, fromFloat64(float, pieceMean));
    f.set(deviations, constant('f64', 0));
    go(sums, (kind, from, offset) => {
      const deviation = f.let(at(kind, from, offset).sub(spread(kind, narrowMean)));
      return [deviation.mul(deviation)];
    }, true);
    sums.fold([deviations]);
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
