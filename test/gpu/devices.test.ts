/** Opening devices: what is missing, what is wrong, and what is refused. */

import { describe, expect, it } from 'vitest';

import { DeviceError, openGpuJs, openWebGpu, WebGpuDevice } from '../../src/gpu/index.ts';
import { openSession } from '../../src/gpu/webgpu/session.ts';
import { fakeGpu } from './fake.ts';

/** What a promise was rejected with. */
async function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(() => { throw new Error('it was not rejected'); }, (error: unknown) => error as Error);
}

async function trouble(promise: Promise<unknown>, kind: DeviceError['trouble'], message: RegExp): Promise<void> {
  const error = await rejection(promise);
  expect(error).toBeInstanceOf(DeviceError);
  expect((error as DeviceError).trouble).toBe(kind);
  expect(error.message).toMatch(message);
}

describe('openWebGpu', () => {
  it('says where there is no WebGPU, no adapter, or no device', async () => {
    await trouble(openWebGpu({ gpu: null }), 'unavailable', /^webgpu: there is no navigator\.gpu here/);
    await trouble(openWebGpu({ gpu: { requestAdapter: async () => null } }), 'unavailable', /offers no adapter/);
    const refusing = { limits: fakeLimits, requestDevice: async () => { throw new Error('busy\u001b[2J'); } };
    await trouble(openWebGpu({ gpu: { requestAdapter: async () => refusing } }), 'unavailable', /gives no device: busy\\x1b\[2J/);
  });

  it('refuses a device whose numbers are off, by kernel and adapter, and gives it back', async () => {
    await trouble(openWebGpu({ gpu: fakeGpu().gpu }), 'numbers', /^webgpu: gemm is off by 1\.0 .* on a fake.*the device is not used/);
  });

  it('refuses what is no GPU and unknown options', async () => {
    expect(await rejection(openWebGpu({ gpu: {} as never }))).toBeInstanceOf(TypeError);
    expect((await rejection(openWebGpu({ gpuu: 1 } as never))).message).toMatch(/^openWebGpu: unknown option "gpuu"/);
    expect((await rejection(openWebGpu(3 as never))).message).toMatch(/^openWebGpu: options must be an object/);
  });
});

const fakeLimits = { maxBufferSize: 1024, maxStorageBufferBindingSize: 1024, maxComputeWorkgroupsPerDimension: 65_535 };

describe('a session', () => {
  it('says that an adapter is software', async () => {
    const { why } = await openSession(fakeGpu({ software: true }).gpu);
    expect(why.join()).toMatch(/\(a fake\) is software on the processor/);
    expect((await openSession(fakeGpu().gpu)).why).toEqual([]);
  });

  it('refuses arrays in float64 and those that are too long, and gives all memory back', async () => {
    const fake = fakeGpu({ maxBufferSize: 400 });
    const device = new WebGpuDevice(await openSession(fake.gpu));
    const error = await rejection(device.kernels.reluForward!(new Float64Array(3), new Float64Array(3)));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe('reluForward: x must be a Float32Array, the type that devices compute in, got a Float64Array');
    await trouble(
      device.kernels.reluForward!(new Float32Array(101), new Float32Array(101)), 'limits',
      /an array of reluForward takes 404 bytes, one array of this device may have 400/,
    );
    await device.kernels.reluForward!(new Float32Array(100), new Float32Array(100));
    expect(fake.alive.size).toBe(0);
  });

  it('says at the next call that the device is lost, has refused a command, or was closed', async () => {
    const call = (device: WebGpuDevice): Promise<void> =>
      device.kernels.reluForward!(new Float32Array(3), new Float32Array(3));
    const [lost, refused, closed] = [fakeGpu(), fakeGpu(), fakeGpu()];
    const devices = await Promise.all([lost, refused, closed].map(async ({ gpu }) =>
      new WebGpuDevice(await openSession(gpu))));
    lost.lose();
    refused.refuse('no such pipeline\u202e');
    devices[2].close();
    await trouble(call(devices[0]), 'lost', /^webgpu: .*(the device was lost \(unknown: taken away\))/);
    await trouble(call(devices[1]), 'failed', /refused a command: no such pipeline\\u202e/);
    await trouble(call(devices[2]), 'unavailable', /the device was closed/);
  });
});

/** GPU.js, of which only the outside is there. */
function gpuJs(mode: string, result: () => unknown = () => new Float32Array(1)): never {
  return class {
    readonly mode = mode;
    createKernel(): unknown { return Object.assign(() => result(), { destroy: () => undefined }); }
    destroy(): void { /* nothing to give back */ }
  } as never;
}

describe('openGpuJs', () => {
  it('says where the package or WebGL2 is missing', async () => {
    await trouble(openGpuJs(), 'unavailable', /^gpu\.js: (the package is not at hand|no WebGL2 here|asked for WebGL2)/);
    await trouble(openGpuJs({ GPU: gpuJs('cpu') }), 'unavailable', /asked for WebGL2, it took cpu/);
    const throwing = function () { throw new Error('no context'); } as never;
    await trouble(openGpuJs({ GPU: throwing }), 'unavailable', /no WebGL2 here: no context/);
  });

  it('refuses a device whose numbers are off, and one that fails', async () => {
    await trouble(openGpuJs({ GPU: gpuJs('webgl2') }), 'numbers', /^gpu\.js: gemm is off by 1\.0 .* this device.*is not used/);
    const failing = (): never => { throw new Error('lost context'); };
    await trouble(openGpuJs({ GPU: gpuJs('webgl2', failing) }), 'failed', /^gpu\.js: gemm: lost context/);
  });

  it('refuses what is no class of GPU.js and unknown options', async () => {
    const message = async (options: unknown): Promise<string> => (await rejection(openGpuJs(options as never))).message;
    expect(await message({ GPU: 3 })).toMatch(/^openGpuJs: GPU must be a function, got 3/);
    expect(await message({ GPU: Map })).toMatch(/^gpu\.js: no WebGL2 here|^openGpuJs: GPU must be the class/);
    expect(await message({ GPU: Object })).toMatch(/^openGpuJs: GPU must be the class that gpu\.js exports/);
    expect(await message({ mode: 'cpu' })).toMatch(/^openGpuJs: unknown option "mode"/);
  });
});
