/** Numeric against analytic gradients in float64: the comparisons that gradient-layers.ts and -models.ts list. */

import { RandomState, Tensor } from '../../tensor/index.ts';
import { evalNumericalGradient, evalNumericalGradientArray, gradCheckSparse, relError } from '../../train/index.ts';
import type { LayerCheck, LossCheck } from './gradient-layers.ts';
import type { ModelCheck } from './gradient-models.ts';

/** One gradient, compared. */
export interface GradientRow {
  /** the layer, loss or network */
  readonly of: string;
  readonly gradient: string;
  /** the relative error, or where both ways give rounding errors the difference */
  readonly error: number;
  readonly bound: number;
  /** the largest difference as a share of the parameter's largest gradient; NaN where it does not count */
  readonly share: number;
  readonly holds: boolean;
}

/**
 * A bias before a batchnorm changes nothing: both its gradients are rounding errors, whose ratio says nothing. They are
 * held to a bound on their size instead.
 */
const cancelledBound = 1e-8;

/**
 * An element that is nearly zero has a numeric gradient of rounding alone, so where the relative error is over the
 * bound the share is held to it.
 */
function row(of: string, gradient: string, error: number, bound: number, share: number = NaN): GradientRow {
  return { of, gradient, error, bound, share, holds: error <= bound || share <= bound }; // false for NaN
}

function largest(t: Tensor): number {
  return t.size === 0 ? 0 : t.abs().max().item();
}

export function checkLayer({ name, inputs, forward, backward, tolerance, h }: LayerCheck): GradientRow[] {
  const values = Object.values(inputs).map((t) => t.clone());
  const [out, cache] = forward(...values);
  const dout = new RandomState(1).randn([...out.shape]);
  const result = backward(dout, cache);
  const gradients = result instanceof Tensor ? [result] : result;
  return Object.keys(inputs).map((input, i) => {
    const numeric = evalNumericalGradientArray(() => forward(...values)[0], values[i], dout, { h });
    const cancelled = input === 'b' && 'gamma' in inputs && name.includes('Batchnorm');
    if (cancelled) return row(name, `d${input}`, largest(numeric.sub(gradients[i])), cancelledBound);
    return row(name, `d${input}`, relError(numeric, gradients[i]), tolerance);
  });
}

export function checkLoss({ name, x, loss, tolerance }: LossCheck): GradientRow[] {
  const values = x.clone();
  const [, dx] = loss(values);
  return [row(name, 'dx', relError(evalNumericalGradient((t) => loss(t)[0], values), dx), tolerance)];
}

export function checkModel({ name, model, X, y, tolerance, h, sample }: ModelCheck): GradientRow[] {
  const [, grads] = model.loss(X, y);
  const f = (): number => model.loss(X, y)[0];
  return Object.entries(grads).map(([parameter, analytic]) => {
    const tensor = model.params[parameter];
    const layer = parameter.slice(1);
    const normalised = model.config.normalization === 'batchnorm' || model.config.batchnorm === true;
    if (normalised && parameter === `b${layer}` && `gamma${layer}` in grads) {
      return row(name, parameter, largest(evalNumericalGradient(f, tensor, { h }).sub(analytic)), cancelledBound);
    }
    if (sample !== null && tensor.size > sample) {
      const checks = gradCheckSparse(f, tensor, analytic, { numChecks: sample, h });
      return row(name, parameter, Math.max(...checks.map((each) => each.relError)), tolerance);
    }
    const numeric = evalNumericalGradient(f, tensor, { h });
    const share = largest(numeric.sub(analytic)) / largest(analytic);
    return row(name, parameter, relError(numeric, analytic), tolerance, share);
  });
}
