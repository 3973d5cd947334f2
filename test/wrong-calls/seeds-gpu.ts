/** Valid calls of tilegrad/gpu where there is no device: what trains there trains on the processor. */

import { trainOnDevice } from '../../src/gpu/index.ts';
import { Rng } from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import type { Table } from './walk.ts';

const rng = new Rng(7);
const network = (): nn.Module => nn.sequential(new nn.Linear(6, 3, { rng }));
const net = network();
const training = await trainOnDevice(net, new nn.SGD(net.parameters()), { inputShape: [6] });

export const gpuTable: Table = {
  // made by the library alone: exported to be caught
  DeviceError: 'internal',
  trainOnDevice: () => {
    const model = network();
    return [model, new nn.SGD(model.parameters()), { inputShape: [6], readEvery: 2, onTrouble: 'cpu' }];
  },
  DeviceTraining: 'internal', 'DeviceTraining.begin': 'internal',
  'DeviceTraining.step': { on: () => training, args: () => [rng.normal(0, 1, [2, 6]), [0, 2]] },
  'DeviceTraining.readBack': { on: () => training, args: () => [] },
  'DeviceTraining.close': { on: () => training, args: () => [] },
  // need a device; test/gpu has their wrong calls
  openWebGpu: 'internal', openGpuJs: 'internal', WebGpuDevice: 'internal', 'WebGpuDevice.close': 'internal',
};
