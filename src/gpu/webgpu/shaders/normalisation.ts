/**
 * Batch normalisation of x (outer, channels, inner); src/kernels/naive/normalisation.ts derives the gradient. Sums over
 * a channel are one workgroup's, what is done with them to each element is another dispatch.
 */

import { forEachElement, lane, type Shader, shader } from '../shader.ts';
import { workgroupSum } from './matrix.ts';

const geometry = ['outer', 'channels', 'inner'] as const;
type Geometry = (typeof geometry)[number];

/** Begins a shader that one workgroup runs for each channel c, whose count elements are x[place(c, k)]. */
const perChannel = `
fn place(c: i32, k: i32) -> i32 { return ((k / g.inner) * g.channels + c) * g.inner + k % g.inner; }

@compute @workgroup_size(${lane})
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let count = g.outer * g.inner;
  for (var c = i32(group.x); c < g.channels; c += i32(groups.x)) {`;

/** Mean, then variance from the deviations: two passes, for the difference of two large numbers would lose digits. */
export const batchnormStatisticsShader: Shader<'x' | 'mean' | 'variance', Geometry> = shader({
  name: 'batchnormStatistics', buffers: { x: 'in', mean: 'out', variance: 'out' }, sizes: geometry,
  code: `${workgroupSum('shares', lane)}${perChannel}
    var own = 0.0;
    for (var k = i32(index); k < count; k += ${lane}) { own += x[place(c, k)]; }
    let average = add_shares(own, index) / f32(count);
    own = 0.0;
    for (var k = i32(index); k < count; k += ${lane}) {
      let deviation = x[place(c, k)] - average;
      own += deviation * deviation;
    }
    let squares = add_shares(own, index);
    if (index == 0u) {
      mean[c] = average;
      variance[c] = squares / f32(count);
    }
  }
}`,
});

/** out = gamma (x - mean) / sqrt(variance + epsilon) + beta, then max(0, .) with relu. */
export const batchnormApplyShader: Shader<
  'x' | 'gamma' | 'beta' | 'mean' | 'variance' | 'out', 'length' | 'channels' | 'inner' | 'relu', 'epsilon'
> = shader({
  name: 'batchnormApply',
  buffers: { x: 'in', gamma: 'in', beta: 'in', mean: 'in', variance: 'in', out: 'out' },
  sizes: ['length', 'channels', 'inner', 'relu'], reals: ['epsilon'],
  code: forEachElement(`
let c = i / g.inner % g.channels;
let value = gamma[c] * ((x[i] - mean[c]) / sqrt(variance[c] + g.epsilon)) + beta[c];
out[i] = select(value, max(value, 0.0), g.relu == 1);`),
});

/** dbeta = sum dout, dgamma = sum dout xhat. */
export const batchnormSumsShader: Shader<
  'dout' | 'x' | 'mean' | 'variance' | 'dgamma' | 'dbeta', Geometry, 'epsilon'
> = shader({
  name: 'batchnormSums',
  buffers: { dout: 'in', x: 'in', mean: 'in', variance: 'in', dgamma: 'out', dbeta: 'out' },
  sizes: geometry, reals: ['epsilon'],
  code: `${workgroupSum('shares', lane)}${workgroupSum('weighted', lane)}${perChannel}
    let inverse = 1.0 / sqrt(variance[c] + g.epsilon);
    var own = 0.0;
    var along = 0.0;
    for (var k = i32(index); k < count; k += ${lane}) {
      let i = place(c, k);
      own += dout[i];
      along += dout[i] * ((x[i] - mean[c]) * inverse);
    }
    let sum = add_shares(own, index);
    let sumAlong = add_weighted(along, index);
    if (index == 0u) {
      dbeta[c] = sum;
      dgamma[c] = sumAlong;
    }
  }
}`,
});

/**
 * dx = gamma s (dout - dbeta / m - xhat dgamma / m) with s = 1 / sqrt(variance + epsilon). `share` is 1 / m, and 0
 * where mean and variance are constants.
 */
export const batchnormGradientShader: Shader<
  'dout' | 'x' | 'gamma' | 'mean' | 'variance' | 'dgamma' | 'dbeta' | 'dx', 'length' | 'channels' | 'inner',
  'epsilon' | 'share'
> = shader({
  name: 'batchnormGradient',
  buffers: {
    dout: 'in', x: 'in', gamma: 'in', mean: 'in', variance: 'in', dgamma: 'in', dbeta: 'in', dx: 'out',
  },
  sizes: ['length', 'channels', 'inner'], reals: ['epsilon', 'share'],
  code: forEachElement(`
let c = i / g.inner % g.channels;
let inverse = 1.0 / sqrt(variance[c] + g.epsilon);
let normalised = (x[i] - mean[c]) * inverse;
dx[i] = gamma[c] * inverse * (dout[i] - (dbeta[c] + normalised * dgamma[c]) * g.share);`),
});

/** running = keep running + take sample, what a batchnorm layer remembers for test time. */
export const movingAverageShader: Shader<'sample' | 'running', 'length', 'keep' | 'take'> = shader({
  name: 'movingAverage', buffers: { sample: 'in', running: 'inout' }, sizes: ['length'], reals: ['keep', 'take'],
  code: forEachElement('running[i] = g.keep * running[i] + g.take * sample[i];'),
});
