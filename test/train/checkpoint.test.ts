import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { crc32 } from '../../src/io/crc32.ts';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/index.ts';
import { DeepConvNet } from '../../src/models/index.ts';
import { RandomState, Rng, Tensor, tensor, zeros } from '../../src/tensor/index.ts';
import { oneCycleSchedule, setDefaultCheckpointStore, sgdMomentum, Solver } from '../../src/train/index.ts';
import type { CheckpointStore, RuleName, SolverOptions, UpdateRule } from '../../src/train/index.ts';
import { ruleNames } from '../../src/update/update-rules.ts';
import { describeOnEveryBackend } from '../support/backends.ts';
import { bits, points, smallNet } from './support.ts';

const base: SolverOptions = { verbose: false, optimConfig: { learningRate: 0.05 }, batchSize: 20, numEpochs: 4 };

function solver(options: SolverOptions = {}, model = smallNet()): Solver {
  return new Solver(model, points(), { ...base, ...options });
}

/** Everything by which two runs can differ, but the time they took. */
function outcome(s: Solver): unknown {
  const { lossHistory, trainAccHistory, valAccHistory, bestValAcc, epoch, iteration } = s;
  const state = bits(s.model.state?.() as Record<string, Tensor>);
  const rest = { params: bits(s.model.params), best: bits(s.bestParams), state };
  return { lossHistory, trainAccHistory, valAccHistory, bestValAcc, epoch, iteration, ...rest };
}

/** The checkpoint that train() leaves when it is stopped after so many steps. */
async function stoppedAfter(stop: number, make: (extra: SolverOptions) => Solver): Promise<Uint8Array> {
  const abort = new AbortController();
  let last: Uint8Array | null = null;
  const store: CheckpointStore = {
    write: (_, bytes) => {
      last = bytes;
      return Promise.resolve();
    },
  };
  const onProgress: SolverOptions['onProgress'] = ({ iteration }) => {
    if (iteration === stop) abort.abort();
  };
  const s = make({ checkpointName: 'run', checkpointStore: store, onProgress });
  expect(await s.train({ signal: abort.signal })).toBe('aborted');
  expect(s.iteration).toBe(stop);
  return last!;
}

/** Trains without a break, and again with a stop after each of the given steps: both must end with the same bits. */
async function expectSameEnd(stops: readonly number[], make: (extra: SolverOptions) => Solver): Promise<void> {
  const whole = make({});
  await whole.train();
  for (const stop of stops) {
    const checkpoint = await stoppedAfter(stop, make);
    const resumed = make({});
    resumed.step(); // what it did before must not matter
    resumed.restore(checkpoint);
    expect(resumed.iteration).toBe(stop);
    await resumed.train();
    expect(outcome(resumed)).toEqual(outcome(whole));
  }
}

describeOnEveryBackend('a resumed run ends with the same bits', () => {
  // 3 steps an epoch: after the first step, inside an epoch, at its end (accuracy check still due), near the end.
  const stops = [1, 4, 6, 11];

  it.each(ruleNames)('%s', async (updateRule: RuleName) => {
    await expectSameEnd(stops, (extra) => solver({ updateRule, lrDecay: 0.9, ...extra }));
  });

  it('batchnorm and dropout', async () => {
    const options = { normalization: 'batchnorm', dropoutKeep: 0.7 } as const;
    await expectSameEnd(stops, (extra) => solver({ updateRule: 'adam', ...extra }, smallNet(options)));
  });

  it('a RandomState, a schedule, and a transform that draws', async () => {
    await expectSameEnd(stops, (extra) => solver({
      rng: new RandomState(9),
      schedule: oneCycleSchedule(),
      transform: (X, rng) => (rng.random() < 0.5 ? X.assign(X.neg()) : X),
      ...extra,
    }));
  });

  it('a rule of the user\'s own', async () => {
    const rule: UpdateRule = (w, dw, config) => sgdMomentum(w, dw, config);
    await expectSameEnd(stops, (extra) => solver({ updateRule: rule, ...extra }));
  });

  it('a convolutional network with spatial batchnorm', async () => {
    const X = new Rng(4).normal(0, 1, [12, 2, 8, 8]);
    const y = Array.from({ length: 12 }, (_, i) => i % 3);
    await expectSameEnd([1, 3], (extra) => new Solver(
      new DeepConvNet({ inputDim: [2, 8, 8], numFilters: [3, 4], maxPools: [0], batchnorm: true, numClasses: 3, weightScale: 'kaiming', rng: new Rng(1) }),
      { XTrain: X, yTrain: y, XVal: X, yVal: y },
      { ...base, updateRule: 'nesterov', batchSize: 6, numEpochs: 2, ...extra },
    ));
  });
});

