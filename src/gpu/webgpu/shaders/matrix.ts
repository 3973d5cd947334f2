/** Matrix products and sums along axes. */

import { lane, type Shader, shader } from '../shader.ts';
import { productShader } from './product.ts';

/** out (rows, columns) = op(a) op(b) + bias, then max(0, .) with relu; or out += with accumulate. Flags are 0 or 1. */
export const gemmShader: Shader<
  'a' | 'b' | 'bias' | 'out',
  'rows' | 'columns' | 'inner' | 'transposeA' | 'transposeB' | 'accumulate' | 'hasBias' | 'relu'
> = productShader({
  name: 'gemm',
  buffers: { a: 'in', b: 'in', bias: 'in', out: 'inout' },
  sizes: ['transposeA', 'transposeB', 'accumulate', 'hasBias', 'relu'],
  left: `return a[select(row * g.inner + p, p * g.rows + row, g.transposeA == 1)];`,
  right: `return b[select(p * g.columns + column, column * g.inner + p, g.transposeB == 1)];`,
  store: `
  let at = row * g.columns + column;
  var value = sum;
  if (g.hasBias == 1) { value += bias[column]; }
  if (g.relu == 1) { value = max(value, 0.0); }
  if (g.accumulate == 1) { value += out[at]; }
  out[at] = value;`,
});

/**
 * The text of a sum by one workgroup: every invocation adds up its share of the terms, then halves of the workgroup add
 * what the other half has, until one number is left.
 */
export function workgroupSum(name: string, count: number): string {
  return `
var<workgroup> ${name}: array<f32, ${count}>;
fn add_${name}(own: f32, index: u32) -> f32 {
  ${name}[index] = own;
  for (var half = ${count / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (index < half) { ${name}[index] += ${name}[index + half]; }
  }
  workgroupBarrier();
  let sum = ${name}[0];
  workgroupBarrier(); // all have read it before the next sum overwrites it
  return sum;
}`;
}

/**
 * out[c] = scale times the sum of x (outer, channels, inner) over outer and inner, one workgroup a channel: the
 * gradient of a bias, the column sums of a matrix (inner 1), or the sum of everything (one channel).
 */
export const channelSumShader: Shader<'x' | 'out', 'outer' | 'channels' | 'inner' | 'square' | 'at', 'scale'> = shader({
  name: 'channelSum', buffers: { x: 'in', out: 'inout' }, sizes: ['outer', 'channels', 'inner', 'square', 'at'],
  reals: ['scale'],
  code: `${workgroupSum('shares', lane)}
@compute @workgroup_size(${lane})
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let count = g.outer * g.inner;
  for (var c = i32(group.x); c < g.channels; c += i32(groups.x)) {
    var own = 0.0;
    for (var k = i32(index); k < count; k += ${lane}) {
      let value = x[((k / g.inner) * g.channels + c) * g.inner + k % g.inner];
      own += select(value, value * value, g.square == 1);
    }
    let sum = add_shares(own, index);
    if (index == 0u) { out[g.at + c] = sum * g.scale; }
  }
}`,
});
