/**
 * The gradient at the filters through Winograd's transforms, as jobs (see winograd-kernels.ts for the layouts): at each
 * of the points dU = V^T Z summed over all tiles, then dw = G^T dU G. The gradient at the bias comes with it.
 */

import { constant, type FunctionReference, load, type Local, type Value } from '../../../wasm/index.ts';
import type { KernelBuilder } from '../kernel.ts';
import { eachOfEvenShare, eachOfShare, least, shareOf } from '../vectors.ts';
import { emitGradientProduct } from './tile-product.ts';
import { everyTaps, filterGradientTransform, gradientTileShape, type Taps } from './winograd-algebra.ts';
import { windowBytes } from './winograd-filter-kernels.ts';
import { gatherArguments, type WinogradKernels, winogradKernels } from './winograd-kernels.ts';
import { emitOutputGradientRow, pixelShape, zero } from './winograd-transforms.ts';

/** A group is some chunks, whose dU (`u`) and bias sums are added up one after another. */
const gradientArguments = {
  dout: 'input', chunks: 'i32', groups: 'i32', parts: 'i32', blocksPerPart: 'i32', u: 'scratch', sums: 'scratch',
  scratch: 'perThread',
} as const;
export const winogradGradient: WinogradKernels<typeof gatherArguments & typeof gradientArguments> =
  winogradKernels('gradient', { ...gatherArguments, ...gradientArguments });

const reduceArguments = {
  channels: 'i32', channelsPerTask: 'i32', filters: 'i32', filterBlocks: 'i32', parts: 'i32', blocksPerPart: 'i32',
  uPointBytes: 'i32', groups: 'i32', u: 'scratch', sums: 'scratch', dw: 'output', db: 'output',
} as const;
export const winogradReduce: WinogradKernels<typeof reduceArguments> =
  winogradKernels('filter_gradient', reduceArguments);

/** Adds the gradient's kernels to the module; strip and gather come from emitWinograd, product takes whole groups. */
export function emitWinogradGradient(
  kernels: KernelBuilder, strip: FunctionReference, gather: FunctionReference, product: FunctionReference,
): void {
  const { lanes } = pixelShape(kernels);
  // the last group may have few channels: an image has three
  const few = [3, 4].filter((rows) => rows < lanes)
    .map((rows) => ({ rows, product: emitGradientProduct(kernels, rows) }));
  const products = [...few, { rows: lanes, product }];
  for (const taps of everyTaps) {
    emitGradient(kernels, taps, strip, gather, products);
    emitFilterGradient(kernels, taps);
  }
}

/** dU += V^T Z of groups of which so many channels count. */
interface Product {
  readonly rows: number;
  readonly product: FunctionReference;
}

/**
 * Task: a group of chunks, whose dU and bias sums are added up in order, or one of so many parts of its filters; every
 * part transforms the input anew. `u` points to the dU of the groups, part by part (zeroed here), `sums` to the
 * groups' bias sums, one vector a filter group.
 */
function emitGradient(
  kernels: KernelBuilder, taps: Taps, strip: FunctionReference, gather: FunctionReference, products: readonly Product[],
): void {
  const tile = gradientTileShape(taps);
  const shape = pixelShape(kernels);
  const outputGradientRow = emitOutputGradientRow(kernels.module, shape, taps);
  kernels.define(winogradGradient[taps], (f, s, task, leading) => {
    const v = s.scratch;
    const z = f.let(v.add(s.mOffset));
    const stripAt = f.let(v.add(s.stripOffset));
    const temporary = f.let(v.add(s.temporaryOffset));
    const number = f.let(task.divU(s.parts));
    const part = f.let(task.sub(number.mul(s.parts)));
    const [block, lastBlock] = shareOf(f, part, s.blocksPerPart, s.filterBlocks);
    const blocks = f.let(lastBlock.sub(block));
    const firstFilter = f.let(block.shl(3));
    const du = f.let(s.u.add(part.mul(s.groups).add(number).mul(s.uPointBytes).mul(tile.points)));
    const sums = f.let(s.sums.add(number.mul(s.filterBlocks).add(block).shl(5)));
    const [vAt, zAt, duAt] = f.locals('i32', 3);
    const [row, image, tileRow, from, lanes, to, toRow, sumAt, group, point] = f.locals('i32', 10);
    f.fill(du, 0, s.uPointBytes.mul(tile.points));
    f.fill(sums, 0, blocks.shl(5));

    const planeBytes = f.let(s.outHeight.mul(s.outWidth).shl(2));
    const stripWidth = f.let(s.tilesX.mul(tile.columns));
    const totalRows = f.let(s.batch.mul(s.tilesY));
    const whole = f.let(s.channels.shrU(Math.log2(shape.lanes)));
    const rest = f.let(s.channels.and(shape.lanes - 1));
    const tiles = f.local('i32');
    eachOfEvenShare(f, number, s.groups, s.chunks, (chunk) => {
      const [firstRow, lastRow] = shareOf(f, chunk, s.rowsPerTask, totalRows);
      f.call(gather, leading(gatherArguments), firstRow, lastRow, v);

      f.set(toRow, z);
      f.for(row, firstRow, lastRow, 1, () => {
        f.set(image, row.div(s.tilesY));
        f.set(tileRow, row.sub(image.mul(s.tilesY)));
        f.set(from, s.dout.add(image.mul(s.filters).add(firstFilter).mul(planeBytes)));
        f.set(lanes, s.filters.sub(firstFilter));
        f.set(to, toRow);
        f.set(sumAt, sums);
        f.set(group, blocks.mul(8 / shape.lanes));
        f.countdown(group, () => {
          f.if(lanes.gt(0), () => {
            for (let vector = 0; vector < shape.vectors; vector++) {
              f.call(strip, from.add(planeBytes.mul(4 * vector)), planeBytes, lanes.sub(4 * vector),
                tileRow.mul(tile.rows), tile.rows, s.outHeight, s.outWidth, 0, stripAt.add(16 * vector), stripWidth);
            }
            f.call(outputGradientRow, stripAt, stripWidth, s.tilesX, to, s.mPointBytes, temporary, sumAt);
          }, () => { // the half of the last block that has no filters
            f.set(zAt, to);
            f.set(point, tile.points);
            f.countdown(point, () => {
              f.fill(zAt, 0, s.tilesX.mul(shape.bytes));
              f.increase(zAt, s.mPointBytes);
            });
          });
          f.increase(from, planeBytes.mul(shape.lanes));
          f.set(lanes, lanes.sub(shape.lanes));
          f.increase(to, s.groupBytes);
          f.increase(sumAt, shape.bytes);
        });
        f.increase(toRow, s.tilesX.mul(shape.bytes));
      });

      f.set(tiles, lastRow.sub(firstRow).mul(s.tilesX));
      f.set(vAt, v);
      f.set(zAt, z);
      f.set(duAt, du);
      f.set(point, tile.points);
      f.countdown(point, () => {
        const call = (product: FunctionReference, groups: Value, group: Value): void =>
          f.call(product, vAt.add(group.mul(s.groupBytes)), zAt,
            duAt.add(group.mul(s.blocksPerPart).mul(32 * shape.lanes)), groups, blocks, s.blocksPerPart, tiles,
            s.groupBytes);
        f.if(whole.gt(0), () => call(products[products.length - 1].product, whole, constant('i32', 0)));
        f.if(rest.gt(0), () => f.block((done) => {
          for (const { rows, product } of products) {
            f.if(rest.le(rows), () => {
              call(product, constant('i32', 1), whole);
              f.break(done);
            });
          }
        }));
        f.increase(vAt, s.vPointBytes);
        f.increase(zAt, s.mPointBytes);
        f.increase(duAt, s.uPointBytes);
      });
    });
  });
}

