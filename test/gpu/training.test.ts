/** Training on a device that computes nothing: what is sent, what comes back, and what happens when it is gone. */

import { describe, expect, it } from 'vitest';

import { DeviceError, trainOnDevice, WebGpuDevice, type DeviceTrainingOptions } from '../../src/gpu/index.ts';
import { openSession } from '../../src/gpu/webgpu/session.ts';
import { Rng, Tensor, zeros } from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import { fakeGpu, type FakeGpu } from './fake.ts';

const build = (): nn.Sequential => {
  const layer = { rng: new Rng(1) };
  return nn.sequential(
    new nn.Conv2d(2, 3, 3, layer), new nn.BatchNorm2d(3), new nn.ReLU(), new nn.Flatten(),
    new nn.Dropout(0.5, { rng: new Rng(2) }), new nn.Linear(12, 4, layer),
  );
};

const batch = (n: number = 5): readonly [Tensor, number[]] => [
  new Rng(3).normal(0, 1, [n, 2, 4, 4]).astype('float32'), Array.from({ length: n }, (_, i) => i % 4),
];

async function start(fake: FakeGpu, options: Partial<DeviceTrainingOptions> = {}, net: nn.Module = build()): Promise<{
  net: nn.Module; optimizer: nn.Adam; training: Awaited<ReturnType<typeof trainOnDevice>>;
}> {
  const device = new WebGpuDevice(await openSession(fake.gpu));
  const optimizer = new nn.Adam(net.parameters(), { lr: 1e-3 });
  const training = await trainOnDevice(net, optimizer, { inputShape: [2, 4, 4], device, ...options });
  return { net, optimizer, training };
}

function states(net: nn.Module): Record<string, number[]> {
  return Object.fromEntries(Object.entries(net.stateDict()).map(([name, value]) => [name, Array.from(value.data)]));
}

