/**
 * DeepConvNet: {conv 3x3 - [batchnorm] - relu - [2x2 max pool]} x (L - 1) - affine - softmax.
 *
 *   X (N, C, H, W)  ->  W1 (F1, C, 3, 3), b1, gamma1, beta1 (F1), padded so that H and W stay  ->  ...
 *   ->  WL (F h w, classes), bL (classes)  ->  scores (N, classes)
 */

import { affineBackward, affineForward } from '../layers/affine.ts';
import {
  convBatchnormReluBackward, convBatchnormReluForward, convBatchnormReluPoolBackward, convBatchnormReluPoolForward,
  convReluBackward, convReluForward, convReluPoolBackward, convReluPoolForward,
} from '../layers/conv-sandwich.ts';
import { convBatchnormReluInference, maxPoolInference } from '../layers/inference.ts';
import { normalInit, scaledByFanIn } from '../layers/initialize.ts';
import { checkBoolean, checkInteger, checkNumber, checkOneOf, checkOptions, describe } from '../runtime/check.ts';
import { ones, zeros } from '../tensor/creation.ts';
import { shapeText } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkImageInput, Network, testTimeParam } from './network.ts';
import type { LayerBackward } from './network.ts';
import { checkImageShape, checkNetworkOptions, checkSizes, networkOptions } from './options.ts';
import type { NetworkOptions } from './options.ts';
import { affineRow, batchnormRow, convRow, maxPoolRow, reluRow } from './summary.ts';
import type { LayerRow } from './summary.ts';

export interface DeepConvNetOptions extends NetworkOptions {
  /** [channels, height, width] of an image, [3, 32, 32] unless given */
  inputDim?: readonly number[];
  /** filters of each convolution, five times 8 unless given */
  numFilters?: readonly number[];
  /**
   * which convolutions are followed by a pool, counted from 0; unless given, the first ones, as many as there are and
   * as the image can be halved: [0, 1, 2, 3, 4] for five or more convolutions on 32x32
   */
  maxPools?: readonly number[];
  /** a batchnorm after each convolution; false unless given */
  batchnorm?: boolean;
  /** standard deviation of the initial weights, or 'kaiming'; 1e-3 unless given; biases start at 0 */
  weightScale?: number | 'kaiming';
}

const convParam = { stride: 1, pad: 1 };
const poolParam = { poolHeight: 2, poolWidth: 2, stride: 2 };

export class DeepConvNet extends Network {
  readonly name: string = 'DeepConvNet';
  protected readonly depth: number;
  /** of an image at first, then of each convolution's output after its pool */
  private readonly shapes: ReadonlyArray<readonly [channels: number, height: number, width: number]>;
  private readonly pooled: ReadonlySet<number>;
  private readonly batchnorm: boolean;

  /** Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range. */
  constructor(options: DeepConvNetOptions = {}) {
    const fn = 'DeepConvNet';
    checkOptions(fn, options, ['inputDim', 'numFilters', 'maxPools', 'batchnorm', 'weightScale', ...networkOptions]);
    const {
      inputDim = [3, 32, 32], numFilters = [8, 8, 8, 8, 8], maxPools, batchnorm = false, weightScale = 1e-3,
    } = options;
    const imageShape = checkImageShape(fn, inputDim);
    const filters = checkSizes(fn, 'numFilters', numFilters);
    if (filters.length === 0) throw new RangeError(`${fn}: numFilters must name at least one convolution, got none`);
    const pooled = checkPools(fn, maxPools ?? possiblePools(imageShape, filters.length), filters.length);
    checkBoolean(fn, 'batchnorm', batchnorm);
    if (typeof weightScale === 'string') checkOneOf(fn, 'weightScale (or a number)', weightScale, ['kaiming']);
    else checkNumber(fn, 'weightScale', weightScale, 0);
    const shapes = shapesAlong(fn, imageShape, filters, pooled);
    const shared = checkNetworkOptions(fn, options);
    super(shared, { inputDim: imageShape, numFilters: filters, maxPools: [...pooled], batchnorm, weightScale });
    this.depth = filters.length + 1;
    this.shapes = shapes;
    this.pooled = pooled;
    this.batchnorm = batchnorm;

    const { rng, dtype } = shared;
    for (let l = 1; l < this.depth; l++) {
      const [channels] = shapes[l - 1];
      const count = filters[l - 1];
      this.params[`W${l}`] = weightScale === 'kaiming'
        ? scaledByFanIn(fn, channels, count, 2, { k: 3, rng, dtype })
        : normalInit(fn, [count, channels, 3, 3], weightScale, rng, dtype);
      this.params[`b${l}`] = zeros(count, dtype);
      if (!batchnorm) continue;
      this.params[`gamma${l}`] = ones(count, dtype);
      this.params[`beta${l}`] = zeros(count, dtype);
      this.bnParams.push({ mode: 'train' });
    }
    const features = this.featureCount();
    this.params[`W${this.depth}`] = weightScale === 'kaiming'
      ? scaledByFanIn(fn, features, this.numClasses, 1, { rng, dtype })
      : normalInit(fn, [features, this.numClasses], weightScale, rng, dtype);
    this.params[`b${this.depth}`] = zeros(this.numClasses, dtype);
    this.placeParams();
  }

