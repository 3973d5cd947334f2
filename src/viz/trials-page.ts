/** The results of a search as one page that opens offline: parallel coordinates, the best curves, the table. */

import { accuracyChart, paletteSize } from './chart.ts';
import type { TrainingHistory } from './chart.ts';
import { escapeText } from './escape.ts';
import { chartFigure } from './plot.ts';
import { page, summarySection } from './report.ts';
import type { SummaryFigure } from './report.ts';
import { formatPercent } from './ticks.ts';

/** One vertical axis of the picture, and one column of the table. */
export interface TrialAxis {
  readonly name: string;
  /** labels along the axis and where they stand, 0 (bottom) to 1 */
  readonly ticks: ReadonlyArray<readonly [text: string, at: number]>;
}

/** One trial, the best first. */
export interface TrialRow {
  readonly label: string;
  readonly status: string;
  /** for each axis the value as text, and where it stands, 0 to 1; null where it has none */
  readonly cells: ReadonlyArray<readonly [text: string, at: number | null]>;
  /** 0 to 1; null where it has none */
  readonly valAccuracy: number | null;
  readonly seconds: number;
  readonly history: TrainingHistory;
}

export interface TrialsPage {
  readonly title: string;
  readonly subtitle: string;
  readonly summary: readonly SummaryFigure[];
  readonly axes: readonly TrialAxis[];
  readonly rows: readonly TrialRow[];
  /** sentences below the table: what could not be read */
  readonly notes: readonly string[];
}

/** Trials that have a colour, in picture and curves. */
const shown = Math.min(5, paletteSize);
/** The picture's size and the room for its labels, in the units that it is drawn in. */
const [width, height, side, top, bottom] = [1000, 340, 70, 44, 18];

/** The page. All text is escaped. */
export function trialsHtml({ title, subtitle, summary, axes, rows, notes }: TrialsPage): string {
  const best = rows.slice(0, shown).filter(({ valAccuracy }) => valAccuracy !== null);
  const curves = Object.fromEntries(
    best.map(({ label, history }) => [label, { ...history, trainAccHistory: undefined }]),
  );
  const heads = ['trial', ...axes.map(({ name }) => name), 'validation', 'state', 'seconds'];
  const lines = rows.map(({ label, cells, valAccuracy, status, seconds }) => [
    label, ...cells.map(([text]) => text), valAccuracy === null ? '' : formatPercent(valAccuracy), status, seconds.toFixed(1),
  ].map((text, i) => (i === 0 ? `<th scope="row">${escapeText(text)}</th>` : `<td>${escapeText(text)}</td>`)).join(''));
  return page(title, [
    `<header><h1>${escapeText(title)}</h1><p class="subtitle">${escapeText(subtitle)}</p></header><main>`,
    summarySection(summary),
    coordinatesSection(axes, rows),
    best.length === 0 ? '' : chartFigure({ ...accuracyChart(curves), title: 'The best trials: validation accuracy' }),
    '<section class="card"><h2>All trials</h2><div class="scroll" tabindex="0" role="region" aria-label="All trials">' +
    `<table class="numbers"><thead><tr>${heads.map((head) => `<th scope="col">${escapeText(head)}</th>`).join('')}</tr></thead>` +
    `<tbody>${lines.map((line) => `<tr>${line}</tr>`).join('')}</tbody></table></div>` +
    `${notes.map((note) => `<p class="note">${escapeText(note)}</p>`).join('')}</section></main>`,
    '<footer>Made by tilegrad.</footer>',
  ].join('\n'));
}

/** Every trial as a line across the axes, the accuracy's last (Inselberg 1985); the worst are drawn first. */
function coordinatesSection(axes: readonly TrialAxis[], rows: readonly TrialRow[]): string {
  const measured = rows.filter(({ valAccuracy }) => valAccuracy !== null);
  if (measured.length === 0) return '';
  const accuracies = measured.map(({ valAccuracy }) => valAccuracy!);
  const [low, high] = [Math.min(...accuracies), Math.max(...accuracies)];
  const all = [...axes, { name: 'validation accuracy', ticks: [[formatPercent(low), 0], [formatPercent(high), 1]] as const }];
  const x = (i: number): string => (side + (width - 2 * side) * i / (all.length - 1)).toFixed(1);
  const y = (at: number): string => (height - bottom - (height - top - bottom) * at).toFixed(1);
  const scales = all.map(({ name, ticks }, i) => {
    const labels = ticks.map(([text, at]) => `<text x="${Number(x(i)) + 6}" y="${y(at)}" dy=".35em">${escapeText(text)}</text>`);
    return `<path class="scale" d="M${x(i)} ${y(0)}V${y(1)}"/><text class="name" text-anchor="middle" x="${x(i)}" y="22">` +
      `${escapeText(name)}</text>${labels.join('')}`;
  });
  const lines = measured.map(({ label, cells, valAccuracy }, rank) => {
    const places = [...cells.map(([, at]) => at ?? 0), high === low ? 1 : (valAccuracy! - low) / (high - low)];
    const said = `${label}: ${formatPercent(valAccuracy!)}; ${cells.map(([text], i) => `${axes[i].name} ${text}`).join(', ')}`;
    return `<path class="trial ${rank < shown ? `best c${rank}` : ''}" d="M${places.map((at, i) => `${x(i)} ${y(at)}`).join('L')}">` +
      `<title>${escapeText(said)}</title></path>`;
  }).reverse();
  return (
    '<section class="card"><h2>Settings and what came of them</h2><p class="note">A line is a trial; coloured are the best ' +
    `${Math.min(shown, measured.length)}, as in the curves below.</p><div class="scroll" tabindex="0" role="region" ` +
    `aria-label="Parallel coordinates of ${measured.length} trials"><svg class="coordinates" viewBox="0 0 ${width} ${height}" ` +
    `role="img" aria-label="The table below has the same numbers">${lines.join('')}${scales.join('')}</svg></div></section>`
  );
}
