/**
 * Convolutions with windows of 6 to 8 taps a side, as those with windows of 4x4 that Winograd's F(3x3, 4x4) computes
 * with 16 multiplications an output in place of 49 (7x7): the window is cut into 2 x 2 blocks of 4x4 taps, zeros making
 * up for those that are missing, and every block sees a copy of the image of its own, shifted by 4 pixels: a
 * convolution of four times the channels.
 */

import type { ConvKernels, FloatArray } from '../../contract.ts';
import type { ConvGeometry } from '../../geometry.ts';
import { constant, load, scale, select, type Value } from '../../../wasm/index.ts';
import { floatKernels, type Kernel, type KernelBuilder } from '../kernel.ts';
import { type Address, launch, launched, scratch } from '../launch.ts';
import { eachRun, least } from '../vectors.ts';
import { blockBytes, blockTaps as taps, type FilterGradient } from './choose.ts';
import { epilogueTable } from './epilogue.ts';
import { convolve, filterGradient, type Problem } from './winograd.ts';

const blockArguments = {
  x: 'input', height: 'i32', width: 'i32', padTop: 'i32', padLeft: 'i32', rows: 'i32', columns: 'i32', out: 'scratch',
} as const;
const windowBlocks: Kernel<typeof blockArguments> = floatKernels('conv_blocks', blockArguments).f32;

/** Task: of one plane of x the four shifted ones, (rows, columns) each, with zeros outside the image. */
export function emitBlocks(kernels: KernelBuilder): void {
  kernels.define(windowBlocks, (f, s, task) => {
    const planeBytes = f.let(s.rows.mul(s.columns).shl(2));
    const source = f.let(s.x.add(task.mul(s.height).mul(s.width).shl(2)));
    const plane = f.let(s.out.add(task.mul(planeBytes).shl(2)));
    const [block, row, from, to] = f.locals('i32', 4);
    const most = (value: Value): Value => select(value.gt(0), value, constant('i32', 0));
    f.fill(plane, 0, planeBytes.shl(2));
    f.for(block, 0, 4, 1, () => {
      // how far the image lies to the bottom and to the right of the block's plane
      const down = f.let(s.padTop.sub(scale(block.shrU(1), taps)));
      const right = f.let(s.padLeft.sub(scale(block.and(1), taps)));
      const firstColumn = f.let(most(right));
      const count = f.let(least(s.columns, f.let(s.width.add(right))).sub(firstColumn));
      f.if(count.gt(0), () => {
        f.for(row, most(down), least(s.rows, f.let(s.height.add(down))), 1, () => {
          f.set(from, source.add(scale(row.sub(down).mul(s.width).add(firstColumn).sub(right), 4)));
          f.set(to, plane.add(scale(row.mul(s.columns).add(firstColumn), 4)));
          eachRun(f, 'f32', [from, to], count, (kind) => f.store(to, load(kind, from)));
        });
      });
      f.increase(plane, planeBytes);
    });
  });
}

/** The convolution of blocks, and its input, inside a launch. */
function blocked(x: FloatArray, g: ConvGeometry): { readonly planes: Address; readonly problem: Problem } {
  const [height, width] = [g.outHeight + taps - 1, g.outWidth + taps - 1];
  const planes = scratch(blockBytes(g));
  launch(windowBlocks).x(x).height(g.height).width(g.width).padTop(g.padTop).padLeft(g.padLeft).rows(height)
    .columns(width).out(planes).run(g.batch * g.channels);
  return { planes, problem: { ...g, channels: 4 * g.channels, height, width, padTop: 0, padLeft: 0 } };
}

/** Calls back for every tap, with its place in the filters and in those of the blocks. */
function eachTap(g: ConvGeometry, visit: (whole: number, inBlock: number) => void): void {
  let whole = 0;
  for (let window = 0; window < g.filters * g.channels; window++) {
    for (let y = 0; y < g.kernelHeight; y++) {
      for (let x = 0; x < g.kernelWidth; x++) {
        const block = 4 * window + 2 * (y >> 2) + (x >> 2);
        visit(whole++, 16 * block + 4 * (y & 3) + (x & 3));
      }
    }
  }
}

/** convForward of the contract, for convolutions that `takesBlocks` (choose.ts) accepts. */
export const blockedForward: ConvKernels['convForward'] = launched((x, w, b, out, g, epilogue) => {
  const { planes, problem } = blocked(x, g);
  const filters = new Float32Array(64 * g.filters * g.channels);
  eachTap(g, (whole, inBlock) => (filters[inBlock] = w[whole]));
  const table = epilogueTable(x, g.filters, epilogue.scale, b);
  convolve(planes, filters, out, table, epilogue.relu === true, problem, taps, false);
});

/** The gradients at the filters and the bias. */
export const blockedFilterGradient: FilterGradient = launched((dout, x, dw, db, g) => {
  const { planes, problem } = blocked(x, g);
  const gradient = new Float32Array(64 * g.filters * g.channels);
  filterGradient(dout, planes, gradient, db, problem, taps);
  eachTap(g, (whole, inBlock) => (dw[whole] = gradient[inBlock]));
});
