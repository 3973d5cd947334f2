/** Softmax cross-entropy, an invocation an example: classes are few. */

import { forEachElement, type Shader, shader } from '../shader.ts';

/**
 * losses[i] = -log softmax(scores[i])[label], dscores = (softmax(scores) - one-hot label) / length. The largest score
 * is taken off all of them first, so that no exponential overflows.
 */
export const softmaxLossShader: Shader<'scores' | 'labels' | 'losses' | 'dscores', 'length' | 'classes'> = shader({
  name: 'softmaxLoss', buffers: { scores: 'in', labels: 'in int', losses: 'out', dscores: 'out' },
  sizes: ['length', 'classes'],
  code: forEachElement(`
let row = i * g.classes;
var largest = scores[row];
for (var c = 1; c < g.classes; c++) { largest = max(largest, scores[row + c]); }
var sum = 0.0;
for (var c = 0; c < g.classes; c++) { sum += exp(scores[row + c] - largest); }
for (var c = 0; c < g.classes; c++) {
  let probability = exp(scores[row + c] - largest) / sum;
  dscores[row + c] = (probability - select(0.0, 1.0, c == labels[i])) / f32(g.length);
}
losses[i] = log(sum) - (scores[row + labels[i]] - largest);`),
});
