/**
 * A procedural stand-in for CIFAR-10: ten classes of 3x32x32 images drawn from a seed, for when no data is at hand.
 *
 * A class is a texture. It fills a patch of random outline, place and size, at a random phase, pitch and small angle,
 * in random colours, on a random, shaded background, under noise; and a straight cut gives part of the patch to
 * another class. The class is the texture that has the patch's centre, and so most of it. In a few pictures the cut
 * goes nearly through the centre, and nobody can be sure.
 *
 * So networks stand in the order in which they stand on photographs. Each class leans a little to a colour, which is
 * all that a linear classifier learns (two images in five are right); because of the random phase every pixel's
 * brightness has nearly the same distribution in every class. A layer of filters followed by a maximum over neighbours
 * sees a texture wherever it lies (nine in ten), and a deep network which of two is the larger; about one in thirty
 * stays a guess.
 *
 * A seed gives the same bytes on every engine: nothing but integer arithmetic, + - * / and the square root is used.
 */

import { checkInteger, checkOptions } from '../runtime/check.ts';
import { Rng } from '../tensor/random/rng.ts';
import { Tensor } from '../tensor/tensor.ts';
import { imageBytes, imageShape } from './cifar10.ts';
import type { ImageDataset, LabelledImages } from './cifar10.ts';
import { outlines, textures } from './textures.ts';
import type { Distance } from './textures.ts';

/** More images than this are refused: they would not fit in one array buffer anyway. */
const maxImages = 500_000;
const side = 32;
const plane = side * side;

/**
 * What is drawn at random, in pixels and grey levels. Contrast, lean and cut set how hard the set is: of test images a
 * linear classifier gets about 39% right, one hidden layer 75%, the course's three layers 93%, a deep network 96%.
 */
const ranges = {
  /** distance of the patch's centre from the image's, along each axis */
  offset: 3,
  radius: [16, 21],
  /** pixels from one repetition of the texture to the next */
  pitch: [5, 6.5],
  /** tangent of half the texture's angle: up to about 6 degrees to either side */
  halfAngle: 0.05,
  /** how much brighter the figure is than the ground it stands on, summed over the channels */
  contrast: 200,
  /** how far a class's colours lean to its own, in grey levels of a channel */
  lean: 80,
  /** distance of the cut from the patch's centre; the share of pictures in which it is `doubt` instead */
  cut: [2, 22],
  doubtful: 0.06,
  doubt: 0.2,
  /** change of the background's grey level per pixel, along each axis */
  shading: 1,
  /** standard deviation of the noise */
  noise: 8,
} as const;

type Colour = readonly [red: number, green: number, blue: number];

/** What makeShapes takes. */
export interface ShapesOptions {
  /** default 0 */
  seed?: number;
  /** training images; default 5,000 */
  numTrain?: number;
  /** test images; default 1,000 */
  numTest?: number;
}

/**
 * Draws the data set.
 *
 * The same seed gives the same images; more images of a seed begin with the fewer, and the test images do not depend
 * on the number of training images. Every ten consecutive images, from the first on, hold each class once.
 *
 * @returns train and test with uint8 images (N,3,32,32) and labels 0 to 9, and the class names: the form of loadCifar10
 * @throws TypeError or RangeError for unknown options and numbers that are no counts
 */
export function makeShapes(options: ShapesOptions = {}): ImageDataset {
  checkOptions('makeShapes', options, ['seed', 'numTrain', 'numTest']);
  const seed = checkInteger('makeShapes', 'seed', options.seed ?? 0, 0);
  const numTrain = checkInteger('makeShapes', 'numTrain', options.numTrain ?? 5000, 1, maxImages);
  const numTest = checkInteger('makeShapes', 'numTest', options.numTest ?? 1000, 1, maxImages);
  const seeds = new Rng(seed);
  const trainSeed = seeds.next32();
  const testSeed = seeds.next32();
  return {
    train: drawSet(new Rng(trainSeed), numTrain),
    test: drawSet(new Rng(testSeed), numTest),
    classNames: textures.map(({ name }) => name),
  };
}

function drawSet(rng: Rng, count: number): LabelledImages {
  const images = new Uint8Array(count * imageBytes);
  const labels = new Int32Array(count);
  let order = rng.permutation(textures.length).data;
  for (let n = 0; n < count; n++) {
    if (n > 0 && n % textures.length === 0) order = rng.permutation(textures.length).data;
    labels[n] = order[n % textures.length];
    drawImage(rng, labels[n], images.subarray(n * imageBytes, (n + 1) * imageBytes));
  }
  return { images: new Tensor(images, [count, ...imageShape]), labels };
}

/** A texture as it is laid on one image. */
interface Surface {
  readonly distance: Distance;
  readonly ground: Colour;
  readonly figure: Colour;
  readonly pitch: number;
  /** in repetitions of the texture; 0 where it lies around the patch's centre */
  readonly phaseX: number;
  readonly phaseY: number;
  readonly cos: number;
  readonly sin: number;
  /** 1 or -1 */
  readonly mirror: number;
}

