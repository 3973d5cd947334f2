/** The form of one comparison: which kernel, on which shapes, and how its results are checked. */

import type { Arbitrary } from 'fast-check';
import type { FloatArray, KernelName, Kernels } from '../../../src/kernels/contract.ts';
import type { Workbench } from './workbench.ts';

export interface KernelCase<Shape> {
  readonly kernel: KernelName;
  /** what is special about this case, beyond the kernel's name */
  readonly title?: string;
  readonly shapes: Arbitrary<Shape>;
  /** how many shapes to draw, as a share of the usual number; big shapes take few */
  readonly share?: number;
  /** runs the tested kernel and the naive one on the same inputs; throws where they differ */
  check(bench: Workbench, tested: Kernels, shape: Shape): void;
}

/** A case with its shape type forgotten, so that cases of all kinds fit one list. */
export interface AnyCase {
  readonly kernel: KernelName;
  readonly title: string;
  readonly share: number;
  readonly shapes: Arbitrary<unknown>;
  check(bench: Workbench, tested: Kernels, shape: unknown): void;
}

export function kernelCase<Shape>(definition: KernelCase<Shape>): AnyCase {
  return {
    kernel: definition.kernel,
    title: definition.title ?? '',
    share: definition.share ?? 1,
    shapes: definition.shapes,
    check: (bench, tested, shape) => definition.check(bench, tested, shape as Shape),
  };
}

/** The arrays among a kernel's arguments, those in lists and records too. */
export function arraysAmong(given: unknown): Array<FloatArray | Int32Array> {
  if (ArrayBuffer.isView(given)) return [given as FloatArray | Int32Array];
  return typeof given === 'object' && given !== null ? Object.values(given).flatMap(arraysAmong) : [];
}
