/**
 * Neighbouring layers that are computed together: the same numbers in fewer passes over memory. This is the one place
 * that knows which chains have such a form; networks and modules hand it their lists of records.
 */

import type { Tensor } from '../tensor/tensor.ts';
import {
  affineBatchnormReluBackward, affineBatchnormReluForward, affineLayernormReluBackward, affineLayernormReluForward,
  affineReluBackward, affineReluForward,
} from './affine-sandwich.ts';
import { batchnorm, batchnormGradients } from './batchnorm.ts';
import type { LayerBackward, LayerRecord, Mode } from './record.ts';
import { batchnormParam, type BatchnormRecord, type LayernormRecord } from './records/normalization.ts';

/** How a chain of layers is computed as one; `parts` are its records, parameters are theirs one after another. */
interface Fusion {
  readonly kinds: readonly string[];
  forward(parts: readonly LayerRecord[], x: Tensor, parameters: readonly Tensor[], mode: Mode): [Tensor, LayerBackward];
  /** where the test-time form differs from forward's */
  infer?(parts: readonly LayerRecord[], x: Tensor, parameters: readonly Tensor[]): Tensor;
}

/** Longer chains first. */
const fusions: readonly Fusion[] = [
  {
    kinds: ['affine', 'batchnorm', 'relu'],
    forward([, norm], x, [w, b, gamma, beta], mode) {
      const [out, cache] = affineBatchnormReluForward(x, w, b, gamma, beta, batchnormParam(norm as BatchnormRecord, mode));
      return [out, (dout, inputGradient) => affineBatchnormReluBackward(dout, cache, inputGradient)];
    },
  },
  {
    kinds: ['affine', 'layernorm', 'relu'],
    forward([, norm], x, [w, b, gamma, beta]) {
      const { eps } = norm as LayernormRecord;
      const [out, cache] = affineLayernormReluForward(x, w, b, gamma, beta, { eps });
      return [out, (dout, inputGradient) => affineLayernormReluBackward(dout, cache, inputGradient)];
    },
  },
  {
    kinds: ['affine', 'relu'],
    forward(_, x, [w, b]) {
      const [out, cache] = affineReluForward(x, w, b);
      return [out, (dout, inputGradient) => affineReluBackward(dout, cache, inputGradient)];
    },
  },
  {
    kinds: ['batchnorm', 'relu'],
    forward([norm], x, [gamma, beta], mode) {
      const [out, cache] = batchnorm('batchnorm', x, gamma, beta, batchnormParam(norm as BatchnormRecord, mode), true);
      return [out, (dout) => batchnormGradients('batchnorm', dout, cache, out)];
    },
  },
];

/** One record in place of a chain. */
function fused(fusion: Fusion, parts: readonly LayerRecord[]): LayerRecord {
  return {
    kind: fusion.kinds.join('-'),
    parameters: parts.flatMap(({ parameters }) => parameters),
    outputShape: (fn, input) => parts.reduce((shape, part) => part.outputShape(fn, shape), input),
    forward: (_, x, parameters, mode) => fusion.forward(parts, x, parameters, mode),
    infer: (_, x, parameters) =>
      fusion.infer?.(parts, x, parameters) ?? fusion.forward(parts, x, parameters, 'test')[0],
    rows(input) {
      let shape = input;
      return parts.flatMap((part) => {
        const rows = part.rows(shape);
        shape = part.outputShape(part.kind, shape);
        return rows;
      });
    },
  };
}

/** A record that is computed at once, and how many of the given ones it stands for. */
export interface Step {
  readonly record: LayerRecord;
  readonly count: number;
}

/** The records in the order given, known chains as one record each. */
export function fuse(records: readonly LayerRecord[]): Step[] {
  const steps: Step[] = [];
  for (let at = 0; at < records.length;) {
    const fusion = fusions.find(({ kinds }) => kinds.every((kind, i) => records[at + i]?.kind === kind));
    const count = fusion?.kinds.length ?? 1;
    steps.push({ record: fusion === undefined ? records[at] : fused(fusion, records.slice(at, at + count)), count });
    at += count;
  }
  return steps;
}
