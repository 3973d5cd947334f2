/** The host's side of convolution with windows of 3x3 that move by 2 (the kernels are in halving-kernels.ts). */

import { roundUp } from '../../../runtime/numbers.ts';
import type { ConvKernels, FloatArray } from '../../contract.ts';
import type { ConvGeometry } from '../../geometry.ts';
import { alignBlock } from '../../memory/blocks.ts';
import { type Address, form, launch, launched, scratch } from '../launch.ts';
import {
  type FilterGradient, gradientGroupBytes, gradientGroups, type InputGradient, leastTasks, winogradTaskTiles,
} from './choose.ts';
import {
  halvingChunkBytes, halvingGroupTiles, halvingLeastTiles, halvingTileBytes, halvingTiles,
} from './choose-halving.ts';
import { epilogueTable } from './epilogue.ts';
import { halvingOutputs, halvingPlaces } from './halving-algebra.ts';
import { halvingGradient, halvingReduce } from './halving-gradient-kernels.ts';
import {
  halvingFilters, halvingForward as forwardKernel, halvingInputGradient as inputGradientKernel,
} from './halving-kernels.ts';
import { halvingPointCount, halvingSizes, halvingTemporaryPixels } from './halving-tiles.ts';
import { tilesTogether } from './tile-product.ts';
import { pixelShape } from './winograd-transforms.ts';

/** Distances between points: an odd number of cache lines, so that the streams of the points do not collide. */
function oddLines(bytes: number): number {
  const lines = Math.ceil(bytes / 64);
  return 64 * (lines % 2 === 0 ? lines + 1 : lines);
}

/** A convolution cut into chunks of tile rows: the kernels' sizes, the chunks, and the scratch that a thread needs. */
type Chunks = { readonly [Name in keyof typeof halvingSizes | 'chunks' | 'scratchBytes']: number };

/** So many tasks at least, where there are tiles for them; wholeImages: no image in two chunks. */
function cut(g: ConvGeometry, wantedTasks: number, wholeImages: boolean = false): Chunks {
  const tilesX = Math.ceil(g.outWidth / halvingOutputs);
  const tilesY = Math.ceil(g.outHeight / halvingOutputs);
  const rows = g.batch * tilesY;
  const { lanes, bytes } = pixelShape(form());
  // by vectors, so that chunks, and with them the order of sums, are the same in every form
  const tiles = Math.max(halvingLeastTiles, Math.floor(halvingChunkBytes / halvingTileBytes(g)));
  const wanted = Math.max(1, Math.min(wantedTasks, Math.floor(rows * tilesX / winogradTaskTiles)));
  // as many chunks for each of the tasks that there are at least
  const pieces = wanted * Math.ceil(rows / wanted / Math.max(1, Math.floor(tiles / tilesX)));
  let rowsPerTask = Math.ceil(rows / pieces);
  if (wholeImages) rowsPerTask = tilesY * Math.max(1, Math.floor(rowsPerTask / tilesY));

  // odd numbers of lines here too
  const groupBytes = oddLines(bytes * roundUp(rowsPerTask * tilesX, tilesTogether(form())));
  const vPointBytes = oddLines(4 * (g.channels / lanes) * groupBytes);
  const mPointBytes = oddLines((g.filters / lanes) * groupBytes);
  const stripWidth = 2 * halvingOutputs * tilesX + 1;
  const mOffset = halvingPointCount * vPointBytes;
  const stripOffset = mOffset + halvingPointCount * mPointBytes;
  const temporaryOffset = stripOffset + alignBlock(bytes * halvingPlaces * stripWidth);
  return {
    ...g, tilesX, tilesY, rowsPerTask, groupBytes, vPointBytes, mPointBytes,
    uPointBytes: oddLines(16 * g.channels * g.filters), mOffset, stripOffset, stripWidth, temporaryOffset,
    chunks: Math.ceil(rows / rowsPerTask),
    scratchBytes: temporaryOffset + bytes * halvingTemporaryPixels + 4 * g.filters,
  };
}

/** The transformed filters, inside a launch. */
function transformed(w: FloatArray, { channels, filters, uPointBytes }: Chunks, turned: boolean): Address {
  const u = scratch(halvingPointCount * uPointBytes);
  launch(halvingFilters).filters(filters).channels(channels).uPointBytes(uPointBytes).turned(turned).w(w).u(u)
    .run((turned ? channels : filters) / 4);
  return u;
}

/** convForward of the contract, for convolutions that `takesHalving` (choose-halving.ts) accepts. */
export const halvingForward: ConvKernels['convForward'] = launched((x, w, b, out, g, epilogue) => {
  const chunks = cut(g, leastTasks);
  const table = epilogueTable(x, g.filters, epilogue.scale, b);
  const u = transformed(w, chunks, false);
  launch(forwardKernel).from(halvingSizes, chunks).x(x).u(u).table(table)
    .relu(epilogue.relu === true).out(out).scratch(chunks.scratchBytes).run(chunks.chunks);
});

/** The gradient at x, where `takesHalvingGradient` accepts it. */
export const halvingInputGradient: InputGradient = launched((dout, w, dx, g) => {
  const chunks = cut(g, leastTasks, true);
  const u = transformed(w, chunks, true);
  launch(inputGradientKernel).from(halvingSizes, chunks).dout(dout).u(u).dx(dx)
    .scratch(chunks.scratchBytes).run(chunks.chunks);
});

/** The gradients at the filters and the bias. */
export const halvingFilterGradient: FilterGradient = launched((dout, x, dw, db, g) => {
  const wanted = Math.max(2, Math.min(gradientGroups, Math.floor(g.batch * halvingTiles(g) / halvingGroupTiles)));
  const chunks = cut(g, wanted);
  const groupBytes = halvingPointCount * chunks.uPointBytes;
  const most = Math.max(2, Math.min(wanted, Math.floor(gradientGroupBytes / groupBytes)));
  // as few as have no longer ones: each is one more sum to keep and to add up
  const groups = Math.ceil(chunks.chunks / Math.ceil(chunks.chunks / most));
  const u = scratch(groups * groupBytes);
  const sums = scratch(groups * 4 * g.filters);
  launch(halvingGradient).from(halvingSizes, chunks).x(x).dout(dout).chunks(chunks.chunks).groups(groups)
    .u(u).sums(sums).scratch(chunks.scratchBytes).run(groups);
  launch(halvingReduce).channels(g.channels).filters(g.filters).uPointBytes(chunks.uPointBytes).groups(groups).u(u)
    .sums(sums).dw(dw).db(db).run(g.channels / 4);
});
