/**
 * Which trials a search has. They come in rounds: the first is known at once, a later one follows from the results of
 * those before. The same definition and results give the same trials, so a search can stop anywhere and be taken up.
 */

import { checkInteger } from '../../runtime/check.ts';
import { Rng } from '../../tensor/index.ts';
import { draw, grid, narrow } from './space.ts';
import type { Settings, Space } from './space.ts';

export const methods = ['random', 'grid', 'coarse-to-fine', 'halving'] as const;
export type Method = typeof methods[number];

export interface Definition {
  readonly space: Space;
  readonly method: Method;
  /** settings to draw; null: as many as the grid has, 30 elsewhere */
  readonly trials: number | null;
  readonly seed: number;
}

/** A trial that has ended: its settings, without the base, and its validation accuracy, null where it has none. */
export interface Scored {
  readonly round: number;
  readonly index: number;
  readonly settings: Settings;
  readonly valAccuracy: number | null;
}

const standardTrials = 30;
const mostTrials = 100_000;
/** Rounds of coarse to fine. */
const stages = 3;
/**
 * Halving keeps one setting of so many, and gives it so many times the epochs: successive halving (Jamieson &
 * Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS 2016).
 */
const keep = 3;

/** The best first: by validation accuracy; those without one come last, and equals in their order. */
export function ranked<T extends Pick<Scored, 'index' | 'valAccuracy'>>(trials: readonly T[]): T[] {
  return [...trials].sort((a, b) => (b.valAccuracy ?? -1) - (a.valAccuracy ?? -1) || a.index - b.index);
}

/** So often in a row a setting may come that was tried already: after that, nearly all of the space was. */
const attempts = 1000;

/** So many settings, none of them twice nor among those known: the same settings would give the same bits. */
function drawnApart(space: Space, count: number, rng: Rng, known: readonly Settings[]): Settings[] {
  const seen = new Set(known.map((settings) => JSON.stringify(settings)));
  const found: Settings[] = [];
  for (let left = attempts; found.length < count && left > 0; left--) {
    const settings = draw(space, rng);
    const text = JSON.stringify(settings);
    if (seen.has(text)) continue;
    seen.add(text);
    found.push(settings);
    left = attempts + 1;
  }
  return found;
}

/**
 * The settings of the trials of a round, without the base, given all trials of the rounds before; none after the last
 * round. Throws RangeError, with `where` in front, for a definition that makes no search.
 */
export function planRound(where: string, definition: Definition, round: number, before: readonly Scored[]): Settings[] {
  const { space, method, seed } = definition;
  const count = checkInteger(where, 'trials', definition.trials ?? standardTrials, 1, mostTrials);
  const seeds = new Rng(seed);
  const rng = new Rng(Array.from({ length: round + 1 }, () => seeds.next32())[round]);
  const tried = before.map(({ settings }) => settings);
  const drawn = (from: Space, length: number): Settings[] => drawnApart(from, length, rng, tried);
  switch (method) {
    case 'random': return round === 0 ? drawn(space, count) : [];
    case 'grid': return round === 0 ? grid(where, space, definition.trials ?? mostTrials) : [];
    case 'coarse-to-fine': {
      if (round >= Math.min(stages, count)) return [];
      const share = Math.ceil((count - before.length) / (Math.min(stages, count) - round));
      const good = ranked(before.filter(({ valAccuracy }) => valAccuracy !== null)).map((each) => each.settings);
      const near = drawn(narrow(space, good.slice(0, Math.max(3, Math.ceil(good.length / 4)))), share);
      // where all that lies near was tried, the whole space gives the rest: a round of nothing would end the search
      return [...near, ...drawnApart(space, share - near.length, rng, [...tried, ...near])];
    }
    case 'halving': {
      const { epochs } = space.base;
      if (typeof epochs !== 'number' || Object.hasOwn(space.base, 'time')) {
        throw new RangeError(`${where}: halving deals out epochs: "base" must have epochs, and no time`);
      }
      const last = Math.floor(Math.log(Math.min(count, epochs)) / Math.log(keep) + 1e-9);
      if (round > last) return [];
      const given = { epochs: Math.max(1, Math.round(epochs / keep ** (last - round))) };
      if (round === 0) return drawn(space, count).map((settings) => ({ ...settings, ...given }));
      const candidates = ranked(before.filter((each) => each.round === round - 1 && each.valAccuracy !== null));
      return candidates.slice(0, Math.floor(count / keep ** round)).map(({ settings }) => ({ ...settings, ...given }));
    }
  }
}
