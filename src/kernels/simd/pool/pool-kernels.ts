/**
 * Pooling as jobs, a task being some planes, alone and fused with a batchnorm in front (whose backward is in
 * fused-backward-kernels.ts).
 *
 * Windows of 2x2 with stride 2 inside the image go by vectors: of two image rows, the even and the odd columns are
 * shuffled apart, and the four candidates of four windows are compared lane by lane, their places kept beside them as
 * integers. Of a plane of 4x4 pixels in float32, whose rows hold two windows each, both pairs of rows go at once; of
 * 2x2 pixels, whose channels come in fours, four planes. Everything else goes window by window.
 */

import {
  type Body, bytesOf, type FloatKind, lanesOf, load, type Local, scale, select, shuffle, splat, type Value,
  vectorConstant, vectorOf,
} from '../../../wasm/index.ts';
import { type Arguments, type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import {
  beats, inverseDeviation, least, narrow, rectified, spread, transpose, wherePositive, widen,
} from '../vectors.ts';

/** The sizes that all pooling kernels begin with: some of PoolGeometry. */
export const poolSizes = { planes: 'i32', height: 'i32', width: 'i32', outHeight: 'i32', outWidth: 'i32' } as const;
/** The windows' sizes, also of PoolGeometry. */
export const windowSizes = {
  poolHeight: 'i32', poolWidth: 'i32', strideY: 'i32', strideX: 'i32', padTop: 'i32', padLeft: 'i32',
} as const;

// pairs: windows are 2x2 with stride 2, none overhangs; perTask is in planes
const forward = { perTask: 'i32', pairs: 'flag', x: 'input', out: 'output', argmax: 'output?' } as const;
const normalisation = {
  channels: 'i32', gamma: 'input', beta: 'input', mean: 'input', variance: 'input', eps: 'f64', winners: 'output?',
} as const;
const backward = {
  perTask: 'i32', pairs: 'flag', dout: 'input', argmax: 'input', reluOut: 'input?', out: 'output',
} as const;

type Forward = typeof poolSizes & typeof windowSizes & typeof forward;
const forwardTypes: Forward = { ...poolSizes, ...windowSizes, ...forward };
export const maxPool: FloatKernels<Forward> = floatKernels('max_pool', forwardTypes);
export const batchnormReluMaxPool: FloatKernels<Forward & typeof normalisation> =
  floatKernels('batchnorm_relu_max_pool', { ...forwardTypes, ...normalisation });
export const maxPoolBackward: FloatKernels<typeof poolSizes & typeof backward> =
  floatKernels('max_pool_backward', { ...poolSizes, ...backward });

/** Adds the kernels for one type to the module. */
export function emitPooling(kernels: KernelBuilder, float: FloatKind): void {
  kernels.define(maxPool[float], (f, s, task) => writeForward(f, s, task, float, null));
  kernels.define(batchnormReluMaxPool[float], (f, s, task) => writeForward(f, s, task, float, s));
  kernels.define(maxPoolBackward[float], (f, s, task) => writeBackward(f, s, task, float));
}

/** The planes of a task, one after another, or so many at a time; write gets the number of each, or of the first. */
export function eachPlane(
  f: Body, task: Value, perTask: Value, planes: Value, write: (plane: Local) => void, together: number = 1,
): void {
  const [plane, last] = f.locals('i32', 2);
  f.set(last, task.mul(perTask).add(perTask));
  f.if(last.gt(planes), () => f.set(last, planes));
  f.for(plane, task.mul(perTask), last, together, () => write(plane));
}

/** Task: perTask planes of out and argmax; with normalise, of relu(maxPool(batchnorm(x))). */
function writeForward(
  f: Body, s: Arguments<Forward>, task: Local, float: FloatKind, normalise: Arguments<typeof normalisation> | null,
): void {
  const vector = vectorOf(float);
  const lanes = lanesOf(vector);
  const bytes = bytesOf(float);
  const rowBytes = f.let(scale(s.width, bytes));
  const outPixels = f.let(s.outHeight.mul(s.outWidth));
  const [plane, y, x, upper, to, argmaxTo, winnersTo, iy, ix, window, place, again] = f.locals('i32', 12);
  const [top, bottom, left, right] = f.locals('i32', 4);
  // a channel's mean, factor and shift, with which a candidate becomes (value - mean) * factor + shift
  const scalars = f.locals(float, 3);
  const vectors = f.locals(vector, 3);
  const candidate = (value: Value): Value => {
    if (normalise === null) return value;
    const [mean, factor, shift] = value.kind === vector ? vectors : scalars;
    return value.sub(mean).mul(factor).add(shift);
  };
  const finish = (value: Value): Value => normalise === null ? value : rectified(value);
  const store = (value: Value, places: Value, winner: Value | null): void => {
    f.store(to, finish(value));
    f.if(s.argmax, () => storePlaces(f, float, argmaxTo, places));
    if (winner !== null) f.if(normalise!.winners, () => f.store(winnersTo, winner));
  };
  const keepWinners = normalise !== null;
  const [best, next, winner, pixel] = f.locals(float, 4);
  const fourByFour = f.let(s.pairs.and(s.width.eq(4)).and(s.height.eq(4)));

  const startAt = (number: Local): void => {
    f.set(plane, s.x.add(number.mul(s.height).mul(rowBytes)));
    f.set(to, s.out.add(scale(number.mul(outPixels), bytes)));
    f.set(argmaxTo, s.argmax.add(number.mul(outPixels).shl(2)));
    if (normalise !== null) f.set(winnersTo, normalise.winners.add(scale(number.mul(outPixels), bytes)));
  };

  /** Sets the channel's mean, factor and shift; as vectors, those of the channels from it on. */
  const normaliseBy = (target: readonly Local[], number: Local): void => {
    if (normalise === null) return;
    const { channels, gamma, beta, mean, variance, eps } = normalise;
    const { kind } = target[0];
    const channel = f.let(scale(number.rem(channels), bytes));
    const scaled = widen(f, load(kind, gamma.add(channel)));
    const factors = widen(f, load(kind, variance.add(channel))).map((half, i) =>
      inverseDeviation(half, spread(half.kind, eps)).mul(scaled[i]));
    f.set(target[0], load(kind, mean.add(channel)));
    f.set(target[1], narrow(kind, factors));
    f.set(target[2], load(kind, beta.add(channel)));
  };

  const onePlane = (number: Local): void => {
    startAt(number);
    normaliseBy(scalars, number);
    if (normalise !== null) vectors.forEach((wide, i) => f.set(wide, splat(vector, scalars[i])));
    const rowByRow = (): void => f.for(y, 0, s.outHeight, 1, () => {
      clip(y.mul(s.strideY).sub(s.padTop), s.poolHeight, s.height, top, bottom);
      f.set(window, top.mul(s.width)); // place of the row's first window
      f.set(upper, plane.add(scale(window, bytes)));
      f.set(x, 0);
      f.if(s.pairs.and(s.outWidth.ge(lanes)), () => {
        f.doWhile(() => {
          // those that would be too few for a vector are done with the last ones of the vector before, once more
          f.set(again, x.add(lanes).sub(s.outWidth));
          f.if(again.gt(0), () => {
            for (const pointer of [to, winnersTo]) f.set(pointer, pointer.sub(scale(again, bytes)));
            f.set(argmaxTo, argmaxTo.sub(again.shl(2)));
            f.set(upper, upper.sub(scale(again.shl(1), bytes)));
            f.set(window, window.sub(again.shl(1)));
            f.set(x, x.sub(again));
          });
          const first = splat('i32x4', window).add(pairOffsets);
          winnersOf(f, float, pairs(f, float, upper, rowBytes, 16), first, s.width, candidate, keepWinners, store);
          f.increase(upper, 32);
          f.increase(to, 16);
          f.increase(winnersTo, 16);
          f.increase(argmaxTo, 4 * lanes);
          f.increase(window, 2 * lanes);
          f.increase(x, lanes);
        }, () => x.lt(s.outWidth));
      });
      f.while(() => x.lt(s.outWidth), () => {
        clip(x.mul(s.strideX).sub(s.padLeft), s.poolWidth, s.width, left, right);
        f.set(place, top.mul(s.width).add(left));
        f.set(winner, load(float, plane.add(scale(place, bytes))));
        f.set(best, candidate(winner));
        f.for(iy, top, bottom, 1, () => {
          f.set(upper, plane.add(iy.mul(rowBytes)));
          f.for(ix, left, right, 1, () => {
            f.set(pixel, load(float, upper.add(scale(ix, bytes))));
            f.set(next, candidate(pixel));
            f.if(beats(next, best), () => {
              f.set(best, next);
              f.set(winner, pixel);
              f.set(place, iy.mul(s.width).add(ix));
            });
          });
        });
        f.store(to, finish(best));
        f.if(s.argmax, () => f.store(argmaxTo, place));
        if (normalise !== null) f.if(normalise.winners, () => f.store(winnersTo, winner));
        f.increase(to, bytes);
        f.increase(winnersTo, bytes);
        f.increase(argmaxTo, 4);
        f.increase(x, 1);
      });
    });
    if (float === 'f64') return rowByRow();
    f.if(fourByFour, () => {
      const pixels = pairs(f, float, plane, rowBytes, 32);
      winnersOf(f, float, pixels, fourByFourOffsets, s.width, candidate, keepWinners, store);
    }, rowByRow);
  };

  const oneByOne = (): void => eachPlane(f, task, s.perTask, s.planes, onePlane);
  if (float === 'f64') return oneByOne();
  const channels = normalise === null ? s.planes : normalise.channels;
  const twoByTwo = s.pairs.and(s.width.eq(2)).and(s.height.eq(2)).and(channels.and(3).eqz());
  f.if(twoByTwo, () => eachPlane(f, task, s.perTask, s.planes, (number) => {
    startAt(number);
    normaliseBy(vectors, number);
    const pixels = transpose(f, [0, 16, 32, 48].map((offset) => f.let(load(vector, plane, offset))));
    winnersOf(f, float, pixels, vectorConstant('i32x4', [0, 0, 0, 0]), s.width, candidate, keepWinners, store);
  }, 4), oneByOne);

  /** first..last: the rows, or columns, of a window that lie in the image. */
  function clip(start: Value, window: Value, size: Value, first: Local, last: Local): void {
    const from = f.let(start);
    f.set(first, select(from.gt(0), from, 0));
    f.set(last, least(f.let(from.add(window)), size));
  }
}

/** 1 where 2x2 windows of stride 2 cover every pixel once and come in whole vectors of four. */
function coversByPairs(pairs: Value, width: Value, height: Value): Value {
  return pairs.and(width.and(7).eqz()).and(height.and(1).eqz());
}

/** Places within the first of four 2x2 windows side by side, relative to the place of the first window. */
export const pairOffsets: Value = vectorConstant('i32x4', [0, 2, 4, 6]);

/** Places of the four windows of a plane of 4x4 pixels. */
export const fourByFourOffsets: Value = vectorConstant('i32x4', [0, 2, 8, 10]);

/**
 * Puts the gradients of four 2x2 windows, float32, where they belong: for each of the two image rows, two vectors of
 * eight pixels that hold a window's gradient at the window's place and zeros elsewhere. place: relative to the window.
 */
export function scatterPairs(f: Body, gradient: Value, place: Value, width: Value): [Local, Local][] {
  return [place, f.let(place.sub(splat('i32x4', width)))].map((offset) => {
    const even = f.let(gradient.and(offset.eq(vectorConstant('i32x4', [0, 0, 0, 0]))));
    const odd = f.let(gradient.and(offset.eq(vectorConstant('i32x4', [1, 1, 1, 1]))));
    return [f.let(shuffle(even, odd, [0, 4, 1, 5])), f.let(shuffle(even, odd, [2, 6, 3, 7]))];
  });
}

/** Lanes of i32x4 that hold the places: four windows in float32, two (in the low lanes) in float64. */
function storePlaces(f: Body, float: FloatKind, to: Value, places: Value): void {
  if (float === 'f32') f.store(to, places);
  else f.storeLane(to, places.as('i64x2'), 0);
}

/**
 * The four pixels of a vector's worth of 2x2 windows. Their upper halves lie in two vectors, at `upper` and `step`
 * bytes behind it, the lower ones a row below each.
 */
function pairs(f: Body, float: FloatKind, upper: Value, rowBytes: Value, step: 16 | 32): Local[] {
  const vector = vectorOf(float);
  const evens = float === 'f32' ? [0, 2, 4, 6] : [0, 2];
  return [upper, f.let(upper.add(rowBytes))].flatMap((start) => {
    const left = f.let(load(vector, start));
    const right = f.let(load(vector, start, step));
    return [evens, evens.map((lane) => lane + 1)].map((lanes) => f.let(shuffle(left, right, lanes)));
  });
}

/**
 * The maxima of a vector's worth of 2x2 windows, and their places; `first` has those of the windows' first pixels. With
 * keepWinners also what the maxima were before `candidate`.
 */
function winnersOf(
  f: Body, float: FloatKind, pixels: readonly Local[], first: Value, width: Value, candidate: (value: Value) => Value,
  keepWinners: boolean, write: (value: Value, places: Value, winners: Value | null) => void,
): void {
  const candidates = pixels.map((pixel) => f.let(candidate(pixel)));
  const place = f.let(first);
  const above = f.let(place);
  const below = f.let(place.add(splat('i32x4', width)));
  const one = vectorConstant('i32x4', [1, 1, 1, 1]);
  const places = [above, above.add(one), below, below.add(one)];
  const best = f.let(candidates[0]);
  const winner = keepWinners ? f.let(pixels[0]) : null;
  for (let i = 1; i < 4; i++) {
    const wins = f.let(beats(candidates[i], best));
    f.set(best, select(wins, candidates[i], best));
    if (winner !== null) f.set(winner, select(wins, pixels[i], winner));
    // masks of 64-bit lanes are brought to the 32-bit lanes of the places, of which a later one is greater
    const mask = float === 'f32' ? wins.as('i32x4') : shuffle(wins.as('i32x4'), wins.as('i32x4'), [0, 2, 0, 2]);
    f.set(place, place.max(places[i].and(mask)));
  }
  write(best, place, winner);
}

/** Task: perTask planes of dx. */
function writeBackward(
  f: Body, s: Arguments<typeof poolSizes & typeof backward>, task: Local, float: FloatKind,
): void {
  const bytes = bytesOf(float);
  const planeBytes = f.let(scale(s.height.mul(s.width), bytes));
  const outPixels = f.let(s.outHeight.mul(s.outWidth));
  const rowBytes = f.let(scale(s.width, bytes));
  const [plane, from, argmax, reluOut, left, to, y, x, window] = f.locals('i32', 9);
  const gradient = f.local(float);
  const scatter = (): void => {
    f.set(gradient, load(float, from));
    f.if(s.reluOut, () => f.set(gradient, wherePositive(load(float, reluOut), gradient)));
    f.set(to, plane.add(scale(load('i32', argmax), bytes)));
    f.store(to, load(float, to).add(gradient));
    f.increase(from, bytes);
    f.increase(reluOut, bytes);
    f.increase(argmax, 4);
  };
  eachPlane(f, task, s.perTask, s.planes, (number) => {
    f.set(plane, s.out.add(number.mul(planeBytes)));
    f.set(from, s.dout.add(scale(number.mul(outPixels), bytes)));
    f.set(reluOut, s.reluOut.add(scale(number.mul(outPixels), bytes)));
    f.set(argmax, s.argmax.add(number.mul(outPixels).shl(2)));
    const general = (): void => {
      f.fill(plane, 0, planeBytes);
      f.set(left, outPixels);
      f.repeat(left, scatter);
    };
    if (float === 'f64') return general();
    // 2x2 with stride 2 and nothing left over: every pixel belongs to one window, so none need be zeroed first
    f.if(coversByPairs(s.pairs, s.width, s.height), () => {
      f.set(window, 0);
      f.set(to, plane);
      f.set(y, s.outHeight);
      f.repeat(y, () => {
        f.set(x, s.outWidth.shrU(2));
        f.countdown(x, () => {
          const d = f.let(load('f32x4', from));
          f.if(s.reluOut, () => f.set(d, wherePositive(load('f32x4', reluOut), d)));
          const place = f.let(load('i32x4', argmax).sub(splat('i32x4', window)).sub(pairOffsets));
          scatterPairs(f, d, place, s.width).forEach(([left4, right4], row) => {
            const start = row === 0 ? to : to.add(rowBytes);
            f.store(start, left4);
            f.store(start, right4, 16);
          });
          f.increase(to, 32);
          f.increase(window, 8);
          for (const pointer of [from, reluOut, argmax]) f.increase(pointer, 16);
        });
        f.increase(to, rowBytes);
        f.increase(window, s.width);
      });
    }, general);
  });
}
