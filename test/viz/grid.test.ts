import { describe, expect, it } from 'vitest';
import { Rng, tensor, zeros } from '../../src/tensor/index.ts';
import { filterGrid, imageGrid } from '../../src/viz/index.ts';
import type { Picture } from '../../src/viz/index.ts';

const pixel = ({ data, width, channels }: Picture, x: number, y: number): number[] => [
  ...data.subarray((y * width + x) * channels, (y * width + x + 1) * channels),
];

describe('imageGrid', () => {
  it('places images row by row between lines', () => {
    const images = tensor(Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), [3, 1, 2, 2]);
    const grid = imageGrid(images, { columns: 2, background: 99 });
    expect([grid.width, grid.height, grid.channels]).toEqual([7, 7, 3]);
    const grey = Array.from({ length: 7 }, (_, y) => Array.from({ length: 7 }, (_, x) => pixel(grid, x, y)[1]));
    const o = 99;
    expect(grey).toEqual([
      [o, o, o, o, o, o, o],
      [o, 1, 2, o, 5, 6, o],
      [o, 3, 4, o, 7, 8, o],
      [o, o, o, o, o, o, o],
      [o, 9, 10, o, o, o, o],
      [o, 11, 12, o, o, o, o],
      [o, o, o, o, o, o, o],
    ]);
  });

  it('keeps colours, scales pixels up, and leaves transparent lines', () => {
    const images = tensor(Uint8Array.from([10, 20, 30, 40, 50, 60]), [2, 3, 1, 1]);
    const grid = imageGrid(images, { columns: 2, scale: 2, background: 'transparent' });
    expect([grid.width, grid.height, grid.channels]).toEqual([10, 6, 4]);
    expect(pixel(grid, 0, 0)).toEqual([0, 0, 0, 0]);
    for (const [x, y] of [
      [2, 2],
      [3, 2],
      [2, 3],
      [3, 3],
    ])
      expect(pixel(grid, x, y)).toEqual([10, 20, 30, 255]);
    expect(pixel(grid, 6, 2)).toEqual([40, 50, 60, 255]);
  });

  it('normalises each image or all together, and says nothing about constants and NaN', () => {
    const images = tensor([[[[0, 1]]], [[[2, 4]]]]);
    const values = (grid: Picture): number[] => [
      pixel(grid, 1, 1)[0],
      pixel(grid, 2, 1)[0],
      pixel(grid, 4, 1)[0],
      pixel(grid, 5, 1)[0],
    ];
    expect(values(imageGrid(images))).toEqual([0, 255, 0, 255]);
    expect(values(imageGrid(images, { normalize: 'all' }))).toEqual([0, 64, 128, 255]);
    expect(values(imageGrid(images, { normalize: 'none' }))).toEqual([0, 1, 2, 4]);
    expect(values(imageGrid(tensor([[[[3, 3]]], [[[NaN, 5]]]])))).toEqual([0, 0, 0, 0]);
    expect(values(imageGrid(tensor([[[[NaN, 3]]], [[[Infinity, 5]]]]), { normalize: 'all' }))).toEqual([
      0, 0, 255, 255,
    ]);
  });

  it('shows other channel counts as grey images, and takes views', () => {
    const images = tensor(Uint8Array.from([1, 2, 3, 4]), [1, 2, 1, 2]).transpose(0, 1, 3, 2);
    const grid = imageGrid(images, { columns: 2, padding: 0 });
    expect([grid.width, grid.height]).toEqual([2, 2]);
    expect([pixel(grid, 0, 0)[0], pixel(grid, 1, 0)[0], pixel(grid, 0, 1)[0], pixel(grid, 1, 1)[0]]).toEqual([
      1, 3, 2, 4,
    ]);
  });

  it('knows colours on the last axis, or is told', () => {
    const rng = new Rng(1);
    const filters = rng.normal(0, 1, [4, 3, 7, 7]);
    const shown = imageGrid(filters);
    expect(imageGrid(filters.transpose(0, 2, 3, 1))).toEqual(shown);
    expect(imageGrid(filters.transpose(0, 2, 3, 1).clone(), { layout: 'NHWC' })).toEqual(shown);
    expect(imageGrid(filters.transpose(0, 2, 3, 1), { layout: 'NCHW', padding: 0 }).width).not.toBe(shown.width);
    const small = rng.normal(0, 1, [2, 3, 3, 3]);
    expect(imageGrid(small.transpose(0, 2, 3, 1), { layout: 'NHWC' })).toEqual(imageGrid(small));
    // 16 channels of 3x3 filters are 16 grey images each
    const grey = imageGrid(rng.normal(0, 1, [2, 16, 3, 3]), { columns: 32, padding: 0 });
    expect(grey).toMatchObject({ width: 96, height: 3 });
    expect(() => imageGrid(small, { layout: 'HWC' as never })).toThrow('imageGrid: layout must be one of NCHW, NHWC');
  });

  it('refuses what is no batch', () => {
    expect(() => imageGrid(zeros([3, 2, 2]))).toThrow(
      'imageGrid: images must have shape (N, C, H, W), none of them 0, got 3x2x2',
    );
    expect(() => imageGrid(zeros([0, 3, 2, 2]))).toThrow(RangeError);
    expect(() => imageGrid(zeros([1, 3, 2, 2]), { column: 2 } as object)).toThrow('imageGrid: unknown option "column"');
    expect(() => imageGrid(zeros([1, 3, 2, 2]), { background: 256 })).toThrow(RangeError);
    expect(() => imageGrid(zeros([100, 3, 32, 32]), { scale: 100 })).toThrow('more than 2^28');
    expect(() => imageGrid([[1]] as never)).toThrow(TypeError);
  });
});

describe('filterGrid', () => {
  it('stretches each filter over all its channels to 0..255', () => {
    const filters = tensor([
      [[[-1]], [[0]], [[1]]],
      [[[10]], [[10]], [[20]]],
    ]);
    const grid = filterGrid(filters);
    expect(pixel(grid, 1, 1)).toEqual([0, 128, 255]);
    expect(pixel(grid, 3, 1)).toEqual([0, 0, 255]);
    expect(pixel(grid, 2, 1)).toEqual([255, 255, 255]);
  });
});
