import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { main } from '../../src/node/commands/program.ts';
import { planRound, ranked } from '../../src/node/search/plan.ts';
import type { Definition, Scored } from '../../src/node/search/plan.ts';
import { draw, grid, narrow, parseSpace } from '../../src/node/search/space.ts';
import { Rng } from '../../src/tensor/index.ts';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { recording } from '../cli/terminal.ts';

const file = {
  base: { epochs: 9 },
  space: {
    lr: { log: [1e-4, 1e-1], points: 4 }, batch: { range: [10, 20], integer: true, points: 3 },
    hidden: { choices: [[5], [6, 7]] },
  },
};
const space = parseSpace('test', file);

describe('a space', () => {
  it('draws within its ranges, and around good settings within narrower ones', () => {
    fc.assert(fc.property(fc.nat(), fc.array(fc.nat(), { minLength: 1, maxLength: 4 }), (seed, others) => {
      const good = others.map((other) => draw(space, new Rng(other)));
      const narrower = narrow(space, good);
      for (const [from, rng] of [[space, new Rng(seed)], [narrower, new Rng(seed)]] as const) {
        const { lr, batch, hidden } = draw(from, rng) as { lr: number; batch: number; hidden: number[] };
        expect(lr).toBeGreaterThanOrEqual(1e-4);
        expect(lr).toBeLessThanOrEqual(1e-1);
        expect(Number.isInteger(batch) && batch >= 10 && batch <= 20).toBe(true);
        expect(file.space.hidden.choices).toContainEqual(hidden);
      }
      const { low, high } = narrower.axes.lr as { low: number; high: number };
      for (const { lr } of good) expect(low <= (lr as number) && (lr as number) <= high).toBe(true);
      expect(high / low).toBeLessThanOrEqual(1000 * (1 + 1e-9));
    }));
  });

  it('makes a grid of all points', () => {
    const all = grid('test', space, 100);
    expect(all).toHaveLength(24);
    expect([...new Set(all.map(({ lr }) => lr))]).toEqual([1e-4, 1e-3, 1e-2, 1e-1]);
    expect([...new Set(all.map(({ batch }) => batch))]).toEqual([10, 15, 20]);
    expect(() => grid('test', space, 23)).toThrow('test: the grid has more than 23 trials');
    expect(() => grid('test', parseSpace('test', { space: { lr: { log: [1, 2] } } }), 9)).toThrow('needs "points" of "lr"');
  });
});

describe('a plan', () => {
  it('follows from definition and results alone, and more random trials begin with the fewer', () => {
    const definition: Definition = { space, method: 'random', trials: 5, seed: 7 };
    const five = planRound('test', definition, 0, []);
    expect(planRound('test', definition, 0, [])).toEqual(five);
    expect(planRound('test', { ...definition, trials: 8 }, 0, []).slice(0, 5)).toEqual(five);
    expect(planRound('test', { ...definition, seed: 8 }, 0, [])).not.toEqual(five);
    expect(planRound('test', definition, 1, [])).toEqual([]);
  });

  it('draws nothing twice, and no more than a space has', () => {
    const small = parseSpace('test', { space: { batch: { choices: [10, 20, 30] }, flips: { choices: ['none', 'random'] } } });
    const all = (method: 'random' | 'coarse-to-fine', trials: number): string[] => {
      const done: Scored[] = [];
      for (let round = 0; ; round++) {
        const next = planRound('test', { space: small, method, trials, seed: 3 }, round, done);
        if (next.length === 0) return done.map(({ settings }) => JSON.stringify(settings));
        for (const settings of next) done.push({ round, index: done.length, settings, valAccuracy: 0.5 });
      }
    };
    for (const method of ['random', 'coarse-to-fine'] as const) {
      for (const trials of [3, 6, 30]) {
        const found = all(method, trials);
        expect(new Set(found).size, `${method}, ${trials}`).toBe(found.length);
        expect(found.length, `${method}, ${trials}`).toBe(Math.min(trials, 6));
      }
    }
    expect(all('random', 30)).toHaveLength(6);
    expect(all('random', 6).slice(0, 3)).toEqual(all('random', 3));
  });

  it.each(['random', 'grid', 'coarse-to-fine', 'halving'] as const)('of %s ends, whatever the trials come to', (method) => {
    const accuracy = fc.option(fc.double({ min: 0, max: 1, noNaN: true }));
    fc.assert(fc.property(fc.integer({ min: 24, max: 40 }), fc.infiniteStream(accuracy),
      (trials, accuracies) => {
        const done: Scored[] = [];
        let round = 0;
        for (; round < 10; round++) {
          const next = planRound('test', { space, method, trials, seed: 1 }, round, done);
          if (next.length === 0) break;
          for (const settings of next) {
            done.push({ round, index: done.length, settings, valAccuracy: accuracies.next().value as number | null });
          }
        }
        expect(round).toBeLessThan(10);
        expect(done.filter((each) => method !== 'halving' || each.round === 0)).toHaveLength(method === 'grid' ? 24 : trials);
      }), { numRuns: 30 });
  });

  it('goes from coarse to fine towards what did best', () => {
    const definition: Definition = { space, method: 'coarse-to-fine', trials: 30, seed: 2 };
    const done: Scored[] = [];
    const distances = [0, 1, 2].map((round) => {
      for (const settings of planRound('test', definition, round, done)) {
        const distance = Math.abs(Math.log10((settings.lr as number) / 3e-3));
        done.push({ round, index: done.length, settings, valAccuracy: 1 - distance / 4 });
      }
      const own = done.filter((each) => each.round === round);
      expect(own).toHaveLength(10);
      return own.reduce((sum, { valAccuracy }) => sum + 4 * (1 - valAccuracy!), 0) / 10;
    });
    expect(distances[1]).toBeLessThan(distances[0] / 2);
    expect(distances[2]).toBeLessThan(distances[1] / 2);
  });

  it('ranks those without accuracy last', () => {
    const of = (...accuracies: Array<number | null>): number[] =>
      ranked(accuracies.map((valAccuracy, index) => ({ index, valAccuracy }))).map(({ index }) => index);
    expect(of(null, 0.5, 0, 0.5)).toEqual([1, 3, 2, 0]);
  });
});

