/**
 * Batchnorm at test time is a scale and a shift a channel; behind a convolution or a linear layer it becomes part of
 * that layer's weights. With a = gamma / sqrt(variance + eps):
 *
 *   a (W x + b - mean) + beta = (a W) x + (b - mean) a + beta
 */

import { contiguousDataAs } from '../../tensor/internal.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { GraphWriter } from './graph-writer.ts';
import type { Message } from './messages.ts';

/**
 * Folds every batchnorm that can be: alone behind a Conv or a Gemm that is no output itself, whose weights nothing else
 * takes, and finite.
 */
export function foldBatchnorms(graph: GraphWriter, outputs: readonly string[]): void {
  const makers = new Map(graph.nodes.map((node) => [node.output![0], node]));
  const uses = new Map<string, number>();
  const taken = [...graph.nodes.flatMap(({ input }) => input!), ...outputs];
  for (const name of taken) uses.set(name, (uses.get(name) ?? 0) + 1);
  const gone = new Set<Message<'Node'>>();
  for (const norm of graph.nodes.filter(({ opType }) => opType === 'BatchNormalization')) {
    const before = makers.get(norm.input![0]);
    if (before === undefined || uses.get(norm.input![0]) !== 1 || !foldInto(graph, before, norm, uses)) continue;
    before.output = norm.output!;
    makers.set(norm.output![0], before);
    gone.add(norm);
  }
  graph.keep((node) => !gone.has(node));
}

/** Changes the weights of a layer so that it does what the batchnorm behind it does. Returns whether that could be. */
function foldInto(
  graph: GraphWriter, layer: Message<'Node'>, norm: Message<'Node'>, uses: ReadonlyMap<string, number>,
): boolean {
  if (layer.opType !== 'Conv' && layer.opType !== 'Gemm') return false;
  const [, weight, bias] = layer.input!;
  if (layer.input!.slice(1).some((name) => uses.get(name) !== 1)) return false;
  const w = graph.constants.get(weight) as Tensor | undefined;
  const given = norm.input!.slice(1).map((name) => graph.constants.get(name) as Tensor | undefined);
  const b = bias === undefined ? null : graph.constants.get(bias) as Tensor | undefined;
  if (w === undefined || b === undefined || given.some((each) => each === undefined)) return false;
  const [gamma, beta, mean, variance] = given.map((each) => contiguousDataAs(each!, 'float64'));
  const eps = norm.attribute!.find(({ name }) => name === 'epsilon')!.f!;
  const shifts = b === null ? new Float64Array(gamma.length) : contiguousDataAs(b, 'float64');
  const scale = Float64Array.from(gamma, (each, i) => each / Math.sqrt(variance[i] + eps));
  const shift = scale.map((a, i) => (shifts[i] - mean[i]) * a + beta[i]);
  if (![...scale, ...shift].every(Number.isFinite)) return false;
  // filters lie along the first axis of a convolution's weights, outputs along the last of a linear layer's
  const inner = layer.opType === 'Conv' ? w.size / w.shape[0] : 1;
  const weights = Float64Array.from(
    contiguousDataAs(w, 'float64'), (each, i) => each * scale[Math.floor(i / inner) % scale.length],
  );
  graph.constants.set(weight, new Tensor(weights, w.shape).astype(w.dtype));
  const folded = new Tensor(shift, [shift.length]).astype(w.dtype);
  if (bias === undefined) layer.input!.push(graph.constant(weight.replace(/weight$|$/, 'bias'), folded).name);
  else graph.constants.set(bias, folded);
  return true;
}
