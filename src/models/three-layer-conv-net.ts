/**
 * ThreeLayerConvNet: conv - relu - 2x2 max pool - affine - relu - affine - softmax.
 *
 *   X (N, C, H, W)  ->  W1 (F, C, K, K), b1 (F), padded so that H and W stay  ->  relu  ->  pool (N, F, H/2, W/2)
 *   ->  W2 (F H/2 W/2, M), b2 (M)  ->  relu  ->  W3 (M, classes), b3 (classes)  ->  scores (N, classes)
 */

import { affineBackward, affineForward } from '../layers/affine.ts';
import { affineReluBackward, affineReluForward } from '../layers/affine-sandwich.ts';
import { convReluForward, convReluPoolBackward, convReluPoolForward } from '../layers/conv-sandwich.ts';
import { maxPoolInference } from '../layers/inference.ts';
import { normalInit } from '../layers/initialize.ts';
import { checkInteger, checkNumber, checkOptions } from '../runtime/check.ts';
import { zeros } from '../tensor/creation.ts';
import { shapeText } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkImageInput, Network } from './network.ts';
import type { LayerBackward } from './network.ts';
import { checkImageShape, checkNetworkOptions, networkOptions } from './options.ts';
import type { NetworkOptions } from './options.ts';
import { affineRow, convRow, maxPoolRow, reluRow } from '../layers/summary.ts';
import type { LayerRow } from '../layers/summary.ts';

export interface ThreeLayerConvNetOptions extends NetworkOptions {
  /** [channels, height, width] of an image, [3, 32, 32] unless given */
  inputDim?: readonly number[];
  /** 32 unless given */
  numFilters?: number;
  /** the side of the filters, odd, 7 unless given */
  filterSize?: number;
  /** 100 unless given */
  hiddenDim?: number;
  /** standard deviation of the initial weights, 1e-3 unless given; biases start at 0 */
  weightScale?: number;
}

const pool = { poolHeight: 2, poolWidth: 2, stride: 2 };

export class ThreeLayerConvNet extends Network {
  readonly name: string = 'ThreeLayerConvNet';
  protected readonly depth: number = 3;
  private readonly imageShape: readonly [channels: number, height: number, width: number];
  private readonly numFilters: number;
  private readonly filterSize: number;
  private readonly hiddenDim: number;

  /** Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range. */
  constructor(options: ThreeLayerConvNetOptions = {}) {
    const fn = 'ThreeLayerConvNet';
    checkOptions(fn, options, ['inputDim', 'numFilters', 'filterSize', 'hiddenDim', 'weightScale', ...networkOptions]);
    const {
      inputDim = [3, 32, 32], numFilters = 32, filterSize = 7, hiddenDim = 100, weightScale = 1e-3,
    } = options;
    const imageShape = checkImageShape(fn, inputDim);
    checkInteger(fn, 'numFilters', numFilters, 1);
    checkInteger(fn, 'filterSize', filterSize, 1);
    if (filterSize % 2 === 0) {
      throw new RangeError(`${fn}: filterSize must be odd, so that padding keeps the size, got ${filterSize}`);
    }
    checkInteger(fn, 'hiddenDim', hiddenDim, 1);
    checkNumber(fn, 'weightScale', weightScale, 0);
    const [channels, height, width] = imageShape;
    if (height < 2 || width < 2) {
      throw new RangeError(`${fn}: inputDim must leave room for 2x2 pooling, got ${shapeText(imageShape)}`);
    }
    const shared = checkNetworkOptions(fn, options);
    super(shared, { inputDim: imageShape, numFilters, filterSize, hiddenDim, weightScale });
    this.imageShape = imageShape;
    this.numFilters = numFilters;
    this.filterSize = filterSize;
    this.hiddenDim = hiddenDim;

    const { rng, dtype } = shared;
    this.params.W1 = normalInit(fn, [numFilters, channels, filterSize, filterSize], weightScale, rng, dtype);
    this.params.b1 = zeros(numFilters, dtype);
    this.params.W2 = normalInit(fn, [this.pooledSize(), hiddenDim], weightScale, rng, dtype);
    this.params.b2 = zeros(hiddenDim, dtype);
    this.params.W3 = normalInit(fn, [hiddenDim, this.numClasses], weightScale, rng, dtype);
    this.params.b3 = zeros(this.numClasses, dtype);
    this.placeParams();
  }

  /** Numbers an example after the pooling. */
  private pooledSize(): number {
    const [, height, width] = this.imageShape;
    return this.numFilters * Math.floor(height / 2) * Math.floor(width / 2);
  }

  private convParam(): { stride: number; pad: number } {
    return { stride: 1, pad: (this.filterSize - 1) / 2 };
  }

  protected checkInput(fn: string, X: Tensor): void {
    checkImageInput(fn, X, this.imageShape);
  }

  protected forwardLayer(l: number, x: Tensor): [out: Tensor, backward: LayerBackward] {
    const [W, b] = this.layerParams(l);
    if (l === 1) {
      const [out, cache] = convReluPoolForward(x, W, b, this.convParam(), pool);
      return [out, (dout, inputGradient) => convReluPoolBackward(dout, cache, inputGradient)];
    }
    if (l === 2) {
      const [out, cache] = affineReluForward(x, W, b);
      return [out, (dout, inputGradient) => affineReluBackward(dout, cache, inputGradient)];
    }
    const [out, cache] = affineForward(x, W, b);
    return [out, (dout, inputGradient) => affineBackward(dout, cache, inputGradient)];
  }

  protected inferLayer(l: number, x: Tensor): Tensor {
    if (l > 1) return this.forwardLayer(l, x)[0];
    const [W, b] = this.layerParams(1);
    return maxPoolInference(convReluForward(x, W, b, this.convParam())[0], pool);
  }

  protected layerRows(): LayerRow[] {
    const [channels, height, width] = this.imageShape;
    return [
      convRow(channels, this.numFilters, this.filterSize, height, width),
      reluRow([this.numFilters, height, width]),
      maxPoolRow([this.numFilters, Math.floor(height / 2), Math.floor(width / 2)]),
      affineRow(this.pooledSize(), this.hiddenDim),
      reluRow([this.hiddenDim]),
      affineRow(this.hiddenDim, this.numClasses),
    ];
  }
}
