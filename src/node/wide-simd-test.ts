/**
 * The test of wide SIMD, a program of its own (wide-simd.ts starts it, with V8's flag). Every kernel of the SIMD
 * backend computes in its usual form without the flag, then in the wide form with it; a difference in one bit ends the
 * program with status 1, a fault of V8's ends it by itself.
 */

import { setFlagsFromString } from 'node:v8';
import type { ConvGeometry, KernelName } from '../kernels/contract.ts';
import { fetchSimdCode } from '../kernels/arrival.ts';
import { activeKernels, selection } from '../kernels/registry.ts';
import { setWideProof } from '../kernels/simd/wide.ts';
import { type Trial, trials } from '../kernels/trials.ts';
import { features } from '../runtime/features.ts';
import { configure } from '../runtime/settings.ts';
import { Rng } from '../tensor/random/rng.ts';
import { wideFlag, wideVerdict } from './wide-simd.ts';

/** [batch, channels, filters, side, window, stride, groups] of convolutions, one at least for each path of theirs. */
const convolutions: ReadonlyArray<readonly [number, number, number, number, number, number, number]> = [
  [3, 10, 13, 9, 3, 1, 1], [2, 16, 24, 12, 5, 1, 1], [40, 8, 8, 4, 3, 1, 1], [2, 3, 5, 11, 7, 1, 1],
  [2, 5, 9, 10, 3, 2, 1], [16, 24, 40, 2, 3, 1, 1], [3, 24, 40, 6, 1, 1, 1], [2, 6, 6, 16, 3, 1, 6],
  [2, 6, 6, 16, 3, 2, 6], [2, 6, 6, 2, 3, 1, 6], [2, 6, 6, 9, 5, 1, 6], [3, 3, 8, 10, 3, 1, 1], [2, 4, 11, 9, 5, 1, 1],
  [3, 3, 9, 11, 7, 1, 1],
];
/** [rows, columns, depth] of products: tiles of every width, packed and not. */
const products = [[5, 3, 7], [37, 61, 33], [64, 100, 400], [200, 130, 50], [4, 16, 9], [70, 8, 70], [33, 12, 64]];

function random(length: number): Float32Array {
  const array = new Float32Array(length);
  rng.fillNormal(array);
  return array;
}
const rng = new Rng(3);

/** Calls of kernels, at least one of each, in both types. */
function allTrials(): Array<readonly [KernelName, Trial]> {
  const one = Object.entries(trials(random)) as Array<[KernelName, Trial]>;
  const more = products.flatMap(([rows, columns, depth]) => [false, true].flatMap((a) => [false, true].map((b) =>
    ['gemm', [
      random(rows * depth), random(depth * columns), random(rows * columns), rows, columns, depth, a, b, a,
    ]] as const)));
  const convolved = convolutions.flatMap(([batch, channels, filters, side, window, stride, groups]) => {
    const pad = (window - 1) / 2;
    const out = Math.floor((side + 2 * pad - window) / stride) + 1;
    const g: ConvGeometry = {
      batch, channels, filters, groups, height: side, width: side, kernelHeight: window, kernelWidth: window,
      strideY: stride, strideX: stride, padTop: pad, padLeft: pad, dilationY: 1, dilationX: 1, outHeight: out,
      outWidth: out,
    };
    const [x, w] = [random(batch * channels * side * side), random(filters * (channels / groups) * window ** 2)];
    const y = (): Float32Array => random(batch * filters * out * out);
    return [
      ['convForward', [x, w, random(filters), y(), g, { relu: true, scale: random(filters) }]] as const,
      ['convBackward', [y(), x, w, random(x.length), random(w.length), random(filters), g]] as const,
    ];
  });
  const float32 = [...one, ...more, ...convolved];
  return [...float32, ...float32.map(([name, trial]) => [name, inFloat64(trial)] as const)];
}

/** The same with float64 arrays. */
function inFloat64(value: Trial): Trial {
  return value.map(deepFloat64);
}

function deepFloat64(value: unknown): unknown {
  if (value instanceof Float32Array) return Float64Array.from(value);
  if (Array.isArray(value)) return value.map(deepFloat64);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, deepFloat64(each)]));
}

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
const all = allTrials();
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