/** Draws one image of a class into pixels (3,32,32). */
function drawImage(rng: Rng, label: number, pixels: Uint8Array): void {
  const step = 1 + Math.floor(rng.random() * (textures.length - 1));
  const most = drawSurface(rng, label);
  const rest = drawSurface(rng, (label + step) % textures.length);
  const background = drawColour(rng);
  const shadeX = between(rng, -ranges.shading, ranges.shading);
  const shadeY = between(rng, -ranges.shading, ranges.shading);

  const centreX = (side - 1) / 2 + between(rng, -ranges.offset, ranges.offset);
  const centreY = (side - 1) / 2 + between(rng, -ranges.offset, ranges.offset);
  const outline = outlines[Math.floor(rng.random() * outlines.length)];
  const radius = between(rng, ...ranges.radius);
  const [outlineCos, outlineSin] = drawDirection(rng);
  const [cutCos, cutSin] = drawDirection(rng);
  const cut = rng.random() < ranges.doubtful ? ranges.doubt : between(rng, ...ranges.cut);

  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++, at++) {
      const dx = x - centreX;
      const dy = y - centreY;
      const surface = dx * cutCos + dy * cutSin > cut ? rest : most;
      const { ground, figure, pitch, cos, sin } = surface;
      const u = (surface.mirror * dx * cos + dy * sin) / pitch + surface.phaseX;
      const v = (dy * cos - surface.mirror * dx * sin) / pitch + surface.phaseY;
      const inFigure = coverage(surface.distance(u, v) * pitch);
      const outlineX = (dx * outlineCos + dy * outlineSin) / radius;
      const outlineY = (dy * outlineCos - dx * outlineSin) / radius;
      const inPatch = coverage(outline(outlineX, outlineY) * radius);
      const shade = shadeX * dx + shadeY * dy;
      for (let c = 0; c < 3; c++) {
        const patch = ground[c] + inFigure * (figure[c] - ground[c]);
        const value = background[c] + inPatch * (patch - background[c]) + shade + ranges.noise * drawNoise(rng);
        pixels[c * plane + at] = Math.min(255, Math.max(0, Math.floor(value + 0.5)));
      }
    }
  }
}

function drawSurface(rng: Rng, label: number): Surface {
  const { distance, centred } = textures[label];
  const [ground, figure] = drawContrast(rng);
  const lean = tints[label];
  const pitch = between(rng, ...ranges.pitch);
  const phaseX = centred ? 0 : rng.random();
  const phaseY = centred ? 0 : rng.random();
  const [cos, sin] = rotation(between(rng, -ranges.halfAngle, ranges.halfAngle));
  const mirror = rng.random() < 0.5 ? 1 : -1;
  const colours = { ground: tinted(ground, lean), figure: tinted(figure, lean) };
  return { ...colours, distance, pitch, phaseX, phaseY, cos, sin, mirror };
}

/** What each class's colours lean to: hues evenly around the circle. */
const tints: readonly Colour[] = textures.map((_, label) => {
  const tint = (turn: number): number => ranges.lean * (4 * Math.abs(turn - Math.floor(turn + 0.5)) - 1);
  const hue = label / textures.length;
  return [tint(hue), tint(hue + 1 / 3), tint(hue + 2 / 3)];
});

function tinted(colour: Colour, tint: Colour): Colour {
  return [colour[0] + tint[0], colour[1] + tint[1], colour[2] + tint[2]];
}

/** How much of a pixel lies inside an edge that is so many pixels away (negative: inside). */
function coverage(distance: number): number {
  return Math.min(1, Math.max(0, 0.5 - distance));
}

function between(rng: Rng, low: number, high: number): number {
  return low + (high - low) * rng.random();
}

function drawColour(rng: Rng): Colour {
  return [between(rng, 0, 255), between(rng, 0, 255), between(rng, 0, 255)];
}

/** Two colours of which the second is clearly brighter. */
function drawContrast(rng: Rng): [ground: Colour, figure: Colour] {
  for (;;) {
    const ground = drawColour(rng);
    const figure = drawColour(rng);
    const difference = figure[0] + figure[1] + figure[2] - ground[0] - ground[1] - ground[2];
    if (difference > ranges.contrast) return [ground, figure];
  }
}

/** A direction, all equally likely: a point of the unit disc, moved to its rim. */
function drawDirection(rng: Rng): [cos: number, sin: number] {
  for (;;) {
    const x = between(rng, -1, 1);
    const y = between(rng, -1, 1);
    const square = x * x + y * y;
    if (square > 0.01 && square <= 1) return [x / Math.sqrt(square), y / Math.sqrt(square)];
  }
}

/** Cosine and sine from the tangent of half the angle, without functions that differ between engines. */
function rotation(halfTangent: number): [cos: number, sin: number] {
  const square = halfTangent * halfTangent;
  return [(1 - square) / (1 + square), (2 * halfTangent) / (1 + square)];
}

/** Noise of mean 0 and variance 1, close to normal: the sum of the four bytes of one draw. */
function drawNoise(rng: Rng): number {
  const bits = rng.next32();
  const sum = (bits & 255) + ((bits >>> 8) & 255) + ((bits >>> 16) & 255) + (bits >>> 24);
  // a byte has mean 127.5 and variance (256^2 - 1) / 12; four have the deviation 147.8
  return (sum - 510) / 147.8;
}
