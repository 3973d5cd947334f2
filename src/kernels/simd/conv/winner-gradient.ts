/** The host's side of gradients at filters from pooling's winners: sizes, scratch and jobs. */

import type { FloatArray } from '../../contract.ts';
import type { ConvGeometry } from '../../geometry.ts';
import { alignBlock } from '../../memory/blocks.ts';
import { launch, launched, scratch, scratchArray, staged } from '../launch.ts';
import { gradientGroupBytes, gradientGroups } from './choose.ts';
import { winnerStripBytes } from './choose-winners.ts';
import { entryBytes, winnerGradient, winnerReduce, type WinnerTaps } from './winner-gradient-kernels.ts';

/** Bytes of sums that a task of the reduction adds up at least. */
const reducedBytes = 16 * 1024;

/** What pooling says of its winners: its output, not positive where the relu cut, and their places. */
interface Winners {
  readonly out: FloatArray;
  readonly argmax: Int32Array;
}

/**
 * dw and db, for convolutions that `mayHaveWinners` (choose-winners.ts) accepts, from the pooled output's gradient, or,
 * with winners null, from the convolution's own where that has one number a window at most; else false, and dw and db
 * are left as they are.
 */
export const winnerFilterGradient: (
  dout: FloatArray, winners: Winners | null, x: FloatArray, dw: FloatArray, db: FloatArray, g: ConvGeometry,
) => boolean = launched((dout, winners, x, dw, db, g) => {
  const taps = g.kernelHeight as WinnerTaps;
  const [windowRows, windowColumns] = [g.outHeight / 2, g.outWidth / 2];
  const rowBytes = 16 * (g.outWidth + taps - 1);
  const fitting = Math.floor((winnerStripBytes / rowBytes - taps + 1) / 2);
  const bandRows = Math.max(1, Math.min(windowRows, fitting));
  const bands = Math.ceil(windowRows / bandRows);
  const chunks = g.batch * bands;
  const listOffset = alignBlock(rowBytes * (2 * bandRows + taps - 1));
  // its end before the windows, and room behind them for one that does not count
  const listBytes = entryBytes * (1 + bandRows * windowColumns + 1);

  const channelGroups = Math.ceil(g.channels / 4);
  const filterBytes = 16 * (1 + channelGroups * taps * taps);
  const groupBytes = g.filters * filterBytes;
  const groups = Math.max(1, Math.min(gradientGroups, chunks, Math.floor(gradientGroupBytes / groupBytes)));
  const sums = scratch(groups * groupBytes);
  const failed = scratchArray('int32', groups);
  launch(winnerGradient[taps]).channels(g.channels).height(g.height).width(g.width).filters(g.filters).padTop(g.padTop)
    .padLeft(g.padLeft).outWidth(g.outWidth).windowRows(windowRows).windowColumns(windowColumns).bandRows(bandRows)
    .bands(bands).chunks(chunks).groups(groups).channelGroups(channelGroups).filterBytes(filterBytes)
    .listOffset(listOffset).listBytes(listBytes).x(x).dout(dout).reluOut(winners === null ? null : winners.out)
    .argmax(winners === null ? null : winners.argmax).failed(staged(failed, false)).sums(sums)
    .scratch(listOffset + g.filters * listBytes).run(groups);
  for (let i = 0; i < groups; i++) if (failed[i] !== 0) return false;
  const perTask = Math.ceil(reducedBytes / (groups * filterBytes));
  launch(winnerReduce[taps]).channels(g.channels).channelGroups(channelGroups).filters(g.filters)
    .filterBytes(filterBytes).perTask(perTask).groups(groups).sums(sums).dw(dw).db(db)
    .run(Math.ceil(g.filters / perTask));
  return true;
});
