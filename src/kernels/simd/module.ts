/** All SIMD kernels, to be emitted into modules by ones or many. */

import { beginPart, type KernelForm, type KernelSource, type PartBytes } from '../team/part.ts';
import { emitAugment } from './augment/index.ts';
import { emitConvolution } from './conv/index.ts';
import { emitElementwise } from './elementwise/index.ts';
import { emitGemm } from './gemm/gemm-kernels.ts';
import { KernelBuilder } from './kernel.ts';
import { emitLosses } from './loss/index.ts';
import { emitNormalisation } from './norm/index.ts';
import { emitPoolings } from './pool/index.ts';

type Family = (kernels: KernelBuilder) => void;

/** Adding a family is one line here. */
const families: readonly Family[] = [
  emitGemm,
  emitConvolution,
  emitNormalisation,
  emitPoolings,
  emitElementwise,
  emitLosses,
  emitAugment,
];

/** The kernels in a form. Fused multiply-add is not in every engine, and rounds differently; wide ones do not. */
export function kernelSource(form: KernelForm): KernelSource {
  /** whose writer each kernel's is */
  const familyOf = new Map<object, Family>();
  for (const family of families) {
    const builder = new KernelBuilder(beginPart(0, 1), form, new Set());
    family(builder);
    for (const kernel of builder.defined) familyOf.set(kernel, family);
  }

  function emit(kernels: readonly object[], first: number, initialPages: number): PartBytes {
    const part = beginPart(first, initialPages);
    const builder = new KernelBuilder(part, form, new Set(kernels));
    for (const family of new Set(kernels.map((kernel) => familyOf.get(kernel)))) family?.(builder);
    return { bytes: part.module.build(), positions: builder.positions };
  }

  return { form, kernels: [...familyOf.keys()], emit };
}
