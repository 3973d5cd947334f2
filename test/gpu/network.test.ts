/** Networks as lists of steps for devices, and what is refused. */

import { describe, expect, it } from 'vitest';

import { readNetwork } from '../../src/gpu/network/network.ts';
import { Rng } from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';

const rng = new Rng(3);

describe('readNetwork', () => {
  it('lists the layers with their shapes, and sees through flattening', () => {
    const { steps, sizes, output } = readNetwork('test', nn.threeLayerConvNet({ rng }), [3, 32, 32]);
    expect(steps.map(({ path }) => path)).toEqual([
      '0 (Conv2d)', '1 (ReLU)', '2 (MaxPool2d)', '4 (Linear)', '5 (ReLU)', '6 (Linear)',
    ]);
    expect(steps.map(({ output: { shape } }) => shape)).toEqual([
      [32, 32, 32], [32, 32, 32], [32, 16, 16], [100], [100], [10],
    ]);
    expect(steps[3].inputs).toEqual([{ value: 3, shape: [8192] }]);
    expect(sizes).toEqual([3072, 32768, 32768, 8192, 100, 100, 10]);
    expect(output).toEqual({ value: 6, shape: [10] });
  });

  it('reads residual networks: every step gets what stands before it', () => {
    const block = (channels: number): nn.Module => new nn.Residual(nn.sequential(
      new nn.Conv2d(channels, channels, 3, { padding: 'same', rng }), new nn.BatchNorm2d(channels), new nn.ReLU(),
    ));
    const net = nn.sequential(
      new nn.Conv2d(3, 4, 3, { rng }), block(4), new nn.Concat(block(4), new nn.Conv2d(4, 2, 1, { rng })), block(6),
    );
    const { steps, sizes } = readNetwork('test', net, [3, 8, 8]);
    steps.forEach(({ inputs, output }, i) => {
      expect(output.value).toBe(i + 1);
      for (const { value, shape } of inputs) {
        expect(value).toBeLessThan(output.value);
        expect(shape.reduce((a, b) => a * b, 1)).toBe(sizes[value]);
      }
    });
    expect(steps.filter(({ path }) => path.endsWith('(Residual)')).length).toBe(3);
    expect(steps.at(-1)!.output.shape).toEqual([6, 6, 6]);
  });

  it('has the same shapes as the layers themselves', () => {
    const nets = [nn.deepConvNet({ rng }), nn.vggLike({ rng }), nn.mobileNetLike({ rng })];
    for (const net of nets) {
      expect(readNetwork('test', net, [3, 32, 32]).output.shape).toEqual(net.outputShape([3, 32, 32]));
    }
  });

  it('has the shapes of poolings that pad by a rule', () => {
    const net = nn.sequential(
      new nn.MaxPool2d(3, { stride: 2, padding: 'same' }), new nn.AvgPool2d(2, { stride: 1, padding: 'same' }),
    );
    expect(readNetwork('test', net, [3, 7, 6]).output.shape).toEqual([3, 4, 3]);
  });

  it('refuses by path and class what it does not know', () => {
    class Own extends nn.Linear {}
    const refused = (model: nn.Module, shape: number[], message: RegExp, type: typeof TypeError = TypeError): void => {
      expect(() => readNetwork('trainOnDevice', model, shape)).toThrow(type);
      expect(() => readNetwork('trainOnDevice', model, shape)).toThrow(message);
    };
    const softmax = nn.sequential(new nn.ReLU(), new nn.Softmax());
    refused(softmax, [4], /^trainOnDevice: 1 \(Softmax\) has no form on devices/);
    refused(nn.sequential(new Own(4, 2)), [4], /^trainOnDevice: 0 \(Own\) has no form/);
    refused(nn.sequential(new nn.Residual(nn.sequential(new nn.LayerNorm(4)))), [4], /0\.body\.0 \(LayerNorm\)/);
    refused(nn.sequential(new nn.Linear(4, 2, { dtype: 'float64' })), [4], /float64, devices in float32 only/);
    refused(nn.sequential(new nn.BatchNorm1d(4, { momentum: null })), [4], /momentum null/);
    const twice = new nn.Linear(4, 4);
    refused(nn.sequential(twice, twice), [4], /1 \(Linear\) stands in the network twice/);
    refused(nn.sequential(new nn.Linear(4, 2)), [5], /cannot take examples of/, RangeError);
    refused(nn.sequential(new nn.Conv2d(3, 2, 3)), [3, 2, 2], /0 \(Conv2d\): w has a window of 3x3/, RangeError);
    refused(nn.sequential(new nn.Residual(new nn.Linear(4, 2))), [4], /must have one shape, got 2 and 4/, RangeError);
  });
});