describe('trainOnDevice', () => {
  it('hands a whole step over in one submission, and reads the state back now and then', async () => {
    const fake = fakeGpu();
    const { net, optimizer, training } = await start(fake, { readEvery: 3 });
    const before = states(net);
    await training.step(...batch());
    await training.step(...batch());
    expect(fake.submissions.length).toBe(2);
    expect(fake.submissions[0]).toBe(fake.submissions[1]);
    expect(fake.submissions[0]).toBeGreaterThan(20);
    expect(training.losses).toEqual([]);
    await training.step(...batch());
    expect(fake.submissions.length).toBe(4);
    expect(fake.submissions[3]).toBe(0); // copies only
    expect(training.losses).toEqual([0, 0, 0]); // what a device that computes nothing gives
    expect(training.device).toBe('webgpu');
    const after = states(net);
    expect(after).toEqual({ ...before, '1.num_batches_tracked': [3] }); // the same numbers, there and back
    const { state } = optimizer.stateDict();
    expect(state['0.t'].item()).toBe(3);
    expect(Object.keys(state).length).toBe(3 * net.parameters().length);
  });

  it('gives back all memory of the device', async () => {
    const fake = fakeGpu();
    const { training } = await start(fake);
    for (const n of [5, 2, 3, 4, 5, 6, 7]) await training.step(...batch(n));
    await training.close();
    expect(fake.alive.size).toBe(0);
  });

  it('goes on with the processor from what was read last when the device is lost', async () => {
    const fake = fakeGpu();
    const { net, training } = await start(fake, { readEvery: 2 });
    await training.step(...batch());
    await training.step(...batch());
    await training.step(...batch());
    fake.lose();
    await training.step(...batch());
    expect(training.device).toBe('cpu');
    expect(training.steps).toBe(3); // two that were read, one on the processor
    const why = /the device was lost \(unknown: taken away\); the processor trains on from step 2/;
    expect(training.why.join()).toMatch(why);
    const reference = build();
    const optimizer = new nn.Adam(reference.parameters(), { lr: 1e-3 });
    optimizer.loadStateDict({ // Adam counted two steps, which changed nothing
      state: Object.fromEntries(reference.parameters().flatMap(({ shape }, i) => [
        [`${i}.t`, new Tensor(Float64Array.of(2), [])],
        ...['m', 'v'].map((key) => [`${i}.${key}`, zeros(shape, 'float32')]),
      ])),
      groups: optimizer.stateDict().groups,
    });
    const dropout = reference._modules[4] as nn.Dropout;
    for (let i = 0; i < 2; i++) dropout.generators()[0].fillUniform(new Float64Array(5 * 12));
    const loss = nn.crossEntropy(reference.forward(nn.variable(batch()[0])), batch()[1]);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    expect(training.losses[2]).toBe(loss.item());
    for (const [i, parameter] of net.parameters().entries()) {
      expect(parameter.value.toArray()).toEqual(reference.parameters()[i].value.toArray());
    }
  });

  it('throws instead where that is asked for, and leaves the network as it was read last', async () => {
    const fake = fakeGpu();
    const { net, training } = await start(fake, { onTrouble: 'error' });
    const before = states(net);
    await training.step(...batch());
    fake.lose();
    const error = await training.readBack().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DeviceError);
    expect((error as DeviceError).trouble).toBe('lost');
    expect(states(net)).toEqual(before);
  });

  it('trains with the processor where the device has no room, and says what was too large', async () => {
    const fake = fakeGpu({ maxBufferSize: 12 * 4 * 4 });
    const { training } = await start(fake);
    await training.step(...batch());
    expect(training.device).toBe('cpu');
    expect(training.steps).toBe(1);
    const why = /takes \d+ bytes, one array of this device may have 192.*trains on from step 0/;
    expect(training.why.join()).toMatch(why);
    expect(fake.alive.size).toBe(0);
    let full = false;
    const small = fakeGpu({ outOfMemory: () => full });
    const { training: second } = await start(small);
    full = true;
    await second.step(...batch());
    expect(second.why.join()).toMatch(/no memory for a step of 5 examples: not enough memory/);
    expect(small.alive.size).toBe(0);
  });

  it('trains with the processor where there is no device', async () => {
    const net = build();
    const training = await trainOnDevice(net, new nn.SGD(net.parameters()), { inputShape: [2, 4, 4] });
    await training.step(...batch());
    expect(training.device).toBe('cpu');
    expect(training.losses.length).toBe(1);
    expect(training.why.join()).toMatch(/no navigator\.gpu here.*the processor trains on from step 0/);
    await training.close();
    const error = await trainOnDevice(net, new nn.SGD(net.parameters()), { inputShape: [2, 4, 4], onTrouble: 'error' })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DeviceError);
  });

  it('keeps others from training the network until it is closed', async () => {
    const { net, optimizer, training } = await start(fakeGpu());
    const busy = 'the model is being trained already, by fit(), Solver.train() or trainOnDevice()';
    const [x, y] = batch();
    const compiled = nn.sequential(net).compile();
    await expect(compiled.fit(x, y)).rejects.toThrow(busy);
    await expect(trainOnDevice(net, optimizer, { inputShape: [2, 4, 4] })).rejects.toThrow(`trainOnDevice: ${busy}`);
    await training.close();
    await training.close();
    await expect(training.step(x, y)).rejects.toThrow('DeviceTraining.step: the training was closed');
    await compiled.fit(x, y);
    const again = await trainOnDevice(net, optimizer, { inputShape: [2, 4, 4] });
    await training.close(); // another's mark stays
    await expect(compiled.fit(x, y)).rejects.toThrow(busy);
    await again.close();
    const failing = { inputShape: [2, 4, 4], onTrouble: 'error' } as const;
    await expect(trainOnDevice(net, optimizer, failing)).rejects.toThrow(DeviceError);
    await compiled.fit(x, y);
  });

  it('lets go of device and network when it is lost for good, and where a loss is no number', async () => {
    const fake = fakeGpu();
    const { net, training } = await start(fake, { onTrouble: 'error' });
    const [x, y] = batch();
    await training.step(x, y);
    fake.lose();
    await expect(training.readBack()).rejects.toThrow(DeviceError);
    await expect(training.step(x, y)).rejects.toThrow('the training was closed');
    await nn.sequential(net).compile().fit(x, y);

    const bad = fakeGpu();
    const { net: other, training: spoilt } = await start(bad);
    await spoilt.step(x, y);
    for (const buffer of bad.alive as Iterable<{ bytes: Uint8Array<ArrayBuffer> }>) {
      new Float32Array(buffer.bytes.buffer).fill(NaN);
    }
    await expect(spoilt.close()).rejects.toThrow('the loss became NaN');
    expect(bad.alive.size).toBe(0);
    await nn.sequential(other).compile().fit(x, y);
  });

  it('makes steps that are not waited for one after another', async () => {
    const fake = fakeGpu();
    const { net, training } = await start(fake, { readEvery: 2 });
    await Promise.all([1, 2, 3, 4, 5].map(() => training.step(...batch())));
    await training.close();
    expect(training.losses.length).toBe(5);
    expect(states(net)['1.num_batches_tracked']).toEqual([5]);
  });

  it('leaves running averages as they were where a batch with a NaN fails on the processor', async () => {
    const net = build();
    const training = await trainOnDevice(net, new nn.SGD(net.parameters()), { inputShape: [2, 4, 4] });
    const [x, y] = batch();
    const before = states(net);
    const changed = x.clone();
    changed.set(NaN, 0, 0, 0, 0);
    await expect(training.step(changed, y)).rejects.toThrow('the loss became NaN at step 1');
    expect(states(net)).toEqual(before);
    await training.step(x, y);
    await training.close();
  });

  it('leaves no gradient of its steps on the processor in parameters that the optimiser was not given', async () => {
    const net = build();
    const optimizer = new nn.SGD(net._modules[5].parameters(), { lr: 0.1 });
    const training = await trainOnDevice(net, optimizer, { inputShape: [2, 4, 4] });
    for (let i = 0; i < 3; i++) await training.step(...batch());
    expect(training.losses).toHaveLength(3);
    expect(net.parameters().every(({ grad }) => grad === null)).toBe(true);
    await training.close();
  });

  it('refuses parameters that layers share, which only the last of them would learn, and frozen batchnorm', async () => {
    const tied = nn.sequential(new nn.Flatten(), new nn.Linear(32, 4), new nn.Linear(4, 4), new nn.Linear(4, 4));
    const layers = tied._modules as readonly nn.Linear[];
    (layers[3] as { weight: nn.Variable }).weight = layers[2].weight;
    await expect(start(fakeGpu(), {}, tied)).rejects.toThrow(
      'trainOnDevice: 3 (Linear) shares a parameter with a layer before it, which devices do not compute',
    );
    const net = build();
    net._modules[1].freeze();
    net._modules[4].training = false;
    await expect(start(fakeGpu(), {}, net)).rejects.toThrow('trainOnDevice: 1 (BatchNorm2d) is frozen, which devices do not compute');
    expect(net._modules[4].training).toBe(false);
    net._modules[1].freeze(false);
    await (await start(fakeGpu(), {}, net)).training.close();
  });

  it('refuses batches that do not fit before anything is sent', async () => {
    const fake = fakeGpu();
    const { training } = await start(fake);
    const [x, y] = batch();
    await expect(training.step(zeros([5, 2, 4, 5]), y))
      .rejects.toThrow(/^DeviceTraining.step: x must hold examples of 2x4x4, got 5x2x4x5/);
    await expect(training.step(x.astype('float64'), y)).rejects.toThrow(/^DeviceTraining.step: x must be float32/);
    await expect(training.step(x, [0, 1, 2, 3, 4])).rejects.toThrow(RangeError);
    await expect(training.step(zeros([0, 2, 4, 4]), [])).rejects.toThrow(RangeError);
    expect(fake.submissions).toEqual([]);
    await expect(start(fake, { inputShape: [3, 2, 2] }, nn.sequential(new nn.Conv2d(3, 2, 1))))
      .rejects.toThrow(/the network must give scores \(N, C\)/);
  });
});
