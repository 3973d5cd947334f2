/** The rows of `gradcheck`: none of the layers is left out, and those of gradients hold. */

import { describe, expect, it } from 'vitest';
import * as layers from '../../src/layers/index.ts';
import { checkLayer } from '../../src/node/lab/gradient-checks.ts';
import { layerChecks } from '../../src/node/lab/gradient-layers.ts';

describe('the list of layers', () => {
  it('has every backward pass', () => {
    const listed = layerChecks.map(({ name }) => name.split(',')[0]);
    const all = Object.keys(layers).filter((name) => /Backward(Naive|Fast|Alt)?$/.test(name));
    expect(all.length).toBeGreaterThan(30);
    expect(all.filter((name) => !listed.includes(name))).toEqual([]);
  });

  const quick = layerChecks.filter(({ name }) => /elu|silu|maxout|softmax|adaptive/.test(name));
  it.each(quick.map((each) => [each.name, each] as const))(
    'holds of %s', (_, each) => {
      for (const { gradient, error, bound } of checkLayer(each)) expect(error, gradient).toBeLessThanOrEqual(bound);
    },
  );
});
