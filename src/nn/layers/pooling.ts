/** Pooling layers, with PyTorch's names and defaults. */

import { checkPad, type Pad, type PadRule, type PerAxis, perAxis } from '../../layers/geometry.ts';
import type { LayerRecord } from '../../layers/record.ts';
import { adaptiveAvgPoolRecord, avgPoolRecord, maxPoolRecord } from '../../layers/records/pooling.ts';
import { checkBoolean, checkOptions } from '../../runtime/check.ts';
import type { Settings } from '../architecture/types.ts';
import { LayerModule } from '../layer-module.ts';

export interface PoolOptions {
  /** pixels between neighbouring windows, the window's size unless given */
  stride?: PerAxis;
  /**
   * pixels by which windows overhang the image on every side, at most half a window; 0 unless given. 'same' gives an
   * output of ceil(size / stride), 'valid' adds none.
   */
  padding?: Pad;
}

export interface AvgPoolOptions extends PoolOptions {
  /** counts what lies outside the image as zeros, true unless given */
  countIncludePad?: boolean;
}

/** The param of a pooling layer from its options, of which `own` are its own. */
export function poolParam(
  fn: string, window: PerAxis, options: PoolOptions, own: readonly string[] = [],
): { poolHeight: number; poolWidth: number; stride: readonly [number, number]; pad: PadRule } {
  const [poolHeight, poolWidth] = perAxis(fn, 'kernelSize', window, 1);
  checkOptions(fn, options, ['stride', 'padding', ...own]);
  const { stride = [poolHeight, poolWidth], padding = 0 } = options;
  return { poolHeight, poolWidth, stride: perAxis(fn, 'stride', stride, 1), pad: checkPad(fn, padding, 'padding') };
}

/** The param of a pooling layer under the names of its options. */
function poolSettings({ poolHeight, poolWidth, stride, pad }: ReturnType<typeof poolParam>): Settings {
  return { kernelSize: [poolHeight, poolWidth], stride, padding: pad };
}

/** The maximum of each window of x (N, C, H, W). */
export class MaxPool2d extends LayerModule {
  readonly _record: LayerRecord;
  override readonly _settings: Settings;
  override readonly _ranks: readonly number[] = [4];

  /** Throws TypeError for arguments of the wrong kind and unknown options, RangeError for values out of range. */
  constructor(kernelSize: PerAxis, options: PoolOptions = {}) {
    super();
    const param = poolParam('MaxPool2d', kernelSize, options);
    this._record = maxPoolRecord(param);
    this._settings = poolSettings(param);
  }
}

/** The average of each window of x (N, C, H, W). */
export class AvgPool2d extends LayerModule {
  readonly _record: LayerRecord;
  override readonly _settings: Settings;
  override readonly _ranks: readonly number[] = [4];

  /** Throws TypeError for arguments of the wrong kind and unknown options, RangeError for values out of range. */
  constructor(kernelSize: PerAxis, options: AvgPoolOptions = {}) {
    super();
    const fn = 'AvgPool2d';
    const param = poolParam(fn, kernelSize, options, ['countIncludePad']);
    const countIncludePad = checkBoolean(fn, 'countIncludePad', options.countIncludePad ?? true);
    this._record = avgPoolRecord({ ...param, countIncludePad });
    this._settings = { ...poolSettings(param), countIncludePad };
  }
}

/** Averages of x (N, C, H, W) over windows that cover the image evenly, so many of them: 1 averages each channel. */
export class AdaptiveAvgPool2d extends LayerModule {
  readonly _record: LayerRecord;
  override readonly _settings: Settings;
  override readonly _ranks: readonly number[] = [4];

  /** Throws TypeError or RangeError for sizes that are not positive integers. */
  constructor(outputSize: PerAxis) {
    super();
    const size = perAxis('AdaptiveAvgPool2d', 'outputSize', outputSize, 1);
    this._record = adaptiveAvgPoolRecord(size);
    this._settings = { outputSize: size };
  }
}
