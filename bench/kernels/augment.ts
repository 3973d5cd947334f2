/** Changed training images: batches of CIFAR-10's size and of larger pictures, cropped to 0.8 of each side. */

import type { ImageGeometry } from '../../src/kernels/geometry.ts';
import { bytesOf } from '../support/kernel-case.ts';
import type { KernelCase } from '../support/kernel-case.ts';

function cases(batch: number, side: number): KernelCase[] {
  const g: ImageGeometry = { batch, channels: 3, height: side, width: side };
  const image = 3 * side * side;
  const size = batch * image;
  const dtype = 'float32';
  const name = `(${batch},3,${side},${side})`;
  const part = Math.round(0.8 * side);
  return [
    {
      name: `crop ${name}`, dtype, steps: size,
      work: { limit: 'memory', bytes: bytesOf(dtype, 1.64 * size), workingSet: bytesOf(dtype, 2 * size) },
      prepare(arrays) {
        const [x, boxes, out] = [arrays.normal(size), arrays.positions(4 * batch), arrays.zeros(size)];
        for (let n = 0; n < batch; n++) boxes.set([n % (side - part), n % 3, part, part], 4 * n);
        return { run: ({ cropImages }) => cropImages(x, boxes, out, g), results: [out] };
      },
    },
    {
      name: `jitter colours ${name}`, dtype, steps: size,
      work: { limit: 'memory', bytes: bytesOf(dtype, 2 * size), workingSet: bytesOf(dtype, 2 * size) },
      prepare(arrays) {
        const [x, out] = [arrays.normal(size), arrays.zeros(size)];
        const factors = arrays.uniform(3 * batch).map((value) => 0.8 + 0.4 * value);
        const [mean, std] = [arrays.zeros(image).fill(120), arrays.zeros(image).fill(60)];
        return { run: ({ jitterColors }) => jitterColors(x, factors, mean, std, out, g), results: [out] };
      },
    },
  ];
}

export const augmentCases: readonly KernelCase[] = [...cases(100, 32), ...cases(100, 128)];
