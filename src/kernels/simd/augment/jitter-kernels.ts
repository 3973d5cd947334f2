/**
 * Images in other colours (see ../../naive/augment.ts), a task being some images. One pass makes pixels, changes their
 * brightness and sums their grey, channel by channel; a second, which needs the sum, does the rest.
 */

import {
  bytesOf, constant, type FloatKind, type Kind, lanesOf, load, type Local, scale, select, splat, toFloat, type Value,
  vectorOf,
} from '../../../wasm/index.ts';
import { type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import { at, eachOfShare, eachPiece, eachRun, fromFloat64, rectified, RunSums } from '../vectors.ts';
import { imageSizes } from './crop-kernels.ts';

const jitterArguments = {
  perTask: 'i32', x: 'input', factors: 'input', mean: 'input', std: 'input', out: 'output',
} as const;
export const jitter: FloatKernels<typeof imageSizes & typeof jitterArguments> =
  floatKernels('jitter_colors', { ...imageSizes, ...jitterArguments });

/** How much red, green and blue are in grey, by ITU-R BT.601. */
const luma = [0.299, 0.587, 0.114];

/** Adds the kernel for one type to the module. Task: perTask images of out. */
export function emitJitter(kernels: KernelBuilder, float: FloatKind): void {
  const bytes = bytesOf(float);
  const vector = vectorOf(float);
  kernels.define(jitter[float], (f, s, task) => {
    const plane = f.let(s.height.mul(s.width));
    const planeBytes = f.let(scale(plane, bytes));
    const imageBytes = f.let(planeBytes.mul(s.channels));
    const [from, to, mean, std, channel] = f.locals('i32', 5);
    const [middle, total] = f.locals('f64', 2);
    const sums = new RunSums(f, float, 1);
    // brightness, contrast, saturation and the mean grey, each alone and in all lanes
    const [scalars, vectors] = [f.locals(float, 4), f.locals(vector, 4)];
    const known = (which: number, value: Value): void => {
      f.set(scalars[which], value);
      f.set(vectors[which], splat(vector, scalars[which]));
    };
    const of = (which: number, kind: Kind): Local => (kind === vector ? vectors : scalars)[which];
    /** A value kept within 0 to 255; NaN stays. */
    const clamped = (value: Value): Local => {
      const positive = f.let(rectified(f.let(value)));
      const most = constant(value.kind, 255);
      return f.let(lanesOf(value.kind) > 1 ? positive.pmin(most) : select(positive.gt(most), most, positive));
    };
    /** from + factor * (value - from) */
    const apart = (from: Local, factor: Value, value: Value): Local => clamped(from.add(factor.mul(value.sub(from))));
    const contrasted = (kind: Kind, pointer: Value): Local => apart(of(3, kind), of(1, kind), at(kind, pointer));
    const finish = (kind: Kind, value: Value, offset: (pointer: Value) => Value = (pointer) => pointer): void =>
      f.store(offset(to), value.sub(at(kind, offset(mean))).div(at(kind, offset(std))));

    eachOfShare(f, task, s.perTask, s.batch, (image) => {
      const factors = f.let(s.factors.add(image.mul(3 * bytes)));
      for (let i = 0; i < 3; i++) known(i, load(float, factors, i * bytes));
      const rewind = (): void => {
        f.set(to, s.out.add(image.mul(imageBytes)));
        f.set(mean, s.mean);
        f.set(std, s.std);
      };
      rewind();
      f.set(from, s.x.add(image.mul(imageBytes)));
      f.set(middle, 0);
      f.for(channel, 0, s.channels, 1, () => {
        f.set(total, 0);
        eachPiece(f, plane, (piece) => {
          sums.add([from, to, mean, std], piece, (kind, offset) => {
            const pixel = at(kind, from, offset).mul(at(kind, std, offset)).add(at(kind, mean, offset));
            const bright = clamped(pixel.mul(of(0, kind)));
            f.store(to, bright, offset);
            return [bright];
          });
          sums.fold([total]);
        });
        const [red, green, blue] = luma.map((share) => constant('f64', share));
        const share = select(s.channels.eq(3), select(channel.eqz(), red, select(channel.eq(1), green, blue)),
          constant('f64', 1).div(toFloat('f64', s.channels)));
        f.set(middle, middle.add(share.mul(total)));
      });
      known(3, fromFloat64(float, middle.div(toFloat('f64', plane))));
      rewind();
      f.if(s.channels.eq(3), () => {
        const planes = [constant('i32', 0), planeBytes, f.let(planeBytes.shl(1))];
        const places = planes.map((offset) => (pointer: Value): Value => pointer.add(offset));
        eachRun(f, float, [to, mean, std], plane, (kind) => {
          const colours = places.map((place) => contrasted(kind, place(to)));
          const grey = f.let(colours.map((colour, c) => colour.mul(luma[c])).reduce((a, b) => a.add(b)));
          colours.forEach((colour, c) => finish(kind, apart(grey, of(2, kind), colour), places[c]));
        });
      }, () => eachRun(f, float, [to, mean, std], s.channels.mul(plane), (kind) => finish(kind, contrasted(kind, to))));
    });
  });
}
