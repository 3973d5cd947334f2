/** Idioms that several families share: loops over runs of elements, and sums that stay accurate. */

import {
  apply, type Body, bytesOf, constant, type FloatKind, type Kind, lanesOf, load, type Local, select, shuffle, splat,
  type Value, vectorOf,
} from '../../wasm/index.ts';

/** Zero of any float kind. */
export function zero(kind: Kind): Value {
  return constant(kind, 0);
}

/** The smaller of two i32. Both are evaluated twice: keep what is not a local or a constant. */
export function least(a: Value, b: Value): Value {
  return select(a.lt(b), a, b);
}

/** What a task that takes perTask of so many does: from the first up to the last, which it does not do. */
export function shareOf(f: Body, task: Value, perTask: Value, total: Local): [first: Local, last: Local] {
  const first = f.let(task.mul(perTask));
  return [first, f.let(least(f.let(first.add(perTask)), total))];
}

/** Writes the work on one of a task's share, given its number. */
export function eachOfShare(f: Body, task: Value, perTask: Value, total: Local, write: (number: Local) => void): void {
  const [first, last] = shareOf(f, task, perTask, total);
  const number = f.local('i32');
  f.for(number, first, last, 1, () => write(number));
}

/**
 * The same, where so many tasks share `total` evenly: the first ones do one more where it cannot be divided, and
 * threads that do as many tasks have about as much to do.
 */
export function eachOfEvenShare(
  f: Body, task: Value, tasks: Value, total: Value, write: (number: Local) => void,
): void {
  const part = f.let(total.divU(tasks));
  const longer = f.let(total.sub(part.mul(tasks)));
  const number = f.local('i32');
  const first = f.let(task.mul(part).add(least(task, longer)));
  f.for(number, first, first.add(part).add(task.lt(longer)), 1, () => write(number));
}

/** A scalar as the operand of a kind: itself, or in every lane. */
export function spread(kind: Kind, scalar: Value): Value {
  return lanesOf(kind) === 1 ? scalar : splat(kind as 'f32x4', scalar);
}

/** x < 0 ? 0 : x, so NaN stays. Vectors or scalars. */
export function rectified(x: Value): Value {
  return lanesOf(x.kind) > 1 ? x.pmax(zero(x.kind)) : select(x.lt(0), zero(x.kind), x);
}

/** 1 / sqrt(variance + eps), both float64: vectors or scalars. */
export function inverseDeviation(variance: Value, eps: Value): Value {
  return constant(variance.kind, 1).div(variance.add(eps).sqrt());
}

/** A scalar float as a float64. */
export function toFloat64(value: Value): Value {
  return value.kind === 'f64' ? value : apply('f64.promote_f32', 'f64', [value]);
}

/** A float64 as a scalar of this type. */
export function fromFloat64(float: FloatKind, value: Value): Value {
  return float === 'f64' ? value : apply('f32.demote_f64', 'f32', [value]);
}

/** The sum of a vector's lanes as a float64, added from the first lane to the last. */
export function laneSum(vector: Value): Value {
  const first = toFloat64(vector.lane(0)).add(toFloat64(vector.lane(1)));
  if (lanesOf(vector.kind) === 2) return first;
  return first.add(toFloat64(vector.lane(2))).add(toFloat64(vector.lane(3)));
}

/** value where the condition's source is positive, else 0: a relu's gradient. Vectors or scalars. */
export function wherePositive(source: Value, value: Value): Value {
  if (lanesOf(value.kind) > 1) return value.and(source.gt(zero(source.kind)));
  return select(source.gt(0), value, zero(value.kind));
}

/** Whether a candidate beats the best so far, in pooling: where it is greater, or a NaN while the best is none. */
export function beats(candidate: Value, best: Value): Value {
  // not (candidate <= best) holds for greater and for NaN on either side; best = best rules out a best that is NaN
  if (lanesOf(candidate.kind) > 1) return best.eq(best).andNot(candidate.le(best));
  return candidate.le(best).eqz().and(best.eq(best));
}

/** value, but 0 where it is smaller than the limit in size; NaN stays. Vectors or scalars. */
export function withoutTiny(value: Value, limit: number): Value {
  if (lanesOf(value.kind) === 1) return select(value.abs().lt(limit), zero(value.kind), value);
  return value.andNot(value.abs().lt(constant(value.kind, limit)));
}

/**
 * Goes through a run of `count` elements. `step` writes the work on elements of one kind, a whole vector or a scalar,
 * at the pointers, which are moved along and end after the run.
 */
export function eachRun(
  f: Body, float: FloatKind, pointers: readonly Local[], count: Value, step: (kind: Kind) => void,
): void {
  const vector = vectorOf(float);
  const left = f.let(count.shrU(Math.log2(lanesOf(vector))));
  f.repeat(left, () => {
    step(vector);
    for (const pointer of pointers) f.increase(pointer, 16);
  });
  f.set(left, count.and(lanesOf(vector) - 1));
  f.repeat(left, () => {
    step(float);
    for (const pointer of pointers) f.increase(pointer, bytesOf(float));
  });
}

/** Vectors that are summed side by side, so that one addition need not wait for the last. */
const chains = 4;

/** Elements whose sum stays in lanes of the type itself; longer runs are cut, and the pieces added in float64. */
const longestChain = 1024;

/** Elements that may be added to RunSums between two folds; longer runs are cut. */
export const mostSummed: number = longestChain;

/** Sums over runs of elements, kept in lanes of the type itself until they are folded into float64 totals. */
export class RunSums {
  readonly #f: Body;
  readonly #float: FloatKind;
  /** by chain and sum */
  readonly #sums: readonly Local[][];
  readonly #rests: readonly Local[];

