import { describe, expect, it } from 'vitest';
import type { Kernels } from '../../src/kernels/contract.ts';
import { jsKernels } from '../../src/kernels/js/index.ts';
import { naiveKernels } from '../../src/kernels/naive/index.ts';
import { relError } from '../../src/train/rel-error.ts';
import { layerCases, runLayerCase } from './fixtures.ts';

const backends: Readonly<Record<string, Kernels>> = { naive: naiveKernels, js: { ...naiveKernels, ...jsKernels } };

for (const [name, kernels] of Object.entries(backends)) {
  describe(`${name} kernels against reference.json`, () => {
    it.each(layerCases().map((layer, i) => [`${i} ${layer.op} ${JSON.stringify(layer.params ?? {})}`, layer] as const))(
      '%s', (_, layer) => {
        const answer = runLayerCase(kernels, layer);
        expect(relError(answer.out, layer.out?.data ?? [layer.loss!])).toBeLessThan(1e-9);
        expect(Object.keys(answer.grads).sort()).toEqual(Object.keys(layer.grads).sort());
        for (const [input, gradient] of Object.entries(layer.grads)) {
          expect(relError(answer.grads[input], gradient.data), `gradient of ${input}`).toBeLessThan(1e-9);
        }
      },
    );
  });
}
