/** Small problems for the tests of training. */

import { FullyConnectedNet } from '../../src/models/index.ts';
import { Rng, Tensor } from '../../src/tensor/index.ts';
import type { SolverData } from '../../src/train/index.ts';
import type { FullyConnectedNetOptions } from '../../src/models/index.ts';

/** Points in 6 dimensions, of three classes by where the first two coordinates lie; 66 to train on, 20 to validate. */
export function points(dtype: 'float32' | 'float64' = 'float32'): SolverData & { XTest: Tensor } {
  const rng = new Rng(11);
  const draw = (n: number): [Tensor, Int32Array] => {
    const X = rng.normal(0, 1, [n, 6], dtype);
    return [X, Int32Array.from({ length: n }, (_, i) => (X.get(i, 0) > 0.4 ? 1 : X.get(i, 1) > 0 ? 2 : 0))];
  };
  const [XTrain, yTrain] = draw(66);
  const [XVal, yVal] = draw(20);
  return { XTrain, yTrain, XVal, yVal, XTest: XVal };
}

/** A small network for `points`, the same every time. */
export function smallNet(options: FullyConnectedNetOptions = {}): FullyConnectedNet {
  return new FullyConnectedNet([16], { inputDim: 6, numClasses: 3, weightScale: 0.3, rng: new Rng(5), ...options });
}

/** The bits of every tensor of a record, to be compared for equality. */
export function bits(record: Record<string, Tensor>): Record<string, number[]> {
  return Object.fromEntries(Object.entries(record).map(([name, t]) => [name, Array.from(t.clone().data)]));
}