  /** So many sums, all 0. */
  constructor(f: Body, float: FloatKind, count: number) {
    this.#f = f;
    this.#float = float;
    this.#sums = Array.from({ length: chains }, () => f.locals(vectorOf(float), count));
    this.#rests = f.locals(float, count);
    this.#clear();
  }

  #clear(): void {
    for (const sum of [...this.#sums.flat(), ...this.#rests]) this.#f.set(sum, zero(sum.kind));
  }

  /**
   * sums[i] += the sum of terms(...)[i] over a run of `count` elements. `terms` gives the terms of the elements at the
   * pointers plus an offset; vectors are summed in lanes. The pointers end after the run.
   */
  add(pointers: readonly Local[], count: Value, terms: (kind: Kind, offset: number) => Value[]): void {
    const [f, float] = [this.#f, this.#float];
    const vector = vectorOf(float);
    const vectors = Math.log2(lanesOf(vector));
    const addVectors = (many: number): void => {
      for (let chain = 0; chain < many; chain++) {
        const sums = this.#sums[chain];
        terms(vector, 16 * chain).forEach((term, i) => f.set(sums[i], sums[i].add(term)));
      }
      for (const pointer of pointers) f.increase(pointer, 16 * many);
    };
    const left = f.let(count.shrU(vectors + Math.log2(chains)));
    f.repeat(left, () => addVectors(chains));
    f.set(left, count.shrU(vectors).and(chains - 1));
    f.repeat(left, () => addVectors(1));
    f.set(left, count.and(lanesOf(vector) - 1));
    f.repeat(left, () => {
      terms(float, 0).forEach((term, i) => f.set(this.#rests[i], this.#rests[i].add(term)));
      for (const pointer of pointers) f.increase(pointer, bytesOf(float));
    });
  }

  /** totals[i] (float64) += sums[i], which are 0 again. */
  fold(totals: readonly Local[]): void {
    const f = this.#f;
    totals.forEach((total, i) => {
      const joined = this.#sums.map((chain) => chain[i]).reduce<Value>((a, b) => a.add(b), zero(vectorOf(this.#float)));
      f.set(total, total.add(laneSum(f.let(joined))).add(toFloat64(this.#rests[i])));
    });
    this.#clear();
  }
}

/** totals[i] (float64) += the sum of terms(...)[i] over one run of at most `mostSummed` elements (see RunSums.add). */
export function addRun(
  f: Body, float: FloatKind, pointers: readonly Local[], count: Value, totals: readonly Local[],
  terms: (kind: Kind, offset: number) => Value[],
): void {
  const sums = new RunSums(f, float, totals.length);
  sums.add(pointers, count, terms);
  sums.fold(totals);
}

/** Cuts a run into pieces of at most so many elements and writes the work on one, given its count, which may change. */
export function eachPiece(
  f: Body, count: Value, piece: (count: Local) => void, most: Value = constant('i32', longestChain),
): void {
  const left = f.let(count);
  const now = f.local('i32');
  f.while(() => left.gt(0), () => {
    f.set(now, least(most, left));
    f.set(left, left.sub(now));
    piece(now);
  });
}

/** A kind's elements widened to float64: two vectors for f32x4, else one value. */
export function widen(f: Body, value: Value): Value[] {
  switch (value.kind) {
    case 'f32x4': {
      const kept = f.let(value);
      const high = shuffle(kept, kept, [2, 3, 2, 3]);
      return [kept, high].map((half) => apply('f64x2.promote_low_f32x4', 'f64x2', [half]));
    }
    case 'f32': return [toFloat64(value)];
    default: return [value];
  }
}

/** The inverse of widen. */
export function narrow(kind: Kind, wide: readonly Value[]): Value {
  if (kind === 'f32') return fromFloat64('f32', wide[0]);
  if (kind !== 'f32x4') return wide[0];
  const [low, high] = wide.map((half) => apply('f32x4.demote_f64x2_zero', 'f32x4', [half]));
  return shuffle(low, high, [0, 1, 4, 5]);
}

/** The float64 kind that a kind is widened to, whole or in halves. */
export function wideOf(kind: Kind): Kind {
  return lanesOf(kind) > 1 ? 'f64x2' : 'f64';
}

/** Locals that hold a kind's elements in float64, all 0. */
export function wideLocals(f: Body, kind: Kind): Local[] {
  const wide = wideOf(kind);
  return Array.from({ length: kind === 'f32x4' ? 2 : 1 }, () => f.local(wide, zero(wide)));
}

/** Loads an element or a vector of them. */
export function at(kind: Kind, pointer: Value, offset: number = 0): Value {
  return load(kind, pointer, offset);
}

/** Exchanges rows and columns of a square of vectors (4 of float32, 2 of float64). */
export function transpose(f: Body, rows: readonly Value[]): Local[] {
  if (rows.length === 2) {
    const [a, b] = rows;
    return [f.let(shuffle(a, b, [0, 2])), f.let(shuffle(a, b, [1, 3]))];
  }
  const [a, b, c, d] = rows;
  const lowAb = f.let(shuffle(a, b, [0, 4, 1, 5]));
  const lowCd = f.let(shuffle(c, d, [0, 4, 1, 5]));
  const highAb = f.let(shuffle(a, b, [2, 6, 3, 7]));
  const highCd = f.let(shuffle(c, d, [2, 6, 3, 7]));
  return [
    f.let(shuffle(lowAb, lowCd, [0, 1, 4, 5])), f.let(shuffle(lowAb, lowCd, [2, 3, 6, 7])),
    f.let(shuffle(highAb, highCd, [0, 1, 4, 5])), f.let(shuffle(highAb, highCd, [2, 3, 6, 7])),
  ];
}
