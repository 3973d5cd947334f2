/** The examples of the levels run: an epoch of a few steps each on drawn images. */

import { afterEach, expect, it, vi } from 'vitest';
import { barebones } from '../../examples/levels/barebones.ts';
import { byHand } from '../../examples/levels/by-hand.ts';
import { byGraph } from '../../examples/levels/graph.ts';
import { kerasBarebones } from '../../examples/levels/keras-barebones.ts';
import { kerasSequential } from '../../examples/levels/keras-sequential.ts';
import { kerasSubclass } from '../../examples/levels/keras-subclass.ts';
import { byModule } from '../../examples/levels/module.ts';
import { bySequential } from '../../examples/levels/sequential.ts';
import { makeShapes, prepareImages, type PreparedImages } from '../../src/data/index.ts';

const data = prepareImages(makeShapes({ seed: 0, numTrain: 140, numTest: 10 }), { numValidation: 10, normalize: true });

afterEach(() => { vi.restoreAllMocks(); });

/** By name, and how many networks each trains. */
const examples: ReadonlyArray<readonly [(data: PreparedImages, hiddenDim?: number) => unknown, number]> = [
  [byHand, 1], [barebones, 2], [byModule, 2], [bySequential, 3], [byGraph, 2], [kerasBarebones, 2], [kerasSubclass, 2],
  [kerasSequential, 3],
];

it.each(examples.map(([run, networks]) => [run.name, run, networks] as const))('%s', async (_, run, networks) => {
  const lines: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => { lines.push(line); });
  await run(data, 20);
  const text = lines.join('\n');
  expect(text).not.toMatch(/NaN|Infinity|undefined/);
  expect(text.match(/^(Checking accuracy on the )?test.*%/gim)).toHaveLength(networks);
  expect(text).toMatch(/Iteration 0,/);
});
