/**
 * Fine-tuning: a network that has learnt ten classes of drawn pictures learns three new ones from sixty pictures, by a
 * new last layer on what it sees already; a network of the same form that begins anew has only the sixty.
 *
 *   npx tsx examples/fine-tune.ts
 *
 * Outside this repository, import from 'tilegrad', 'tilegrad/nn', 'tilegrad/io' and so on.
 */

import { fileURLToPath } from 'node:url';
import { makeShapes, normalizeImages, prepareImages } from '../src/data/index.ts';
import { Rng, Tensor } from '../src/index.ts';
import { loadModel, saveModel } from '../src/io/index.ts';
import { replaceHead, type Trainable, vggLike } from '../src/nn/index.ts';

const inputShape = [3, 32, 32];
const colours = { red: [220, 60, 50], green: [60, 180, 80], blue: [60, 90, 220] } as const;

/** Pictures of stripes of three directions, which no class of the first network is, on a ground of any colour. */
function drawStripes(count: number, rng: Rng): { images: Tensor; labels: Int32Array } {
  const pixels = new Uint8Array(count * 3 * 32 * 32);
  const labels = Int32Array.from({ length: count }, (_, i) => i % 3);
  for (let i = 0; i < count; i++) {
    const [front, back] = [0, 1].map(() => Object.values(colours)[Math.floor(rng.random() * 3)]);
    const [width, offset] = [2 + Math.floor(rng.random() * 3), Math.floor(rng.random() * 8)];
    for (let y = 0; y < 32; y++) {
      for (let x = 0; x < 32; x++) {
        const along = [x, y, x + y][labels[i]] + offset;
        const colour = Math.floor(along / width) % 2 === 0 ? front : back.map((value) => value / 3);
        for (let c = 0; c < 3; c++) pixels[((i * 3 + c) * 32 + y) * 32 + x] = colour[c] + 40 * (rng.random() - 0.5);
      }
    }
  }
  return { images: new Tensor(pixels, [count, 3, 32, 32]), labels };
}

/** Accuracies on new pictures of the network that was fine-tuned and of one that began anew. */
export async function fineTune(
  { numTrain = 2000, epochs = 3 }: { numTrain?: number; epochs?: number } = {},
): Promise<{ tuned: number; anew: number }> {
  const known = prepareImages(makeShapes({ numTrain, numTest: 10 }), { normalize: true, numValidation: 0 });
  const { mean, std, classNames } = known;
  const make = (numClasses: number): Trainable =>
    vggLike({ widths: [[16], [32], [64]], numClasses, rng: new Rng(0) });
  const base = make(10).compile();
  await base.fit(known.XTrain, known.yTrain, { epochs, batchSize: 50, rng: new Rng(1) });
  const file = saveModel(base, { classNames, mean, std, inputShape });

  const loaded = loadModel(file);
  const { model, head } = replaceHead(loaded.model as Trainable, 3, { rng: new Rng(2) });
  model.freeze();
  head.freeze(false);
  const rng = new Rng(3);
  const [training, test] = [drawStripes(60, rng), drawStripes(300, rng)];
  const prepared = (images: Tensor): Tensor => normalizeImages(images, loaded.mean!, loaded.std!);
  const accuracyOf = async (net: Trainable): Promise<number> => {
    net.compile(); // after freezing: the optimiser takes what learns
    await net.fit(prepared(training.images), training.labels, { epochs: 10, batchSize: 20, rng: new Rng(4) });
    return net.evaluate(prepared(test.images), test.labels).accuracy;
  };
  return { tuned: await accuracyOf(model), anew: await accuracyOf(make(3)) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { tuned, anew } = await fineTune();
  console.log(`accuracy on new pictures: ${(100 * tuned).toFixed(1)}% with the head alone, ${(100 * anew).toFixed(1)}% anew`);
}
