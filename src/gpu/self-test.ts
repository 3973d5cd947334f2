/**
 * A device is not believed but tested: drivers and translators of shaders have faults, and a wrong number makes
 * training worse without a word. Before its kernels are handed out, each computes once on small arrays of uneven sizes,
 * and what comes is held against the naive kernels.
 */

import type { ConvGeometry, KernelName, PoolGeometry } from '../kernels/contract.ts';
import { naiveKernels } from '../kernels/naive/index.ts';
import { Rng } from '../tensor/random/rng.ts';
import type { ComputeDevice, DeviceKernels } from './device-kernels.ts';
import { DeviceError } from './error.ts';

/** How far a result may be off, relative to the largest of its array. */
const tolerance = 1e-4;

const conv: ConvGeometry = {
  batch: 2, channels: 4, height: 9, width: 7, filters: 6, kernelHeight: 3, kernelWidth: 2, strideY: 2, strideX: 1,
  padTop: 1, padLeft: 1, dilationY: 1, dilationX: 2, groups: 2, outHeight: 5, outWidth: 7,
};
const pool: PoolGeometry = {
  planes: 3, height: 8, width: 7, poolHeight: 3, poolWidth: 2, strideY: 2, strideX: 2, padTop: 1, padLeft: 0,
  outHeight: 4, outWidth: 3,
};
const channels = { outer: 3, channels: 5, inner: 11 };

type Arguments = readonly unknown[];

/** The arguments of one call of every kernel that a device may have. */
function trials(): Partial<Record<KernelName, Arguments>> {
  const rng = new Rng(1);
  const random = (length: number): Float32Array => {
    const array = new Float32Array(length);
    rng.fillNormal(array);
    return array;
  };
  const positive = (length: number): Float32Array => random(length).map(Math.abs);
  const room = (length: number): Float32Array => new Float32Array(length);
  const [images, filters, outputs] = [2 * 4 * 9 * 7, 6 * 2 * 3 * 2, 2 * 6 * 5 * 7];
  const [planes, pooled, values] = [3 * 8 * 7, 3 * 4 * 3, 3 * 5 * 11];
  const argmax = new Int32Array(pooled);
  const winners = random(planes);
  naiveKernels.maxPoolForward(winners, room(pooled), argmax, pool);
  const average = { ...pool, countIncludePad: false };
  const [eluIn, eluOut] = [random(300), room(300)];
  naiveKernels.eluForward(eluIn, eluOut, 0.3);
  const sizes = { planes: 3, height: 8, width: 7, outHeight: 3, outWidth: 5 };
  const forward = (): Arguments => [random(300), room(300), 0.3];
  const backward = (): Arguments => [random(300), random(300), room(300), 0.3];
  const norm = (): Float32Array[] => [random(values), random(5), random(5)];
  const batchnormBackward = (): Arguments => [
    random(values), ...norm(), positive(5), null, room(values), room(5), room(5), channels, 1e-5,
  ];
  const update = (states: number, ...numbers: unknown[]): Arguments => [
    random(99), random(99), ...Array.from({ length: states }, () => positive(99)), room(99),
    ...Array.from({ length: states }, () => room(99)), ...numbers,
  ];
  return {
    gemm: [random(19 * 23), random(23 * 33), room(19 * 33), 19, 33, 23, true, false, false],
    affineForward: [random(5 * 18), random(18 * 7), random(7), room(5 * 7), 5, 18, 7, { relu: true }],
    affineBackward: [random(5 * 7), random(5 * 18), random(18 * 7), room(5 * 18), room(18 * 7), room(7), 5, 18, 7],
    convForward: [random(images), random(filters), random(6), room(outputs), conv, { relu: false }],
    convBackward: [random(outputs), random(images), random(filters), room(images), room(filters), room(6), conv],
    maxPoolForward: [winners, room(pooled), new Int32Array(pooled), pool],
    maxPoolBackward: [random(pooled), argmax, room(planes), pool, null],
    avgPoolForward: [random(planes), room(pooled), average],
    avgPoolBackward: [random(pooled), room(planes), average],
    adaptiveAvgPoolForward: [random(planes), room(3 * 3 * 5), sizes],
    adaptiveAvgPoolBackward: [random(3 * 3 * 5), room(planes), sizes],
    reluForward: forward(), leakyReluForward: forward(), eluForward: forward(), sigmoidForward: forward(),
    tanhForward: forward(), geluForward: forward(), siluForward: forward(),
    reluBackward: backward(), leakyReluBackward: backward(), sigmoidBackward: backward(), tanhBackward: backward(),
    geluBackward: backward(), siluBackward: backward(),
    eluBackward: [random(300), eluIn, eluOut, room(300), 0.3],
    batchnormStatistics: [random(values), room(5), room(5), channels],
    batchnormApply: [...norm(), random(5), positive(5), room(values), channels, 1e-5, true],
    batchnormBackward: batchnormBackward(), batchnormBackwardConstant: batchnormBackward(),
    softmaxLoss: [random(8 * 10), Int32Array.of(0, 9, 3, 3, 5, 1, 7, 2), room(80), 8, 10],
    sgdUpdate: update(0, 0.1), momentumUpdate: update(1, 0.1, 0.9), nesterovUpdate: update(1, 0.1, 0.9),
    decayedMomentumUpdate: update(1, 0.1, 0.9, 0.01, true), rmspropUpdate: update(1, 0.1, 0.99, 1e-8),
    adagradUpdate: update(1, 0.1, 1e-8), adamUpdate: update(2, 0.1, 0.9, 0.999, 1e-8, 0.1, 0.001, 0.01),
    binary: ['div', random(77), positive(77).map((value) => value + 1), room(77)],
    binaryScalar: ['maximum', random(77), 0.2, room(77)], unary: ['exp', random(77), room(77)],
    axpy: [0.7, random(77), random(77)], sum: [positive(777)], sumOfSquares: [random(777)],
    sumRows: [random(13 * 17), room(17), 13, 17],
  };
}

