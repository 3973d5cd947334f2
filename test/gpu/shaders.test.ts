/** Facts about the shaders' texts that need no device. */

import { describe, expect, it } from 'vitest';

import { type AnyShader, groupsFor, packNumbers, wgsl } from '../../src/gpu/webgpu/shader.ts';
import * as convolution from '../../src/gpu/webgpu/shaders/convolution.ts';
import * as elementwise from '../../src/gpu/webgpu/shaders/elementwise.ts';
import * as loss from '../../src/gpu/webgpu/shaders/loss.ts';
import * as matrix from '../../src/gpu/webgpu/shaders/matrix.ts';
import * as normalisation from '../../src/gpu/webgpu/shaders/normalisation.ts';
import * as pooling from '../../src/gpu/webgpu/shaders/pooling.ts';
import { productGroups } from '../../src/gpu/webgpu/shaders/product.ts';
import * as update from '../../src/gpu/webgpu/shaders/update.ts';

/** All that the files export, looked through for shaders. */
function shadersIn(value: unknown): AnyShader[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('code' in value && 'buffers' in value) return [value as AnyShader];
  return Object.values(value).flatMap(shadersIn);
}

const shaders = [convolution, elementwise, loss, matrix, normalisation, pooling, update].flatMap(shadersIn);

describe('shaders', () => {
  it('are found', () => {
    expect(shaders.length).toBeGreaterThan(50);
  });

  it.each(shaders.map((each) => [each.name, each] as const))('%s uses what it declares, and no more than devices offer', (_, each) => {
    const buffers = Object.keys(each.buffers);
    expect(buffers.length).toBeLessThanOrEqual(8); // storage buffers that every device has for a shader
    for (const name of buffers) expect(each.code).toMatch(new RegExp(`\\b${name}\\[`));
    const numbers = [...each.sizes, ...each.reals];
    for (const [, name] of each.code.matchAll(/\bg\.(\w+)/g)) expect(numbers).toContain(name);
    expect(new Set([...buffers, ...numbers]).size).toBe(buffers.length + numbers.length);
    expect(each.code.split('{').length).toBe(each.code.split('}').length);
  });

  it('say in front what they work on', () => {
    expect(wgsl(pooling.maxPoolForwardShader)).toMatch(new RegExp([
      '^// maxPoolForward', 'struct Numbers \\{ length: i32, height: i32, .*outWidth: i32 \\}',
      '@group\\(0\\) @binding\\(0\\) var<uniform> g: Numbers;', '@group\\(0\\) @binding\\(1\\) var<storage, read> x: array<f32>;',
      '@group\\(0\\) @binding\\(2\\) var<storage, read_write> out: array<f32>;',
      '@group\\(0\\) @binding\\(3\\) var<storage, read_write> argmax: array<i32>;',
    ].join('\n')));
  });

  it('get their numbers as they are declared', () => {
    const numbers = { length: 7, channels: 2, inner: 3, relu: 1, epsilon: 0.5 };
    const words = packNumbers(normalisation.batchnormApplyShader, numbers);
    expect(Array.from(words.subarray(0, 4))).toEqual([7, 2, 3, 1]);
    expect(new Float32Array(words.buffer)[4]).toBe(0.5);
    expect(words.byteLength % 16).toBe(0);
  });

  it('are run by as many workgroups as there is work for, and no more than a dispatch may have', () => {
    expect(groupsFor(0)).toEqual([1, 1, 1]);
    expect(groupsFor(65)).toEqual([2, 1, 1]);
    expect(groupsFor(1e9)).toEqual([65_535, 1, 1]);
    expect(productGroups(33, 64, 3)).toEqual([2, 2, 3]);
    expect(productGroups(1, 1e8)).toEqual([65_535, 1, 1]);
  });
});
