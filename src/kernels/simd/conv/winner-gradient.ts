/** The host's side of gradients at filters from pooling's winners: sizes, scratch and jobs. */

import type { FloatArray } from '../../contract.ts';
import type { ConvGeometry, PoolGeometry } from '../../geometry.ts';
import { alignBlock } from '../../memory/blocks.ts';
import { launch, launched, scratch } from '../launch.ts';
import { gradientGroupBytes, gradientGroups, winnerStripBytes } from './choose.ts';
import { entryBytes, winnerGradient, winnerReduce, type WinnerTaps } from './winner-gradient-kernels.ts';

/** Bytes of sums that a task of the reduction adds up at least. */
const reducedBytes = 16 * 1024;

/**
 * dw and db of convReluPoolBackward of the contract, for those that `takesWinners` (choose.ts) accepts. out is the
 * pooled output, dout its gradient.
 */
export const winnerFilterGradient: (
  dout: FloatArray, out: FloatArray, argmax: Int32Array, x: FloatArray, dw: FloatArray, db: FloatArray, g: ConvGeometry,
  pool: PoolGeometry,
) => void = launched((dout, out, argmax, x, dw, db, g, pool) => {
  const taps = g.kernelHeight as WinnerTaps;
  const rowBytes = 16 * (g.outWidth + taps - 1);
  const fitting = Math.floor((winnerStripBytes / rowBytes - taps + 1) / 2);
  const bandRows = Math.max(1, Math.min(pool.outHeight, fitting));
  const bands = Math.ceil(pool.outHeight / bandRows);
  const chunks = g.batch * bands;
  const listOffset = alignBlock(rowBytes * (2 * bandRows + taps - 1));
  // its end before the windows, and room behind them for one that does not count
  const listBytes = entryBytes * (1 + bandRows * pool.outWidth + 1);

  const channelGroups = Math.ceil(g.channels / 4);
  const filterBytes = 16 * (1 + channelGroups * taps * taps);
  const groupBytes = g.filters * filterBytes;
  const groups = Math.max(1, Math.min(gradientGroups, chunks, Math.floor(gradientGroupBytes / groupBytes)));
  const sums = scratch(groups * groupBytes);
  launch(winnerGradient[taps]).channels(g.channels).height(g.height).width(g.width).filters(g.filters).padTop(g.padTop)
    .padLeft(g.padLeft).outWidth(g.outWidth).windowRows(pool.outHeight).windowColumns(pool.outWidth).bandRows(bandRows)
    .bands(bands).chunks(chunks).groups(groups).channelGroups(channelGroups).filterBytes(filterBytes)
    .listOffset(listOffset).listBytes(listBytes).x(x).dout(dout).reluOut(out).argmax(argmax).sums(sums)
    .scratch(listOffset + g.filters * listBytes).run(groups);
  const perTask = Math.ceil(reducedBytes / (groups * filterBytes));
  launch(winnerReduce[taps]).channels(g.channels).channelGroups(channelGroups).filters(g.filters)
    .filterBytes(filterBytes).perTask(perTask).groups(groups).sums(sums).dw(dw).db(db)
    .run(Math.ceil(g.filters / perTask));
});
