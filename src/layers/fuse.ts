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
import {
  convBatchnormReluBackward, convBatchnormReluForward, convBatchnormReluPoolBackward, convBatchnormReluPoolForward,
  convReluBackward, convReluForward, convReluPoolBackward, convReluPoolForward,
} from './conv-sandwich.ts';
import {
  convBatchnormReluInference, convBatchnormReluPoolInference, convReluPoolInference,
} from './inference.ts';
import type { LayerBackward, LayerForward, LayerRecord, Mode } from './record.ts';
import type { ConvRecord } from './records/convolution.ts';
import { batchnormParam, constantAverages, type BatchnormRecord, type LayernormRecord } from './records/normalization.ts';
import type { MaxPoolRecord } from './records/pooling.ts';

/** How a chain of layers is computed as one; `parts` are its records, parameters are theirs one after another. */
interface Fusion {
  readonly kinds: readonly string[];
  forward(parts: readonly LayerRecord[], x: Tensor, parameters: readonly Tensor[], mode: Mode): LayerForward;
  /** where the test-time form differs from forward's */
  infer?(parts: readonly LayerRecord[], x: Tensor, parameters: readonly Tensor[]): Tensor;
}

/** The bias of a convolution where it has one, and the parameters behind it. */
function convParameters(conv: LayerRecord, parameters: readonly Tensor[]): [w: Tensor, b: Tensor | null, ...Tensor[]] {
  const [w, ...rest] = parameters;
  return (conv as ConvRecord).bias ? [w, ...rest] as [Tensor, Tensor] : [w, null, ...rest];
}

/** The way back through a chain that begins with a convolution: without a bias its gradient is left out. */
function convBackward(conv: LayerRecord, back: LayerBackward): LayerBackward {
  if ((conv as ConvRecord).bias) return back;
  return (dout, inputGradient) => {
    const [dx, dw, , ...rest] = back(dout, inputGradient);
    return [dx, dw, ...rest];
  };
}

/** Longer chains first. */
const fusions: readonly Fusion[] = [
  {
    kinds: ['conv', 'batchnorm', 'relu', 'maxPool'],
    forward([conv, norm, , pool], x, parameters, mode) {
      const [w, b, gamma, beta] = convParameters(conv, parameters);
      const used = batchnormParam(norm as BatchnormRecord, mode);
      const [out, cache] = convBatchnormReluPoolForward(
        x, w, b, gamma, beta, (conv as ConvRecord).param, used, (pool as MaxPoolRecord).param,
      );
      const back = convBackward(conv, (dout, wanted) => convBatchnormReluPoolBackward(dout, cache, wanted));
      return [out, back, [out, ...constantAverages(used)]];
    },
    infer([conv, norm, , pool], x, parameters) {
      const [w, b, gamma, beta] = convParameters(conv, parameters);
      return convBatchnormReluPoolInference(
        x, w, b, gamma, beta, (conv as ConvRecord).param, batchnormParam(norm as BatchnormRecord, 'test'),
        (pool as MaxPoolRecord).param,
      );
    },
  },
  {
    kinds: ['conv', 'batchnorm', 'relu'],
    forward([conv, norm], x, parameters, mode) {
      const [w, b, gamma, beta] = convParameters(conv, parameters);
      const used = batchnormParam(norm as BatchnormRecord, mode);
      const [out, cache] = convBatchnormReluForward(x, w, b, gamma, beta, (conv as ConvRecord).param, used);
      const back = convBackward(conv, (dout, wanted) => convBatchnormReluBackward(dout, cache, wanted));
      return [out, back, [out, ...constantAverages(used)]];
    },
    infer: ([conv, norm], x, parameters) => inferConvBatchnormRelu(conv, norm, x, parameters),
  },
  {
    kinds: ['conv', 'relu', 'maxPool'],
    forward([conv, , pool], x, parameters) {
      const [w, b] = convParameters(conv, parameters);
      const [out, cache] = convReluPoolForward(x, w, b, (conv as ConvRecord).param, (pool as MaxPoolRecord).param);
      return [out, convBackward(conv, (dout, wanted) => convReluPoolBackward(dout, cache, wanted)), [out]];
    },
    infer([conv, , pool], x, parameters) {
      const [w, b] = convParameters(conv, parameters);
      return convReluPoolInference(x, w, b, (conv as ConvRecord).param, (pool as MaxPoolRecord).param);
    },
  },
  {
    kinds: ['conv', 'relu'],
    forward([conv], x, parameters) {
      const [w, b] = convParameters(conv, parameters);
      const [out, cache] = convReluForward(x, w, b, (conv as ConvRecord).param);
      return [out, convBackward(conv, (dout, wanted) => convReluBackward(dout, cache, wanted)), [out]];
    },
  },
  {
    kinds: ['affine', 'batchnorm', 'relu'],
    forward([, norm], x, [w, b, gamma, beta], mode) {
      const used = batchnormParam(norm as BatchnormRecord, mode);
      const [out, cache] = affineBatchnormReluForward(x, w, b, gamma, beta, used);
      const back: LayerBackward = (dout, inputGradient) => affineBatchnormReluBackward(dout, cache, inputGradient);
      return [out, back, [out, ...constantAverages(used)]];
    },
  },
  {
    kinds: ['affine', 'layernorm', 'relu'],
    forward([, norm], x, [w, b, gamma, beta]) {
      const { eps } = norm as LayernormRecord;
      const [out, cache] = affineLayernormReluForward(x, w, b, gamma, beta, { eps });
      return [out, (dout, inputGradient) => affineLayernormReluBackward(dout, cache, inputGradient), [out]];
    },
  },
  {
    kinds: ['affine', 'relu'],
    forward(_, x, [w, b]) {
      const [out, cache] = affineReluForward(x, w, b);
      return [out, (dout, inputGradient) => affineReluBackward(dout, cache, inputGradient), [out]];
    },
  },
  {
    kinds: ['batchnorm', 'relu'],
    forward([norm], x, [gamma, beta], mode) {
      const used = batchnormParam(norm as BatchnormRecord, mode);
      const [out, cache] = batchnorm('batchnorm', x, gamma, beta, used, true);
      return [out, (dout) => batchnormGradients('batchnorm', dout, cache, out), [out, ...constantAverages(used)]];
    },
  },
];

/** With the batchnorm folded into the convolution. */
function inferConvBatchnormRelu(
  conv: LayerRecord, norm: LayerRecord, x: Tensor, parameters: readonly Tensor[],
): Tensor {
  const [w, b, gamma, beta] = convParameters(conv, parameters);
  const param = batchnormParam(norm as BatchnormRecord, 'test');
  return convBatchnormReluInference(x, w, b, gamma, beta, (conv as ConvRecord).param, param);
}

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
    const fusion = fusions.find(({ kinds }) => kinds.every((kind, i) =>
      records[at + i]?.kind === kind && (kind !== 'affine' || records[at + i].parameters.length === 2)));
    const count = fusion?.kinds.length ?? 1;
    steps.push({ record: fusion === undefined ? records[at] : fused(fusion, records.slice(at, at + count)), count });
    at += count;
  }
  return steps;
}