describe('checkpoints', () => {
  it('are kept under the name after the first step, after every epoch and at a stop', async () => {
    const writes: Array<[string, number]> = [];
    const store: CheckpointStore = {
      write: (name, bytes) => {
        const twin = solver();
        twin.restore(bytes);
        writes.push([name, twin.iteration]);
        return Promise.resolve();
      },
    };
    await solver({ numEpochs: 2, checkpointName: 'run/a', checkpointStore: store }).train();
    expect(writes).toEqual([['run/a', 1], ['run/a', 3], ['run/a', 6]]);
    writes.length = 0;
    const s = solver({ checkpointName: 'run/a', checkpointStore: store });
    s.step();
    s.step();
    await s.train({ timeLimit: 0 });
    expect(writes).toEqual([['run/a', 2]]);
  });

  it('go to the default store where there is one', async () => {
    const names: string[] = [];
    setDefaultCheckpointStore({ write: (name) => Promise.resolve(void names.push(name)) });
    try {
      await solver({ numEpochs: 1, checkpointName: 'default' }).train();
    } finally {
      setDefaultCheckpointStore(null);
    }
    expect(names).toEqual(['default', 'default']);
  });

  it('stop the training when they cannot be written, which can then go on', async () => {
    let full = true;
    const store: CheckpointStore = { write: () => (full ? Promise.reject(new Error('disk full')) : Promise.resolve()) };
    const s = solver({ checkpointName: 'run', checkpointStore: store });
    await expect(s.train()).rejects.toThrow('disk full');
    full = false;
    expect(await s.train()).toBe('finished');
    expect(s.trainAccHistory).toHaveLength(5);
  });

  it('hold where training stands, not the best parameters that the model shows', async () => {
    const whole = solver();
    await whole.train();
    const s = solver();
    s.step();
    await s.train({ timeLimit: 0 });
    const resumed = solver();
    resumed.restore(s.checkpoint());
    await resumed.train();
    expect(resumed.lossHistory).toEqual(whole.lossHistory);
  });

  it('are safetensors files with the parameters under their names', () => {
    const s = solver({ updateRule: 'adam' });
    s.step();
    const { tensors } = decodeSafetensors(s.checkpoint());
    expect(bits({ W1: tensors['model/params/W1'] })).toEqual(bits({ W1: s.model.params.W1 }));
    expect(tensors['optimizer/W1/m'].shape).toEqual([6, 16]);
    expect(tensors.lossHistory.toArray()).toEqual(s.lossHistory);
  });

  it('hold further texts where asked to', () => {
    const s = solver({ checkpointMetadata: { note: 'of "mine"', 'tilegrad checkpoint': 'not this' } });
    s.step();
    const bytes = s.checkpoint();
    expect(decodeSafetensors(bytes).metadata.note).toBe('of "mine"');
    const resumed = solver();
    resumed.restore(bytes);
    expect(outcome(resumed)).toEqual(outcome(s));
  });

  it('may be taken before the first step', async () => {
    const whole = solver();
    await whole.train();
    const resumed = solver();
    resumed.restore(solver().checkpoint());
    await resumed.train();
    expect(outcome(resumed)).toEqual(outcome(whole));
  });

  it('allow more epochs', async () => {
    const long = solver({ numEpochs: 6 });
    await long.train();
    const short = solver({ numEpochs: 4 });
    await short.train();
    const resumed = solver({ numEpochs: 6 });
    resumed.restore(short.checkpoint());
    await resumed.train();
    expect(outcome(resumed)).toEqual(outcome(long));
  });
});