describe('a wrong space', () => {
  const lr = { log: [1e-4, 1e-1] };
  it.each<[unknown, RegExp]>([
    ['{', /is not valid JSON/],
    ['{"space": {}, "space": {}}', /names "space" twice/],
    [[], /the space must be an object, got an array of 0/],
    [{ space: { lr }, sapce: {} }, /unknown key "sapce" of the space, known are base, space/],
    [{ base: {} }, /"space" must be an object, got undefined/],
    [{ space: {} }, /must name a setting/],
    [{ base: { lr: 1 }, space: { lr } }, /"lr" is in "base" and in "space"/],
    [{ base: { lr: null }, space: { reg: lr } }, /base "lr" must be a number, a text or a list of numbers, got null/],
    [{ space: { lr: { lgo: [1, 2] } } }, /unknown key "lgo" of "lr", known are choices, range, log, integer, points/],
    [{ space: { lr: { log: [1, 2], range: [1, 2] } } }, /"lr" must have one of choices, range and log/],
    [{ space: { lr: { log: [0, 2] } } }, /the log range of "lr" must be above 0, got 0/],
    [{ space: { lr: { range: [2, 1] } } }, /must rise, got \[2, 1\]/],
    [{ space: { lr: { range: [1, '2'] } } }, /the high end of "lr" must be a number, got "2"/],
    [{ space: { lr: { range: [1] } } }, /must be \[low, high\], got an array of 1/],
    [{ space: { batch: { range: [1, 2.5], integer: true } } }, /ends of "batch" must be integers/],
    [{ space: { lr: { choices: [] } } }, /must be a list of values/],
    [{ space: { lr: { choices: [{}] } } }, /a choice of "lr" must be a number/],
    [{ space: { lr: { log: [1e-4, 1e-1], points: 1 } } }, /points of "lr" must be an integer >= 2/],
    [{ space: { lrr: lr } }, /unknown option '--lrr/],
    [{ space: { out: { choices: ['a', 'b'] } } }, /"out" is no setting that can be searched/],
    [{ base: { resume: 1 }, space: { lr } }, /unknown option '--resume/],
    [{ base: { model: 'four' }, space: { lr } }, /--model must be one of/],
    [{ space: { lr: { range: [-1, 1] } } }, /It must be a number > 0/],
    [{ base: { model: 'two' }, space: { filters: { choices: [[3]] } } }, /--filters is no setting of the model two/],
    [{ space: { batch: { range: [10, 20] } } }, /batch .* must be an integer/i],
  ])('%j is refused: %s', async (content, message) => {
    const folder = await mkdtemp(join(tmpdir(), 'tilegrad-space-'));
    try {
      const path = join(folder, 'space.json');
      await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
      const terminal = recording();
      expect(await main(['search', 'plan', path, '--out', join(folder, 'out')], terminal)).toBeGreaterThan(0);
      expect(terminal.err()).toMatch(message);
      expect(terminal.err().trimEnd().split('\n')).toHaveLength(1);
      expect(await readdir(folder)).toEqual(['space.json']);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('the example of the grid of two-layer networks has its 18 runs', async () => {
    const path = fileURLToPath(new URL('../../examples/search/two-layer-grid.json', import.meta.url));
    const folder = await mkdtemp(join(tmpdir(), 'tilegrad-space-'));
    try {
      const terminal = recording();
      expect(await main(['search', 'plan', path, '--method', 'grid', '--out', join(folder, 'out')], terminal)).toBe(0);
      expect(terminal.out()).toMatch(/^18 trials in /m);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('halving without epochs, and more grid than trials, are refused', () => {
    const bare = parseSpace('test', { space: file.space });
    expect(() => planRound('test', { space: bare, method: 'halving', trials: 9, seed: 0 }, 0, [])).toThrow('must have epochs');
    expect(() => planRound('test', { space, method: 'grid', trials: 9, seed: 0 }, 0, [])).toThrow('more than 9 trials');
  });
});
