/** Times training steps in Deno, on the device and on the processor in turns; prints a line of JSON a network. */

import { openWebGpu, trainOnDevice } from '../../src/gpu/index.ts';
import { info, ready, Rng } from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import { inStep } from '../../src/kernels/memory/allocate.ts';

const { args, exit } = (globalThis as unknown as { Deno: { args: string[]; exit(code: number): never } }).Deno;
const { steps } = JSON.parse(args[0]) as { steps: number };

const networks: ReadonlyArray<readonly [name: string, batch: number, build: () => nn.Sequential]> = [
  ['fully connected 3072-256-10', 100, () => {
    const layer = { rng: new Rng(0) };
    const [first, last] = [new nn.Linear(3072, 256, layer), new nn.Linear(256, 10, layer)];
    return nn.sequential(new nn.Flatten(), first, new nn.ReLU(), last);
  }],
  ['threeLayerConvNet, 8 filters', 20, () => nn.threeLayerConvNet({ rng: new Rng(0), numFilters: 8 })],
  ['threeLayerConvNet, 32 filters', 50, () => nn.threeLayerConvNet({ rng: new Rng(0) })],
];

await ready();
const device = await openWebGpu();
for (const [network, batch, build] of networks) {
  const [ours, theirs] = [build(), build()];
  const x = new Rng(1).normal(0, 1, [batch, 3, 32, 32]).astype('float32');
  const y = Array.from({ length: batch }, (_, i) => i % 10);
  const training = await trainOnDevice(ours, new nn.Adam(ours.parameters()), { inputShape: [3, 32, 32], device, onTrouble: 'error' });
  const optimizer = new nn.Adam(theirs.parameters());
  const onProcessor = (): void => {
    inStep(() => {
      optimizer.zeroGrad();
      nn.crossEntropy(theirs.forward(nn.variable(x)), y).backward();
      optimizer.step();
    });
  };
  const timed = async (run: () => Promise<void> | void): Promise<number> => {
    const start = performance.now();
    await run();
    return (performance.now() - start) / steps;
  };
  await training.step(x, y); // shaders are compiled, and memory is made
  await training.readBack();
  onProcessor();
  const found = {
    device: await timed(async () => {
      for (let i = 0; i < steps; i++) await training.step(x, y);
      await training.readBack();
    }),
    processor: await timed(() => { for (let i = 0; i < steps; i++) onProcessor(); }),
  };
  await training.close();
  const { backend, threads } = info();
  console.log(JSON.stringify({
    network, batch, ...found, adapter: device.adapter, software: device.why.length > 0, backend: `${backend}, ${threads} threads`,
  }));
}
device.close();
exit(0);
