import { beforeEach, describe, expect, it, vi } from 'vitest';

/** The library as it is built for pages, loaded anew; `simd` stands for the chunk with the SIMD backend. */
async function onPage(simd: () => Promise<object>): Promise<{
  index: typeof import('../../src/index.ts'); layers: typeof import('../../src/layers/index.ts');
  train: typeof import('../../src/train/index.ts'); models: typeof import('../../src/models/index.ts');
}> {
  vi.resetModules();
  vi.doMock('../../src/kernels/arrival.ts', () => import('../../src/kernels/arrival-late.ts'));
  vi.doMock('../../src/kernels/simd/index.ts', simd);
  return {
    index: await import('../../src/index.ts'), layers: await import('../../src/layers/index.ts'),
    train: await import('../../src/train/index.ts'), models: await import('../../src/models/index.ts'),
  };
}

const real = (): Promise<object> => vi.importActual('../../src/kernels/simd/index.ts');

beforeEach(() => void vi.restoreAllMocks());

describe('SIMD code that arrives later', () => {
  it('is asked for by the first computation, which js answers, and takes over when it is there', async () => {
    const asked = vi.fn(real);
    const { index: { info, tensor }, layers: { reluForward } } = await onPage(asked);
    expect(asked).not.toHaveBeenCalled();
    expect(reluForward(tensor([-1, 2]))[0].toArray()).toEqual([0, 2]);
    expect(info()).toMatchObject({ backend: 'js', threads: 1 });
    expect(info().why.join()).toMatch(/on its way/);
    await vi.waitFor(() => expect(info().backend).toBe('simd'), 30_000);
    expect(asked).toHaveBeenCalledOnce();
    expect(reluForward(tensor([-1, 2]))[0].toArray()).toEqual([0, 2]);
  });

  it('is there after ready(), and shutdown() needs none', async () => {
    const { index: { configure, info, ready, shutdown } } = await onPage(real);
    await shutdown();
    configure({ threads: 2 });
    await ready();
    expect(info()).toMatchObject({ backend: 'simd', threads: 2 });
    await shutdown();
    configure({ threads: 'auto' });
  });

  it('is named as the reason where it is demanded too early', async () => {
    const { index: { configure, info, tensor }, layers: { reluForward } } = await onPage(real);
    configure({ backend: 'simd' });
    expect(() => reluForward(tensor([1]))).toThrow(/backend simd cannot run here: simd: its code is still on its way/);
    await vi.waitFor(() => expect(info().backend).toBe('simd'), 30_000);
  });

  it('that does not come leaves js computing, says why, and is asked for again by ready()', async () => {
    let online = false;
    const { index: { info, ready, tensor }, layers: { reluForward } } = await onPage(async () => {
      if (!online) throw new Error('offline');
      return real();
    });
    await ready();
    expect(reluForward(tensor([-1, 2]))[0].toArray()).toEqual([0, 2]);
    expect(info().backend).toBe('js');
    expect(info().why.join()).toMatch(/could not be loaded .*ready\(\) tries again/);
    online = true;
    await ready();
    expect(info().backend).toBe('simd');
  });

  it('is waited for by Solver.train, so that all steps have the bits of the SIMD backend', async () => {
    const losses: number[][] = [];
    for (const late of [true, false]) {
      const { index: { info, ready, Rng }, models: { TwoLayerNet }, train: { Solver } } = await onPage(real);
      if (!late) await ready();
      const X = new Rng(1).normal(0, 1, [40, 30]);
      const y = Int32Array.from({ length: 40 }, (_, i) => i % 10);
      const model = new TwoLayerNet({ inputDim: 30, hiddenDim: 20, rng: new Rng(2), weightScale: 0.1 });
      const solver = new Solver(model, { XTrain: X, yTrain: y, XVal: X, yVal: y },
        { batchSize: 10, numEpochs: 2, verbose: false, rng: new Rng(3) });
      await solver.train();
      expect(info().backend).toBe('simd');
      losses.push(solver.lossHistory);
    }
    expect(losses[0]).toEqual(losses[1]);
  });
});
