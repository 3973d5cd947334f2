/**
 * Convolution with windows of 1x1 that leave pixels out: those that they meet are picked out of x first, and what
 * follows is a product at every one of them (see pointwise.ts); their gradients are put back among zeros.
 */

import { bytesOf } from '../../../wasm/index.ts';
import type { ConvKernels, FloatArray } from '../../contract.ts';
import type { ConvGeometry } from '../../geometry.ts';
import { type Address, floatKind, launch, launched, scratch } from '../launch.ts';
import { pointwiseBackward, pointwiseForward } from './pointwise.ts';
import { pointwisePick, pointwiseSpread, strideSizes } from './pointwise-stride-kernels.ts';

/** The convolution of the pixels that windows meet. */
function dense(g: ConvGeometry): ConvGeometry {
  return { ...g, height: g.outHeight, width: g.outWidth, strideY: 1, strideX: 1 };
}

/** Room for them, inside a launch. */
function room(w: FloatArray, g: ConvGeometry): Address {
  return scratch(g.batch * g.channels * g.outHeight * g.outWidth * bytesOf(floatKind(w)));
}

/** The pixels themselves. */
function picked(x: FloatArray, g: ConvGeometry): Address {
  const small = room(x, g);
  launch(pointwisePick[floatKind(x)]).from(strideSizes, g).large(x).small(small).run(g.batch);
  return small;
}

/** convForward of the contract. */
export const strideForward: ConvKernels['convForward'] = launched((x, w, b, out, g, epilogue) =>
  pointwiseForward(picked(x, g), w, b, out, dense(g), epilogue));

/** convBackward of the contract. */
export const strideBackward: ConvKernels['convBackward'] = launched((dout, x, w, dx, dw, db, g) => {
  const small = dx === null ? null : room(w, g);
  pointwiseBackward(dout, picked(x, g), w, small, dw, db, dense(g));
  if (dx !== null && small !== null) {
    launch(pointwiseSpread[floatKind(x)]).from(strideSizes, g).small(small).large(dx).run(g.batch);
  }
});