  /** Numbers an example before the affine layer. */
  private featureCount(): number {
    const [channels, height, width] = this.shapes[this.shapes.length - 1];
    return channels * height * width;
  }

  protected checkInput(fn: string, X: Tensor): void {
    checkImageInput(fn, X, this.shapes[0]);
  }

  protected forwardLayer(l: number, x: Tensor): [out: Tensor, backward: LayerBackward] {
    const [W, b, gamma, beta] = this.layerParams(l);
    if (l === this.depth) {
      const [out, cache] = affineForward(x, W, b);
      return [out, (dout, inputGradient) => affineBackward(dout, cache, inputGradient)];
    }
    const pools = this.pooled.has(l - 1);
    if (this.batchnorm && pools) {
      const [out, cache] =
        convBatchnormReluPoolForward(x, W, b, gamma, beta, convParam, this.bnParams[l - 1], poolParam);
      return [out, (dout, inputGradient) => convBatchnormReluPoolBackward(dout, cache, inputGradient)];
    }
    if (this.batchnorm) {
      const [out, cache] = convBatchnormReluForward(x, W, b, gamma, beta, convParam, this.bnParams[l - 1]);
      return [out, (dout, inputGradient) => convBatchnormReluBackward(dout, cache, inputGradient)];
    }
    if (pools) {
      const [out, cache] = convReluPoolForward(x, W, b, convParam, poolParam);
      return [out, (dout, inputGradient) => convReluPoolBackward(dout, cache, inputGradient)];
    }
    const [out, cache] = convReluForward(x, W, b, convParam);
    return [out, (dout, inputGradient) => convReluBackward(dout, cache, inputGradient)];
  }

  protected inferLayer(l: number, x: Tensor): Tensor {
    const [W, b, gamma, beta] = this.layerParams(l);
    if (l === this.depth) return affineForward(x, W, b)[0];
    const out = this.batchnorm
      ? convBatchnormReluInference(x, W, b, gamma, beta, convParam, testTimeParam(this.bnParams[l - 1]))
      : convReluForward(x, W, b, convParam)[0];
    return this.pooled.has(l - 1) ? maxPoolInference(out, poolParam) : out;
  }

  protected layerRows(): LayerRow[] {
    const rows: LayerRow[] = [];
    for (let l = 1; l < this.depth; l++) {
      const [channels, height, width] = this.shapes[l - 1];
      const [filters] = this.shapes[l];
      const shape = [filters, height, width];
      rows.push(convRow(channels, filters, 3, height, width));
      if (this.batchnorm) rows.push(batchnormRow(shape));
      rows.push(reluRow(shape));
      if (this.pooled.has(l - 1)) rows.push(maxPoolRow(this.shapes[l]));
    }
    return [...rows, affineRow(this.featureCount(), this.numClasses)];
  }
}

/** The first convolutions, one for every time that the image can be halved. */
function possiblePools([, height, width]: readonly number[], convolutions: number): number[] {
  return Array.from({ length: Math.min(convolutions, 31 - Math.clz32(Math.min(height, width))) }, (_, i) => i);
}

/** The convolutions that a pool follows. Throws RangeError for an index that is none or is named twice. */
function checkPools(fn: string, maxPools: readonly number[], convolutions: number): ReadonlySet<number> {
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
function shapesAlong(
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
