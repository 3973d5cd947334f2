/**
 * The test of wide SIMD, a program of its own (wide-simd.ts starts it, with V8's flag). Every kernel of the SIMD
 * backend computes in its usual form without the flag, then in the wide form with it; a difference in one bit ends the
 * program with status 1, a fault of V8's ends it by itself.
 */

import { setFlagsFromString } from 'node:v8';
import type { KernelName } from '../kernels/contract.ts';
import { fetchSimdCode } from '../kernels/arrival.ts';
import { activeKernels, selection } from '../kernels/registry.ts';
import { setWideProof } from '../kernels/simd/wide.ts';
import type { Trial } from '../kernels/trials.ts';
import { features } from '../runtime/features.ts';
import { configure } from '../runtime/settings.ts';
import { wideFlag, wideVerdict } from './wide-simd.ts';
import { wideTrials } from './wide-trials.ts';

/** The bytes of all arrays after a call, and its result. The second of two: the first may run before optimised code. */
function outcome(name: KernelName, trial: Trial): string {
  let text = '';
  for (let turn = 0; turn < 2; turn++) {
    const given = structuredClone(trial) as unknown[];
    const result = (activeKernels()[name] as (...given: unknown[]) => unknown)(...given);
    const arrays = given.flat().filter((each) => ArrayBuffer.isView(each));
    const states = given.flat().flatMap((each) => (isUpdated(each) ? [each.w, ...each.state] : []));
    const bytes = [...arrays, ...states].map(({ buffer, byteOffset, byteLength }) =>
      Buffer.from(buffer, byteOffset, byteLength).toString('base64'));
    text = [String(result), ...bytes].join();
  }
  return text;
}

function isUpdated(value: unknown): value is { w: Float32Array; state: Float32Array[] } {
  return typeof value === 'object' && value !== null && 'state' in value;
}

await fetchSimdCode();
const all = wideTrials();
let failed = 0;
// The flag comes with the command line; without it first.
setFlagsFromString(wideFlag.replace('--', '--no-'));
for (const relaxedSimd of features().relaxedSimd ? [false, true] : [false]) {
  configure({ backend: 'simd', threads: 1, relaxedSimd, wideSimd: false });
  const usual = all.map(([name, trial]) => outcome(name, trial));
  setWideProof(() => null);
  setFlagsFromString(wideFlag);
  configure({ wideSimd: true });
  for (const [i, [name, trial]] of all.entries()) {
    if (outcome(name, trial) === usual[i]) continue;
    failed++;
    console.error(`wide SIMD: ${name} gives other bits${relaxedSimd ? ', relaxed' : ''} (call ${i})`);
  }
  setFlagsFromString(wideFlag.replace('--', '--no-'));
}
const names = Object.keys(selection().computedBy) as KernelName[];
const untested = names.filter((name) => !all.some(([each]) => each === name));
if (untested.length > 0) console.error(`wide SIMD: no call of ${untested.join(', ')}`);
if (failed > 0 || untested.length > 0) process.exitCode = 1;
else console.log(wideVerdict);
