import { describe, expect, it } from 'vitest';
import { decodeOnnx, encodeOnnx, verifyOnnx } from '../../../src/io/index.ts';
import { outputsOf } from '../../../src/io/sample.ts';
import { Rng } from '../../../src/tensor/index.ts';
import { cases } from '../../onnx/networks.ts';

describe('there and back', () => {
  for (const { name, model, shapes } of cases()) {
    it.each(['fold', 'keep'] as const)(`${name} computes the same, batchnorm %s`, (batchnorm) => {
      const bytes = encodeOnnx(model, { inputShapes: shapes, batchnorm });
      const back = decodeOnnx(bytes);
      const inputs = shapes.map((shape, i) => new Rng(20 + i).normal(0, 1, [3, ...shape]));
      const expected = outputsOf(model, inputs);
      const found = outputsOf(back, inputs);
      expect(found.length).toBe(expected.length);
      // what is kept is computed alike, whatever the size of the outputs; folded weights are rounded once more
      found.forEach((ours, i) => {
        expect(ours.shape).toEqual(expected[i].shape);
        const scale = batchnorm === 'keep' ? 1 : Math.max(1, expected[i].abs().max().item());
        expect(ours.sub(expected[i]).abs().max().item() / scale).toBeLessThan(batchnorm === 'keep' ? 1e-6 : 3e-6);
      });
      const { difference, largest } = verifyOnnx(bytes);
      expect(batchnorm === 'keep' ? difference : difference / Math.max(1, largest)).toBeLessThan(batchnorm === 'keep' ? 1e-6 : 3e-6);
    });
  }
});
