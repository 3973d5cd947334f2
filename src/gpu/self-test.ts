/**
 * A device is not believed but tested: drivers and translators of shaders have faults, and a wrong number makes
 * training worse without a word. Before its kernels are handed out, each computes once on small arrays of uneven sizes,
 * and what comes is held against the naive kernels.
 */

import type { KernelName } from '../kernels/contract.ts';
import { naiveKernels } from '../kernels/naive/index.ts';
import { type Trial, trials } from '../kernels/trials.ts';
import { Rng } from '../tensor/random/rng.ts';
import type { ComputeDevice, DeviceKernels } from './device-kernels.ts';
import { DeviceError } from './error.ts';

/** How far a result may be off, relative to the largest of its array. */
const tolerance = 1e-4;

/** Puts every kernel to the test. Throws DeviceError where one is off, which names the kernel and the adapter. */
async function selfTest({ name, adapter, kernels }: Pick<ComputeDevice, 'name' | 'adapter' | 'kernels'>): Promise<void> {
  const rng = new Rng(1);
  const random = (length: number): Float32Array => {
    const array = new Float32Array(length);
    rng.fillNormal(array);
    return array;
  };
  for (const [kernel, given] of Object.entries(trials(random)) as Array<[KernelName, Trial]>) {
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
async function differenceOf(kernel: KernelName, kernels: DeviceKernels, given: Trial): Promise<number> {
  const tested = kernels[kernel] as ((...given: Trial) => Promise<unknown>) | undefined;
  if (tested === undefined) return 0;
  const defined = naiveKernels[kernel] as unknown as (...given: Trial) => unknown;
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
