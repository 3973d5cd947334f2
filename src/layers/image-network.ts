/** What describes a network for images: their shape, sizes of layers, and which convolutions a 2x2 pool follows. */

import { checkInteger, describe } from '../runtime/check.ts';
import { shapeText } from '../tensor/shape.ts';

/** The shape of one image, [channels, height, width]. */
export function checkImageShape(
  fn: string, inputDim: readonly number[],
): [channels: number, height: number, width: number] {
  const [channels, height, width, ...rest] = checkSizes(fn, 'inputDim', inputDim);
  if (width === undefined || rest.length > 0) {
    throw new RangeError(`${fn}: inputDim must be [channels, height, width], got ${inputDim.length} numbers`);
  }
  return [channels, height, width];
}

/** A list of positive integers. Throws TypeError for anything else than an array, RangeError for other entries. */
export function checkSizes(fn: string, name: string, sizes: readonly number[]): number[] {
  if (!Array.isArray(sizes)) throw new TypeError(`${fn}: ${name} must be an array of integers, got ${describe(sizes)}`);
  return Array.from(sizes as readonly number[], (size, i) => checkInteger(fn, `${name}[${i}]`, size, 1));
}

/** The first convolutions, one for every time that the image can be halved. */
export function possiblePools([, height, width]: readonly number[], convolutions: number): number[] {
  return Array.from({ length: Math.min(convolutions, 31 - Math.clz32(Math.min(height, width))) }, (_, i) => i);
}

/** The convolutions that a pool follows. Throws RangeError for an index that is none or is named twice. */
export function checkPools(fn: string, maxPools: readonly number[], convolutions: number): ReadonlySet<number> {
  if (!Array.isArray(maxPools)) {
    throw new TypeError(`${fn}: maxPools must be an array of integers, got ${describe(maxPools)}`);
  }
  const pooled = new Set<number>();
  for (const [i, index] of (maxPools as readonly number[]).entries()) {
    checkInteger(fn, `maxPools[${i}]`, index, 0, convolutions - 1);
    if (pooled.has(index)) throw new RangeError(`${fn}: maxPools names ${index} twice; a convolution has one pool`);
    pooled.add(index);
  }
  return pooled;
}

/** The image's shape and that after each convolution. Throws RangeError when nothing is left to pool. */
export function shapesAlong(
  fn: string, image: [number, number, number], filters: readonly number[], pooled: ReadonlySet<number>,
): Array<[channels: number, height: number, width: number]> {
  const shapes = [image];
  filters.forEach((count, i) => {
    let [, height, width] = shapes[i];
    if (pooled.has(i)) {
      if (height < 2 || width < 2) {
        throw new RangeError(
          `${fn}: maxPools leaves nothing to pool after convolution ${i}, got planes of ${height}x${width} ` +
          `(inputDim ${shapeText(image)})`,
        );
      }
      height = Math.floor(height / 2);
      width = Math.floor(width / 2);
    }
    shapes.push([count, height, width]);
  });
  return shapes;
}