describe('Solver.restore refuses, and changes nothing:', () => {
  const trained = solver({ updateRule: 'adam' });
  trained.step();
  trained.step();
  const good = trained.checkpoint();

  /** A file whose checksum is right, whatever it holds. */
  function sealed(tensors: Record<string, Tensor>, metadata: Record<string, string>): Uint8Array {
    const file = encodeSafetensors({ ...tensors, crc32: new Tensor(new Uint8Array(4)) }, metadata);
    new DataView(file.buffer).setUint32(file.length - 4, crc32(file.subarray(0, -4)), true);
    return file;
  }

  /** The checkpoint with its JSON or its tensors changed, as one who knows the format could. */
  function changed(edit: (tree: Record<string, never>, tensors: Record<string, Tensor>) => void): Uint8Array {
    const { tensors, metadata } = decodeSafetensors(good);
    const [[key, text]] = Object.entries(metadata);
    const tree = JSON.parse(text) as Record<string, never>;
    edit(tree, tensors);
    return sealed(tensors, { [key]: JSON.stringify(tree) });
  }
  const set = (path: string, value: unknown): Uint8Array => changed((tree) => {
    const keys = path.split('.');
    let place: Record<string, unknown> = tree;
    for (const key of keys.slice(0, -1)) place = place[key] as Record<string, unknown>;
    place[keys.at(-1)!] = value;
  });

  it.each<[string, Uint8Array, SolverOptions, string]>([
    ['a file of another kind', encodeSafetensors({ W: zeros(1) }), {}, 'Solver.restore: the file is not a tilegrad checkpoint'],
    ['a truncated file', good.subarray(0, good.length - 1), {}, 'Solver.restore: the tensors take'],
    ['broken JSON', sealed({}, { 'tilegrad checkpoint': '{' }), {}, 'is damaged: its metadata is not valid JSON'],
    ['a list', sealed({}, { 'tilegrad checkpoint': '[]' }), {}, 'the checkpoint is damaged'],
    ['a later version', set('version', 3), {}, 'the checkpoint has version 3, this library reads 2'],
    ['another rule', good, { updateRule: 'sgd' }, 'the checkpoint was made with updateRule "adam", this Solver has "sgd"'],
    ['another learning rate', good, { optimConfig: { learningRate: 1 } }, 'made with optimConfig {learningRate: 0.05}, this Solver has {learningRate: 1}'],
    ['another batch size', good, { batchSize: 10 }, 'made with batchSize 20, this Solver has 10'],
    ['another decay', good, { lrDecay: 0.5 }, 'made with lrDecay 1, this Solver has 0.5'],
    ['another kind of generator', good, { rng: new RandomState(0) }, 'state.algorithm must be one of mt19937, got "xoshiro128**"'],
    ['a parameter missing', changed((tree) => { delete (tree.model as { params: Record<string, unknown> }).params.W1; }), {}, 'the model has a parameter W1, the checkpoint has not'],
    ['a parameter too many', set('model.params.W9', { $tensor: 'model/params/W1' }), {}, 'the checkpoint has a parameter W9, the model has not'],
    ['a parameter of another shape', set('model.params.W1', { $tensor: 'model/params/W2' }), {}, "the checkpoint's W1 is float32 16x3, the model's float32 6x16"],
    ['a parameter that is a number', set('model.params.W1', 3), {}, "the checkpoint's W1 is not a tensor"],
    ['a reference that leads nowhere', set('model.params.W1', { $tensor: 'nowhere' }), {}, "the checkpoint's W1 is not a tensor"],
    ['unknown model state', set('model.state.extra', { $tensor: 'model/params/W1' }), {}, 'unknown entry "extra"'],
    ['rule state of another shape', set('optimizer.W1.m', { $tensor: 'model/params/W2' }), {}, "the optimiser's m does not fit W1"],
    ['rule state for an unknown parameter', set('optimizer.W9', {}), {}, 'the optimiser has state for "W9", which the model lacks'],
    ['no rule state', set('optimizer', null), {}, "the optimiser's state is missing"],
    ['no rule state after two steps', set('optimizer', {}), {}, "the optimiser's state for W1 is missing"],
    ['rule state that lacks a moment', changed((tree) => { delete (tree.optimizer as Record<string, Record<string, unknown>>).W1.v; }), {}, "the optimiser's v does not fit W1"],
    ['rule state of another rule', set('optimizer.W1.velocity', { $tensor: 'optimizer/W1/m' }), {}, 'adam: unknown option "velocity"'],
    ['rule state without its count', set('optimizer.b1.t', 0), {}, "the optimiser's step count t of b1 must be an integer >= 1, got 0"],
    ['an unknown entry', set('extra', 1), {}, 'the checkpoint has an unknown entry "extra"'],
    ['another epoch than that of its iteration', set('epoch', 1), {}, 'the checkpoint is in epoch 1 after 2 iterations'],
    ['parameters with NaN', changed((_, tensors) => { tensors['model/params/W1'] = tensors['model/params/W1'].mul(NaN); }), {}, 'parameters that diverged (parameter W1 became NaN)'],
    ['a negative iteration', set('iteration', -1), {}, "the checkpoint's iteration must be a count, got -1"],
    ['an iteration without its losses', set('iteration', 7), {}, 'the checkpoint has 2 losses for 7 iterations'],
    ['an epoch that is text', set('epoch', 'one'), {}, "the checkpoint's epoch must be a finite number"],
    ['no histories', set('valAccHistory', []), {}, 'the checkpoint lacks valAccHistory'],
    ['an order that repeats', changed((_, tensors) => { tensors.order = tensor(new Int32Array(66)); }), {}, 'order of examples is not a permutation of 66'],
    ['an order of floats', changed((_, tensors) => { tensors.order = zeros(66); }), {}, 'not a permutation of 66'],
    ['no settings', set('settings', null), {}, 'the checkpoint lacks its settings'],
    ['a generator state of zeros', set('rng.words', [0, 0, 0, 0]), {}, 'state.words must not all be 0'],
    ['deep nesting', set('rng', JSON.parse('['.repeat(100) + ']'.repeat(100))), {}, 'nested deeper than 33 levels'],
  ])('%s', (_, bytes, options, message) => {
    const s = solver({ updateRule: 'adam', ...options });
    const twin = solver({ updateRule: 'adam', ...options, ...(options.rng && { rng: new RandomState(0) }) });
    expect(() => s.restore(bytes)).toThrow(message);
    expect(s.step()).toBe(twin.step());
    expect(outcome(s)).toEqual(outcome(twin));
  });

  it('any byte that is changed', () => {
    const s = solver({ updateRule: 'adam' });
    const twin = solver({ updateRule: 'adam' });
    let refused = 0;
    for (let place = 0; place < good.length; place += 3) {
      const bytes = good.slice();
      bytes[place] ^= 1 << (place % 8);
      try {
        s.restore(bytes);
      } catch (error) {
        if (error instanceof RangeError) refused++;
      }
    }
    expect(refused).toBe(Math.ceil(good.length / 3));
    expect(outcome(s)).toEqual(outcome(twin));
  });

  it('a file that is cut, longer, or put together anew', () => {
    const { tensors, metadata } = decodeSafetensors(good);
    const refused = [
      good.subarray(0, 4), good.subarray(0, good.length - 4), Uint8Array.of(...good, 0), encodeSafetensors(tensors, { ...metadata, a: '' }),
    ];
    for (const bytes of refused) expect(() => solver({ updateRule: 'adam' }).restore(bytes)).toThrow(RangeError);
  });

  it('whatever bytes of the metadata are changed', () => {
    fc.assert(fc.property(fc.nat(3000), fc.integer({ min: 0, max: 255 }), (place, byte) => {
      const bytes = good.slice();
      bytes[8 + place] = byte;
      const s = solver({ updateRule: 'adam' });
      if (good[8 + place] === byte) return;
      expect(() => s.restore(bytes)).toThrow(RangeError);
      expect([s.iteration, s.lossHistory.length]).toEqual([0, 0]);
    }), { numRuns: 300 });
  });

  it('a rule\'s state that is not plain', () => {
    const rule: UpdateRule = (w, dw, config) => [sgdMomentum(w, dw)[0], { ...config, note: new Map() } as never];
    const s = solver({ updateRule: rule });
    s.step();
    expect(() => s.checkpoint()).toThrow(new TypeError('Solver.checkpoint: state must hold tensors and plain data, got a Map at optimizer/W1/note'));
  });
});
