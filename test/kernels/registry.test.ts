import { afterEach, describe, expect, it } from 'vitest';
import type { BackendName, KernelName, Kernels } from '../../src/kernels/contract.ts';
import { jsKernels } from '../../src/kernels/js/index.ts';
import { naiveKernels } from '../../src/kernels/naive/index.ts';
import { activeKernels, selection } from '../../src/kernels/registry.ts';
import { loadSimd } from '../../src/kernels/simd/backend.ts';
import { info } from '../../src/kernels/status.ts';
import { configure } from '../../src/runtime/settings.ts';

const names = Object.keys(naiveKernels) as KernelName[];
const own: Readonly<Record<BackendName, Partial<Kernels>>> = {
  simd: loadSimd() as Partial<Kernels>, js: jsKernels, naive: naiveKernels,
};
const lacking = names.filter((name) => own.simd[name] === undefined);

afterEach(() => configure({ backend: 'auto', strict: false }));

describe.each(['simd', 'js', 'naive'] as const)('with the %s backend', (backend) => {
  it('every kernel is computed by the backend that is said to compute it', () => {
    configure({ backend });
    const { name, computedBy } = selection();
    expect(name).toBe(backend);
    expect(Object.keys(computedBy).sort()).toEqual([...names].sort());
    const kernels = activeKernels();
    for (const kernel of names) {
      // a SIMD kernel stands within what catches a full heap
      if (computedBy[kernel] === 'simd') expect(kernels[kernel], kernel).not.toBe(jsKernels[kernel]);
      else expect(kernels[kernel], kernel).toBe(own[computedBy[kernel]][kernel]);
      expect(computedBy[kernel]).toBe(own[backend][kernel] !== undefined ? backend : 'js');
    }
    const others = backend === 'simd' ? lacking.map((kernel) => `${kernel}: js`) : [];
    expect([...info().fallbacks].sort()).toEqual(others.sort());
  });

  it('strict keeps its kernels and refuses all others', () => {
    configure({ backend, strict: true });
    const kernels = activeKernels();
    for (const kernel of names) {
      if (own[backend][kernel] !== undefined) expect(kernels[kernel]).toBe(own[backend][kernel]);
      else expect(kernels[kernel] as () => void).toThrow(`${kernel}: backend ${backend} has no such kernel, and strict`);
    }
  });
});

it('a kernel that a backend lacks comes from the next one, and is refused under strict', () => {
  const table = jsKernels as Partial<Kernels>;
  const { svmLoss } = jsKernels;
  delete table.svmLoss;
  try {
    configure({ backend: 'js' });
    expect(activeKernels().svmLoss).toBe(naiveKernels.svmLoss);
    expect(info().fallbacks).toEqual(['svmLoss: naive']);
    configure({ strict: true });
    expect(activeKernels().svmLoss).toThrow('svmLoss: backend js has no such kernel, and strict forbids that naive');
    expect(activeKernels().gemm).toBe(jsKernels.gemm);
  } finally {
    table.svmLoss = svmLoss;
  }
});
