/**
 * A shader: one piece of arithmetic in WGSL ("WebGPU Shading Language", W3C 2025), with the names of the arrays and the
 * numbers that it works on. The declarations in front of the code are written from them, so that the text shows only
 * what is computed:
 *
 *   x[i], out[i]    the arrays, by the names in `buffers`
 *   g.height        the numbers: sizes as i32, others as f32 (the same letter as in the naive kernels)
 *
 * Thousands of invocations run the same text at once, in workgroups that share a little fast memory. All are told who
 * they are by numbers, and each finds out from them what to compute. None can see what another one writes to an array
 * within the same dispatch, so each writes its own elements: sums are gathered by who needs them, never scattered.
 */

import type { GpuBuffer } from './types.ts';

/** Which way an array goes, and what its elements are. `inout` is read and written in place. */
export type Access = 'in' | 'out' | 'inout' | 'in int' | 'out int';

export interface Shader<Buffer extends string, Size extends string = never, Real extends string = never> {
  readonly name: string;
  readonly buffers: Readonly<Record<Buffer, Access>>;
  readonly sizes: readonly Size[];
  readonly reals: readonly Real[];
  readonly code: string;
}

/** A shader of which only the text and the bindings matter. */
export type AnyShader = Shader<string, string, string>;

/** The definition of a shader; numbers that it does not need are left out. */
export function shader<Buffer extends string, Size extends string = never, Real extends string = never>(definition: {
  name: string; buffers: Readonly<Record<Buffer, Access>>; sizes?: readonly Size[]; reals?: readonly Real[];
  code: string;
}): Shader<Buffer, Size, Real> {
  return { sizes: [], reals: [], ...definition };
}

/** The whole text: the numbers in a uniform buffer, the arrays in storage buffers, then the code. */
export function wgsl({ name, buffers, sizes, reals, code }: AnyShader): string {
  const fields = [...sizes.map((size) => `${size}: i32`), ...reals.map((real) => `${real}: f32`)];
  const arrays = Object.entries(buffers).map(([buffer, access], i) => {
    const element = access.endsWith('int') ? 'i32' : 'f32';
    return `@group(0) @binding(${i + 1}) var<storage, ${isRead(access) ? 'read' : 'read_write'}> ${buffer}: array<${element}>;`;
  });
  return [
    `// ${name}`, `struct Numbers { ${fields.join(', ')} }`, '@group(0) @binding(0) var<uniform> g: Numbers;', ...arrays,
    code.trim(), '',
  ].join('\n');
}

export function isRead(access: Access): boolean {
  return access.startsWith('in ') || access === 'in';
}

/** One run of a shader: on which buffers, with which numbers, by how many workgroups along each axis. */
export interface Job {
  readonly shader: AnyShader;
  readonly buffers: Readonly<Record<string, GpuBuffer>>;
  readonly numbers: Readonly<Record<string, number>>;
  readonly groups: Groups;
}

export type Groups = readonly [x: number, y: number, z: number];

/** A job with every array and number that its shader asks for. */
export function job<Buffer extends string, Size extends string, Real extends string>(
  of: Shader<Buffer, Size, Real>, buffers: Readonly<Record<Buffer, GpuBuffer>>,
  numbers: Readonly<Record<Size | Real, number>>, groups: Groups,
): Job {
  return { shader: of, buffers, numbers, groups };
}

/** The numbers of a shader as they lie in its uniform buffer, whose size is a multiple of 16 bytes. */
export function packNumbers({ sizes, reals }: AnyShader, numbers: Readonly<Record<string, number>>): Int32Array {
  const words = new Int32Array(Math.max(4, Math.ceil((sizes.length + reals.length) / 4) * 4));
  const floats = new Float32Array(words.buffer);
  sizes.forEach((size, i) => { words[i] = numbers[size]; });
  reals.forEach((real, i) => { floats[sizes.length + i] = numbers[real]; });
  return words;
}

/** Most workgroups along an axis that every device takes. */
export const mostGroups = 65_535;

/** Invocations of a workgroup that go through elements one by one, and of one that adds up. */
export const lane = 64;

/**
 * The code of a shader that does something for each of g.length elements i: as many at once as there are invocations.
 */
export function forEachElement(body: string): string {
  return `
@compute @workgroup_size(${lane})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = i32(id.x); i < g.length; i += i32(groups.x) * ${lane}) {
${body.trim().split('\n').map((line) => `    ${line}`).join('\n')}
  }
}`;
}

/** The workgroups that go through so many elements. */
export function groupsFor(length: number): Groups {
  return [Math.min(Math.max(1, Math.ceil(length / lane)), mostGroups), 1, 1];
}
