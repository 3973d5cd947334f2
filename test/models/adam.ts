/** Adam on a model's parameters, by the kernel alone, so that these tests stand without the training room. */

import type { FloatArray } from '../../src/kernels/contract.ts';
import { activeKernels } from '../../src/kernels/registry.ts';
import type { Gradients, Network } from '../../src/models/index.ts';
import { contiguousData } from '../../src/tensor/internal.ts';

/** Returns a function that takes one step, in place, with the gradients it is given. */
export function adam(model: Network, learningRate: number): (grads: Gradients) => void {
  const moments = new Map<string, [m: FloatArray, v: FloatArray]>();
  let t = 0;
  return (grads) => {
    t += 1;
    for (const [name, grad] of Object.entries(grads)) {
      const w = contiguousData(model.params[name]) as FloatArray;
      const [m, v] = moments.get(name) ?? [w.map(() => 0) as FloatArray, w.map(() => 0) as FloatArray];
      moments.set(name, [m, v]);
      activeKernels().adamUpdate(
        w, contiguousData(grad) as FloatArray, m, v, w, m, v, learningRate, 0.9, 0.999, 1e-8, 1 - 0.9 ** t,
        1 - 0.999 ** t, 0,
      );
    }
  };
}
