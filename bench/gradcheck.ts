/**
 * npm run gradcheck -- [naive] [js] [simd]
 *
 * Compares every backward pass, loss and network with numeric gradients in float64, on every backend (or those named),
 * and prints the relative errors as the course's notebooks do, with the tolerance each is held to. Exit code 1 when one
 * is missed.
 */

import { activeKernels } from '../src/kernels/registry.ts';
import { configure } from '../src/runtime/settings.ts';
import { RandomState, Tensor } from '../src/tensor/index.ts';
import { evalNumericalGradient, evalNumericalGradientArray, gradCheckSparse, relError } from '../src/train/index.ts';
import { layerChecks, lossChecks } from './support/gradcheck-layers.ts';
import type { LayerCheck, LossCheck } from './support/gradcheck-layers.ts';
import { modelChecks } from './support/gradcheck-models.ts';
import type { ModelCheck } from './support/gradcheck-models.ts';

const backendNames = ['naive', 'js', 'simd'] as const;
type BackendName = (typeof backendNames)[number];

/**
 * A bias before a batchnorm changes nothing: both its gradients are rounding errors, whose ratio says nothing. They are
 * held to a bound on their size instead.
 */
const cancelledBound = 1e-8;

let failures = 0;
let comparisons = 0;

/**
 * Prints one comparison. share is the largest difference as a share of the parameter's largest gradient: an element
 * that is nearly zero has a numeric gradient of rounding alone, so where the relative error is over the bound the share
 * is held to it.
 */
function report(gradient: string, error: number, bound: number, share: number = NaN, what: string = 'error'): void {
  const ok = error <= bound || share <= bound; // false for NaN
  comparisons++;
  if (!ok) failures++;
  const title = `${gradient} ${what}:`.padEnd(22);
  const near = error <= bound ? '' : `  ${share.toExponential(1)} of the largest`;
  console.log(`  ${title} ${error.toExponential(6)}  (<= ${bound.toExponential(0)})${near}  ${ok ? 'ok' : 'FAIL'}`);
}

function compare(gradient: string, numeric: Tensor, analytic: Tensor, bound: number): void {
  report(gradient, relError(numeric, analytic), bound, largest(numeric.sub(analytic)) / largest(analytic));
}

function largest(t: Tensor): number {
  return t.size === 0 ? 0 : t.abs().max().item();
}

function checkLayer({ name, inputs, forward, backward, tolerance, h }: LayerCheck): void {
  console.log(`Testing ${name}:`);
  const names = Object.keys(inputs);
  const values = Object.values(inputs).map((t) => t.clone());
  const [out, cache] = forward(...values);
  const dout = new RandomState(1).randn([...out.shape]);
  const result = backward(dout, cache);
  const gradients = result instanceof Tensor ? [result] : result;
  names.forEach((input, i) => {
    const numeric = evalNumericalGradientArray(() => forward(...values)[0], values[i], dout, { h });
    const cancelled = input === 'b' && 'gamma' in inputs && name.includes('Batchnorm');
    if (cancelled) report(`d${input}`, largest(numeric.sub(gradients[i])), cancelledBound, NaN, 'difference');
    else report(`d${input}`, relError(numeric, gradients[i]), tolerance);
  });
}

function checkLoss({ name, x, loss, tolerance }: LossCheck): void {
  console.log(`Testing ${name}:`);
  const values = x.clone();
  const [value, dx] = loss(values);
  console.log(`  loss: ${value.toFixed(6)}`);
  report('dx', relError(evalNumericalGradient((t) => loss(t)[0], values), dx), tolerance);
}

function checkModel({ name, model, X, y, tolerance, h, sample }: ModelCheck): void {
  console.log(`Testing ${name}:`);
  const [loss, grads] = model.loss(X, y);
  console.log(`  loss: ${loss.toFixed(6)}`);
  const f = (): number => model.loss(X, y)[0];
  for (const [parameter, analytic] of Object.entries(grads)) {
    const tensor = model.params[parameter];
    const layer = parameter.slice(1);
    const normalised = model.config.normalization === 'batchnorm' || model.config.batchnorm === true;
    if (normalised && parameter === `b${layer}` && `gamma${layer}` in grads) {
      const difference = largest(evalNumericalGradient(f, tensor, { h }).sub(analytic));
      report(parameter, difference, cancelledBound, NaN, 'difference');
    } else if (sample !== null && tensor.size > sample) {
      const checks = gradCheckSparse(f, tensor, analytic, { numChecks: sample, h });
      report(parameter, Math.max(...checks.map((check) => check.relError)), tolerance);
    } else {
      compare(parameter, evalNumericalGradient(f, tensor, { h }), analytic, tolerance);
    }
  }
}

/** True when this machine can run the backend. */
function canRun(backend: BackendName): boolean {
  configure({ backend });
  try {
    activeKernels();
    return true;
  } catch (error) {
    console.log(`${backend} cannot run here: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

const named = process.argv.slice(2);
for (const name of named) {
  if (!(backendNames as readonly string[]).includes(name)) {
    throw new RangeError(`gradcheck: unknown backend "${name}", there are ${backendNames.join(', ')}`);
  }
}
const started = performance.now();
for (const backend of named.length > 0 ? (named as BackendName[]) : backendNames) {
  if (!canRun(backend)) continue;
  console.log(`\n=== backend ${backend}, float64 ===`);
  layerChecks.forEach(checkLayer);
  lossChecks.forEach(checkLoss);
  modelChecks.forEach(checkModel);
}
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`\n${comparisons - failures} of ${comparisons} gradients within their tolerance (${seconds} s)`);
if (failures > 0) process.exitCode = 1;
