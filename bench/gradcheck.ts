/**
 * npm run gradcheck -- [naive] [js] [simd]
 *
 * Compares every backward pass, loss and network with numeric gradients in float64, on every backend (or those named),
 * and prints the relative errors as the course's notebooks do, with the tolerance each is held to. Exit code 1 when one
 * is missed.
 */

import { activeKernels } from '../src/kernels/registry.ts';
import { checkLayer, checkLoss, checkModel } from '../src/node/lab/gradient-checks.ts';
import type { GradientRow } from '../src/node/lab/gradient-checks.ts';
import { layerChecks, lossChecks } from '../src/node/lab/gradient-layers.ts';
import { modelChecks } from '../src/node/lab/gradient-models.ts';
import { configure } from '../src/runtime/settings.ts';
import { parseArgs } from './support/arguments.ts';
import { pick } from './support/command-line.ts';

const backendNames = ['naive', 'js', 'simd'] as const;
type BackendName = (typeof backendNames)[number];

let failures = 0;
let comparisons = 0;

/** Prints the comparisons of one layer, loss or network. */
function report(rows: readonly GradientRow[]): void {
  console.log(`Testing ${rows[0].of}:`);
  for (const { gradient, error, bound, share, holds } of rows) {
    comparisons++;
    if (!holds) failures++;
    const near = error <= bound ? '' : `  ${share.toExponential(1)} of the largest`;
    const line = `${`${gradient} error:`.padEnd(22)} ${error.toExponential(6)}  (<= ${bound.toExponential(0)})`;
    console.log(`  ${line}${near}  ${holds ? 'ok' : 'FAIL'}`);
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

const named = pick('backend', parseArgs({ allowPositionals: true }).positionals, backendNames);
const started = performance.now();
for (const backend of named) {
  if (!canRun(backend)) continue;
  console.log(`\n=== backend ${backend}, float64 ===`);
  for (const each of layerChecks) report(checkLayer(each));
  for (const each of lossChecks) report(checkLoss(each));
  for (const each of modelChecks) report(checkModel(each));
}
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`\n${comparisons - failures} of ${comparisons} gradients within their tolerance (${seconds} s)`);
if (failures > 0) process.exitCode = 1;
