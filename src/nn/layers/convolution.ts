/** The convolution layer. */

import { parameter, type Variable } from '../../autograd/variable.ts';
import { checkPad, type Pad, type PerAxis, perAxis } from '../../layers/geometry.ts';
import type { ConvParam } from '../../layers/convolution.ts';
import { convRecord, type ConvRecord } from '../../layers/records/convolution.ts';
import { checkBoolean, checkInteger } from '../../runtime/check.ts';
import type { Settings } from '../architecture/types.ts';
import { layerOptions, type LayerOptions } from '../defaults.ts';
import { uniformByFanIn } from '../initializers.ts';
import { LayerModule } from '../layer-module.ts';

export interface Conv2dOptions extends LayerOptions {
  /** pixels between neighbouring windows, 1 unless given */
  stride?: PerAxis;
  /** rows and columns of zeros on every side, 0 unless given; 'same' keeps ceil(size / stride), 'valid' adds none */
  padding?: Pad;
  /** pixels between neighbouring taps of a filter, 1 unless given */
  dilation?: PerAxis;
  /**
   * parts that channels and filters are cut into, each convolved by itself; 1 unless given, inChannels for depthwise
   */
  groups?: number;
  /** true unless given */
  bias?: boolean;
}

/**
 * Convolution of x (N, inChannels, H, W) by outChannels filters of the given size: weight (outChannels, inChannels /
 * groups, KH, KW), bias (outChannels). Both start uniform between -1 / sqrt(fanIn) and 1 / sqrt(fanIn), as in PyTorch.
 */
export class Conv2d extends LayerModule {
  readonly weight: Variable;
  /** null without bias */
  readonly bias: Variable | null;
  readonly _record: ConvRecord;
  override readonly _settings: Settings;
  override readonly _ranks: readonly number[] = [4];

  /** Throws TypeError for arguments of the wrong kind and unknown options, RangeError for values out of range. */
  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: Conv2dOptions = {}) {
    super();
    const fn = 'Conv2d';
    checkInteger(fn, 'inChannels', inChannels, 1);
    checkInteger(fn, 'outChannels', outChannels, 1);
    const kernel = perAxis(fn, 'kernelSize', kernelSize, 1);
    const { rng, dtype } = layerOptions(fn, options, ['stride', 'padding', 'dilation', 'groups', 'bias']);
    const { stride = 1, padding = 0, dilation = 1 } = options;
    const groups = checkInteger(fn, 'groups', options.groups ?? 1, 1);
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new RangeError(
        `${fn}: groups must divide ${inChannels} input and ${outChannels} output channels, got ${groups}`,
      );
    }
    const bias = checkBoolean(fn, 'bias', options.bias ?? true);
    const param: ConvParam = { stride, pad: padding, dilation, groups };
    this._record = convRecord(inChannels, outChannels, kernel, param, bias);
    const [{ shape }] = this._record.parameters;
    const fanIn = shape[1] * kernel[0] * kernel[1];
    this._settings = {
      inChannels, outChannels, kernelSize: kernel, stride: perAxis(fn, 'stride', stride, 1),
      padding: checkPad(fn, padding, 'padding'), dilation: perAxis(fn, 'dilation', dilation, 1), groups, bias, dtype,
    };
    this.weight = parameter(uniformByFanIn(shape, fanIn, rng, dtype));
    this.bias = bias ? parameter(uniformByFanIn([outChannels], fanIn, rng, dtype)) : null;
  }

  override layerParameters(): Variable[] {
    return this.bias === null ? [this.weight] : [this.weight, this.bias];
  }
}
