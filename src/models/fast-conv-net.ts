/**
 * FastConvNet: a network that learns much in its first few passes over the data.
 *
 *   X (N, C, H, W)
 *   ->  W1, b1: whitening filters of 4x4 pixels, stride 2, not learnt (see `whiten`)  -  relu
 *   ->  {conv 3x3 - 2x2 max pool - batchnorm - relu - {conv 3x3 - batchnorm - relu} x (n - 1)} x blocks
 *   ->  max over what is left of each plane  -  affine  -  times logitScale  ->  scores (N, classes)
 *
 * The L2 penalty sees the last weights as they act, times logitScale: at full strength it would undo what they learn,
 * since by that factor they learn slowly.
 *
 * Convolutions but the first begin as the identity and have no bias, batchnorm has no scale that is learnt (every
 * gamma stays 1), and the pool stands before the batchnorm, which then has a quarter of the work. All these choices are
 * those of Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024, after Page, "How to train your ResNet",
 * 2018. The whitening filters are larger here and two pixels apart: on a processor, convolutions of many filters on
 * few pixels are worth more than their time on all pixels, and planes of 16, 8 and 4 pixels suit Winograd's tiles.
 */

import { checkImageShape, checkSizes } from '../layers/image-network.ts';
import { identityFilters, scaledByFanIn } from '../layers/initialize.ts';
import { whitening, type WhiteningOptions } from '../layers/whitening.ts';
import type { LayerRecord } from '../layers/record.ts';
import { affineRecord } from '../layers/records/affine.ts';
import { convRecord } from '../layers/records/convolution.ts';
import { flattenRecord, reluRecord, scaleRecord } from '../layers/records/elementwise.ts';
import { batchnormRecord } from '../layers/records/normalization.ts';
import { maxPoolRecord } from '../layers/records/pooling.ts';
import { checkBoolean, checkInteger, checkNumber, checkOptions, describe } from '../runtime/check.ts';
import { sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Network } from './network.ts';
import { checkNetworkOptions, networkOptions } from './options.ts';
import type { NetworkOptions } from './options.ts';

export interface FastConvNetOptions extends NetworkOptions {
  /** [channels, height, width] of an image, [3, 32, 32] unless given */
  inputDim?: readonly number[];
  /** filters of each block's convolutions; [[64, 64], [128, 128]] unless given */
  blocks?: ReadonlyArray<readonly number[]>;
  /** whitening filters, an even number of at most 32 C; 32 unless given */
  whiteningFilters?: number;
  /** what the scores are multiplied by; 1/9 unless given */
  logitScale?: number;
  /** the share of the running averages that batchnorm keeps in a step; 0.6 unless given, since steps are few */
  batchnormMomentum?: number;
  /** learn the first layer as well; false unless given */
  learnFirst?: boolean;
}

const filterSize = 3;
const patchSize = 4;
const patchStride = 2;

export class FastConvNet extends Network {
  readonly name: string = 'FastConvNet';

  /** Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range. */
  constructor(options: FastConvNetOptions = {}) {
    const fn = 'FastConvNet';
    checkOptions(
      fn, options,
      ['inputDim', 'blocks', 'whiteningFilters', 'logitScale', 'batchnormMomentum', 'learnFirst', ...networkOptions],
    );
    const { inputDim = [3, 32, 32], blocks = [[64, 64], [128, 128]] } = options;
    const learnFirst = checkBoolean(fn, 'learnFirst', options.learnFirst ?? false);
    const [channels, height, width] = checkImageShape(fn, inputDim);
    const widths = checkBlocks(fn, blocks, Math.floor(Math.min(height, width) / patchStride));
    const most = 2 * channels * patchSize ** 2;
    const count = checkInteger(fn, 'whiteningFilters', options.whiteningFilters ?? 32, 2, most);
    const logitScale = checkNumber(fn, 'logitScale', options.logitScale ?? 1 / 9);
    const momentum = checkNumber(fn, 'batchnormMomentum', options.batchnormMomentum ?? 0.6, 0, 1);
    const shared = checkNetworkOptions(fn, options);
    const { rng, dtype, numClasses } = shared;
    const left = [height, width].map((extent) => Math.floor(extent / (patchStride * 2 ** widths.length)));
    const layers: LayerRecord[] = [
      convRecord(channels, count, [patchSize, patchSize], { stride: patchStride, pad: 1 }), reluRecord(),
    ];
    let from = count;
    for (const block of widths) {
      for (const [i, filters] of block.entries()) {
        layers.push(
          convRecord(from, filters, [filterSize, filterSize], { stride: 1, pad: 1 }, false),
          ...(i === 0 ? [maxPoolRecord({ poolHeight: 2, poolWidth: 2, stride: 2 })] : []),
          batchnormRecord(filters, { momentum }), reluRecord(),
        );
        from = filters;
      }
    }
    layers.push(
      maxPoolRecord({ poolHeight: left[0], poolWidth: left[1], stride: left[0] }), flattenRecord(),
      affineRecord(from, numClasses, false), scaleRecord(logitScale),
    );
    const last = widths.flat().length + 2;
    const input = [channels, height, width];
    const config = { blocks: widths, whiteningFilters: count, logitScale, batchnormMomentum: momentum, learnFirst };
    super(fn, shared, { inputDim: input, ...config }, {
      input,
      layers,
      lastScale: logitScale,
      frozen: [...(learnFirst ? [] : ['W1', 'b1']), ...Array.from({ length: last - 2 }, (_, i) => `gamma${i + 2}`)],
      initialWeights: ([outputs, inputs], l) => {
        if (l === last) return scaledByFanIn(fn, outputs, inputs, 1 / 3, { rng, dtype });
        if (l === 1) return scaledByFanIn(fn, inputs, outputs, 2, { k: patchSize, rng, dtype });
        return identityFilters(fn, inputs, outputs, { k: filterSize, rng, dtype });
      },
    });
  }

  /**
   * Makes the first layer's filters whitening ones for images (N, C, H, W) prepared as those that the network will get;
   * until then they are random. Once, before training. Throws as whiteningFilters does, and RangeError for another
   * number of channels.
   */
  whiten(images: Tensor, options: Pick<WhiteningOptions, 'images' | 'epsilon'> = {}): void {
    const fn = 'FastConvNet.whiten';
    checkOptions(fn, options, ['images', 'epsilon']);
    const { W1 } = this.params;
    const filters = whitening(fn, images, { ...options, size: patchSize, filters: W1.shape[0] });
    if (!sameShape(filters.shape, W1.shape)) {
      throw new RangeError(`${fn}: images must have ${W1.shape[1]} channels, got ${images.shape[1]}`);
    }
    W1.assign(filters);
  }
}

/** The filters of each block. Throws for what is no list of such, and for more blocks than the image can be halved. */
function checkBlocks(fn: string, blocks: ReadonlyArray<readonly number[]>, extent: number): number[][] {
  if (!Array.isArray(blocks)) throw new TypeError(`${fn}: blocks must be an array of blocks, got ${describe(blocks)}`);
  const widths = (blocks as ReadonlyArray<readonly number[]>).map((block, i) => checkSizes(fn, `blocks[${i}]`, block));
  const most = Math.floor(Math.log2(Math.max(1, extent)));
  if (widths.length === 0 || widths.length > most || widths.some(({ length }) => length === 0)) {
    const room = `inputDim leaves room for ${most}, since each halves the image`;
    throw new RangeError(`${fn}: blocks must be 1 to ${most} lists of filters that are not empty (${room}), got ${describe(blocks)}`);
  }
  return widths;
}
