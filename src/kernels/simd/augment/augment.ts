/** The host's side of changed training images (the kernels are in crop-kernels.ts and jitter-kernels.ts). */

import type { AugmentKernels } from '../../contract.ts';
import type { ImageGeometry } from '../../geometry.ts';
import { floatKind, launch, launched } from '../launch.ts';
import { elementwiseTuning } from '../tuning.ts';
import { crop, imageSizes } from './crop-kernels.ts';
import { jitter } from './jitter-kernels.ts';

function imagesPerTask({ channels, height, width }: ImageGeometry): number {
  return Math.max(1, Math.floor(elementwiseTuning.elementsPerTask / Math.max(1, channels * height * width)));
}

export const augmentKernels: AugmentKernels = {
  cropImages: launched((x, boxes, out, g) => {
    const perTask = imagesPerTask(g);
    // a column's place and share, and a row with an element after it
    const own = (4 + 2 * x.BYTES_PER_ELEMENT) * g.width + x.BYTES_PER_ELEMENT;
    launch(crop[floatKind(x)]).from(imageSizes, g).perTask(perTask).x(x).boxes(boxes).out(out).own(own)
      .run(Math.ceil(g.batch / perTask));
  }),

  jitterColors: launched((x, factors, mean, std, out, g) => {
    const perTask = imagesPerTask(g);
    launch(jitter[floatKind(x)]).from(imageSizes, g).perTask(perTask).x(x).factors(factors).mean(mean).std(std).out(out)
      .run(Math.ceil(g.batch / perTask));
  }),
};
