/** The example that trains one network on every level: the same losses, bit for bit. */

import { expect, it } from 'vitest';
import { sideBySide } from '../../examples/levels/side-by-side.ts';
import { batches, makeShapes, prepareImages } from '../../src/data/index.ts';

it('trains one network to the same bits by hand and on every level', async () => {
  const data = prepareImages(makeShapes({ seed: 0, numTrain: 60, numTest: 1 }), { numValidation: 0, normalize: true });
  const { 'by hand': expected, ...levels } = await sideBySide([...batches(data.XTrain, data.yTrain, { batchSize: 20 })]);
  expect(expected).toHaveLength(3);
  expect(new Set(expected).size).toBe(3);
  expect(Object.keys(levels)).toEqual(['barebones', 'Module', 'sequential', 'graph', 'fit']);
  for (const losses of Object.values(levels)) expect(losses).toEqual(expected);
});
