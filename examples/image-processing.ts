/**
 * What a convolution does, seen on pictures: two filters made by hand, for grey levels and for horizontal edges.
 *
 *   npx tsx examples/image-processing.ts [PICTURE PICTURE ...] [--out FILE]
 *
 * takes PNG and JPEG files, draws two pictures of its own where none is given, and writes a page of titled panels.
 * Outside this repository, import from 'tilegrad', 'tilegrad/layers' and so on.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { cropCenter, makeShapes, resizeImages } from '../src/data/index.ts';
import { stack, tensor, type Tensor, zeros } from '../src/index.ts';
import { convForward } from '../src/layers/index.ts';
import { decodePicture, type Panel, panelsSvg, pictureToTensor, tensorToPicture } from '../src/viz/index.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true, options: { out: { type: 'string', default: 'image-processing.svg' } },
});
const side = 200;

/** A picture file as (3, side, side), 0 to 255: its middle square. */
async function load(path: string): Promise<Tensor> {
  const picture = pictureToTensor(decodePicture(await readFile(path)));
  const colors = picture.shape[0] < 3 ? stack([0, 0, 0].map(() => picture.slice(0))) : picture.slice([0, 3]);
  return resizeImages(cropCenter(colors).astype('float32'), side, side);
}

const drawn = makeShapes({ seed: 4, numTrain: 10, numTest: 10 }).train.images;
const pictures = positionals.length > 0
  ? await Promise.all(positionals.map(load)).catch((error: Error) => {
      console.error(error.message);
      process.exit(1);
    })
  : [2, 5].map((i) => resizeImages(drawn.slice(i).astype('float32'), side, side));
const x = stack(pictures);

// Filter 0 weighs red, green and blue at the middle of its window as the eye does: grey levels.
// Filter 1 takes in blue the row above minus the row below, smoothed along the row: horizontal edges (Sobel's filter).
const w = zeros([2, 3, 3, 3], 'float32');
[0.3, 0.6, 0.1].forEach((weight, color) => w.set(weight, 0, color, 1, 1));
w.slice(1, 2).assign(tensor([[1, 2, 1], [0, 0, 0], [-1, -2, -1]]));
const b = tensor([0, 128], null, 'float32'); // edges go up and down from middle grey

const [out] = convForward(x, w, b, { stride: 1, pad: 1 });

/** Stretches the values of a plane to 0..255. */
function stretched(plane: Tensor): Tensor {
  const [low, high] = [plane.min().item(), plane.max().item()];
  return high === low ? plane : plane.sub(low).mul(255 / (high - low));
}

const rows = pictures.map((picture, i): Panel[] => [
  { title: positionals[i] ?? 'original', picture: tensorToPicture(picture) },
  { title: 'grey levels', picture: tensorToPicture(stretched(out.slice(i, 0))) },
  { title: 'horizontal edges', picture: tensorToPicture(stretched(out.slice(i, 1))) },
]);
await writeFile(values.out, panelsSvg(rows));
console.log(`wrote ${values.out}`);