/**
 * Task: the gradients at the filters of some channels, or of one of so many parts of their filters: the groups' dU
 * added up in order, then G^T dU G. The tasks of the first channels also add up the gradient at the bias.
 */
function emitFilterGradient(kernels: KernelBuilder, taps: Taps): void {
  const { inputRows, inputColumns, points } = gradientTileShape(taps);
  kernels.define(winogradReduce[taps], (f, s, task) => {
    const [half, block, channel, filter, from, at, left, to] = f.locals('i32', 8);
    const share = f.let(task.divU(s.parts));
    const part = f.let(task.sub(share.mul(s.parts)));
    const [firstBlock, lastBlock] = shareOf(f, part, s.blocksPerPart, s.filterBlocks);
    const groupBytes = f.let(s.uPointBytes.mul(points));
    const u = f.let(s.u.add(part.mul(s.groups).mul(groupBytes)));
    const sum = f.local('f32x4');
    f.if(share.eqz(), () => {
      const total = f.local('f32');
      f.for(filter, firstBlock.shl(3), least(s.filters, f.let(lastBlock.shl(3))), 1, () => {
        f.set(total, constant('f32', 0));
        f.set(at, s.sums.add(filter.shl(2)));
        f.set(left, s.groups);
        f.countdown(left, () => {
          f.set(total, total.add(load('f32', at)));
          f.increase(at, s.filterBlocks.shl(5));
        });
        f.store(s.db.add(filter.shl(2)), total);
      });
    });
    eachOfShare(f, share, s.channelsPerTask, s.channels, (each) => {
      f.set(channel, each);
      f.for(block, firstBlock, lastBlock, 1, () => {
        f.for(half, 0, 2, 1, () => {
          f.set(filter, block.shl(3).add(half.shl(2)));
          f.if(filter.lt(s.filters), () => {
            const place = channel.shrU(2).mul(s.blocksPerPart).add(block.sub(firstBlock)).shl(7);
            f.set(from, u.add(place).add(channel.and(3).shl(5)).add(half.shl(4)));
            const columns: Local[][] = [];
            for (let x = 0; x < inputColumns; x++) columns.push([]);
            for (let y = 0; y < inputRows; y++) {
              for (let x = 0; x < inputColumns; x++) {
                f.set(sum, zero);
                f.set(at, from);
                f.set(left, s.groups);
                f.countdown(left, () => {
                  f.set(sum, sum.add(load('f32x4', at)));
                  f.increase(at, groupBytes);
                });
                columns[x].push(f.let(sum));
                f.increase(from, s.uPointBytes);
              }
            }
            const halfway = columns.map((column) =>
              filterGradientTransform(f, column, taps).map((value) => f.let(value)));
            f.set(to, s.dw.add(filter.mul(s.channels).add(channel).mul(windowBytes(taps))));
            for (let y = 0; y < taps; y++) {
              const line = filterGradientTransform(f, halfway.map((column) => column[y]), taps);
              line.map((value) => f.let(value)).forEach((tap, x) => {
                for (let i = 0; i < 4; i++) {
                  f.if(filter.add(i).lt(s.filters), () =>
                    f.storeLane(to.add(s.channels.mul(windowBytes(taps) * i)), tap, i, (y * taps + x) * 4));
                }
              });
            }
          });
        });
      });
    });
  });
}