/** Puts every kernel to the test. Throws DeviceError where one is off, which names the kernel and the adapter. */
async function selfTest({ name, adapter, kernels }: Pick<ComputeDevice, 'name' | 'adapter' | 'kernels'>): Promise<void> {
  for (const [kernel, given] of Object.entries(trials()) as Array<[KernelName, Arguments]>) {
    const difference = await differenceOf(kernel, kernels, given);
    if (difference <= tolerance) continue;
    throw new DeviceError(
      'numbers',
      `${name}: ${kernel} is off by ${difference.toPrecision(2)} of the largest number on ${adapter === '' ? 'this device' : adapter}, ` +
      `which may be off by ${tolerance}: the device is not used`,
    );
  }
}

/** The device, once all its kernels have passed the test; where one has not, it is closed and the error thrown on. */
export async function tested<Device extends ComputeDevice>(device: Device): Promise<Device> {
  try {
    await selfTest(device);
    return device;
  } catch (error) {
    device.close();
    throw error;
  }
}

/**
 * The largest relative difference between the device's outputs and the definition's; NaN counts as infinitely far off.
 */
async function differenceOf(kernel: KernelName, kernels: DeviceKernels, given: Arguments): Promise<number> {
  const tested = kernels[kernel] as ((...given: Arguments) => Promise<unknown>) | undefined;
  if (tested === undefined) return 0;
  const defined = naiveKernels[kernel] as unknown as (...given: Arguments) => unknown;
  const copies = given.map((each) => (ArrayBuffer.isView(each) ? (each as Float32Array).slice() : each));
  const results = [await tested(...given), ...given];
  const expected = [defined(...copies), ...copies];
  let largest = 0;
  expected.forEach((wanted, i) => {
    if (typeof wanted !== 'number' && !ArrayBuffer.isView(wanted)) return;
    const [a, b] = [results[i], wanted].map((each) => (typeof each === 'number' ? [each] : each as ArrayLike<number>));
    let [scale, off] = [0, 0];
    for (let j = 0; j < b.length; j++) {
      scale = Math.max(scale, Math.abs(b[j]));
      off = Math.max(off, Number.isNaN(a[j]) ? Infinity : Math.abs(a[j] - b[j]));
    }
    if (off > 0) largest = Math.max(largest, off / scale);
  });
  return largest;
}
