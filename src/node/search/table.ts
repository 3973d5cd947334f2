/** What came of a search: the table, which holds nothing that depends on where the trials ran, and the page. */

import { printable } from '../../runtime/text.ts';
import { trialsHtml } from '../../viz/trials-page.ts';
import type { TrialAxis } from '../../viz/trials-page.ts';
import { formatTable } from '../commands/table.ts';
import { percent } from '../commands/outputs.ts';
import type { Search, Trial, TrialResult } from './folder.ts';
import { ranked } from './plan.ts';
import { placeOf, valueAt, valueText } from './space.ts';
import type { Axis, Settings, Value } from './space.ts';

export interface TableRow {
  readonly index: number;
  readonly round: number;
  readonly settings: Settings;
  readonly status: TrialResult['status'];
  readonly valAccuracy: number | null;
}

export interface SearchTable {
  readonly search: string;
  readonly method: string;
  readonly planned: number;
  readonly base: Settings;
  /** the best first */
  readonly trials: readonly TableRow[];
}

/** Rows that are printed. */
const printed = 10;

export function searchTable(
  { id, method, space }: Search, trials: readonly Trial[], results: ReadonlyMap<number, TrialResult>,
): SearchTable {
  const rows = trials.flatMap(({ index, round, settings }): TableRow[] => {
    const result = results.get(index);
    if (result === undefined) return [];
    return [{ index, round, settings, status: result.status, valAccuracy: result.valAccuracy }];
  });
  return { search: id, method, planned: trials.length, base: space.base, trials: ranked(rows) };
}

/** The first rows, for a terminal. */
export function tableText({ trials }: SearchTable): string {
  const names = [...new Set(trials.flatMap(({ settings }) => Object.keys(settings)))];
  const rows = trials.slice(0, printed).map(({ index, settings, status, valAccuracy }) => [
    String(index), valAccuracy === null ? status : percent(valAccuracy),
    ...names.map((name) => (Object.hasOwn(settings, name) ? printable(valueText(settings[name])) : '')),
  ]);
  const rest = trials.length > printed ? `and ${trials.length - printed} more\n` : '';
  return formatTable(['trial', 'validation', ...names], rows, ['right', 'right', ...names.map(() => 'right' as const)]) + rest;
}

export function searchPage(
  { space, method }: Search, { trials, planned }: SearchTable, results: ReadonlyMap<number, TrialResult>,
  notes: readonly string[],
): string {
  // halving gives each round its epochs
  const dealt = trials.some(({ settings }) => Object.hasOwn(settings, 'epochs')) && !Object.hasOwn(space.axes, 'epochs');
  const epochs = [...new Set(trials.map(({ settings }) => settings.epochs))].sort((a, b) => Number(a) - Number(b));
  const all: Record<string, Axis> = { ...space.axes };
  if (dealt) all.epochs = { kind: 'choices', values: epochs };
  const best = trials.find(({ valAccuracy }) => valAccuracy !== null);
  const count = (status: string): number => trials.filter((row) => row.status === status).length;
  const seconds = [...results.values()].reduce((sum, result) => sum + result.seconds, 0);
  return trialsHtml({
    title: 'Search for settings',
    subtitle: `${trials.length} of ${planned} trials, ${method}. ` +
      Object.entries(space.base).map(([name, value]) => `${name} ${valueText(value)}`).join(', '),
    summary: [
      { label: 'Best validation accuracy', value: best === undefined ? 'none' : percent(best.valAccuracy!),
        note: best === undefined ? '' : `trial ${best.index}` },
      { label: 'Trials', value: String(count('done')), note: 'trained to their end' },
      { label: 'Diverged or failed', value: String(count('diverged') + count('failed')) },
      { label: 'Training time', value: `${seconds.toFixed(0)} s`, note: 'of all trials, in training steps' },
    ],
    axes: Object.entries(all).map(([name, axis]) => ({ name, ticks: ticksOf(axis) })),
    rows: trials.map(({ index, settings, status, valAccuracy }) => {
      const { epochs: x, trainAccHistory, valAccHistory, seconds: own } = results.get(index)!;
      return {
        label: `trial ${index}`, status, valAccuracy, seconds: own,
        cells: Object.entries(all)
          .map(([name, axis]) => [valueText(settings[name]), placeIn(axis, settings[name])] as const),
        history: { lossHistory: [], trainAccHistory, valAccHistory, accuracyEpochs: x },
      };
    }),
    notes,
  });
}

function ticksOf(axis: Axis): TrialAxis['ticks'] {
  if (axis.kind === 'choices') return axis.values.map((value) => [valueText(value), placeIn(axis, value) ?? 0] as const);
  return [0, 0.5, 1].map((share) => [valueText(valueAt(axis, share)), share] as const);
}

function placeIn(axis: Axis, value: Value): number | null {
  if (axis.kind !== 'choices') return placeOf(axis, Number(value));
  const at = axis.values.findIndex((each) => JSON.stringify(each) === JSON.stringify(value));
  if (at < 0) return null;
  return axis.values.length === 1 ? 0.5 : at / (axis.values.length - 1);
}
