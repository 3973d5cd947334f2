/** An experiment as one page that opens offline: question, expectations, pictures, curves, what to see, numbers. */

import { pngDataUrl } from './base64.ts';
import type { Chart } from './chart.ts';
import { escapeText } from './escape.ts';
import type { Panel } from './panels.ts';
import { chartFigure } from './plot.ts';
import { encodePng } from './png.ts';
import { page } from './report.ts';

export interface NumberTable {
  readonly title: string;
  readonly heads: readonly string[];
  /** a row's first cell is its name */
  readonly rows: ReadonlyArray<readonly string[]>;
}

/** An expectation and the numbers that it is held against, as text. */
export interface CheckLine {
  readonly expectation: string;
  readonly holds: boolean;
  readonly numbers: string;
}

export interface ExperimentPage {
  readonly title: string;
  readonly question: string;
  /** the data and the settings that it ran with */
  readonly setting: string;
  readonly checks: readonly CheckLine[];
  /** rows of up to three charts side by side */
  readonly charts: ReadonlyArray<readonly Chart[]>;
  /** pictures side by side, under their titles */
  readonly pictures: readonly Panel[];
  readonly tables: readonly NumberTable[];
  /** paragraphs: what to see in it */
  readonly lessons: readonly string[];
}

const widths: Readonly<Record<number, string>> = { 2: 'half', 3: 'third' };

/** The page. All text is escaped. */
export function experimentHtml(experiment: ExperimentPage): string {
  const { title, question, setting, checks, charts, pictures, tables, lessons } = experiment;
  return page(title, [
    `<header><h1>${escapeText(title)}</h1><p class="subtitle">${escapeText(question)}</p>` +
    `<p class="note">${escapeText(setting)}</p></header><main>`,
    checksSection(checks),
    ...pictures.map((panel) => pictureSection(panel, widths[pictures.length] ?? '')),
    ...charts.flatMap((row) => row.map((chart) => chartFigure(chart, widths[row.length] ?? ''))),
    '<section class="card"><h2>What to see in it</h2>' +
    `${lessons.map((lesson) => `<p class="lesson">${escapeText(lesson)}</p>`).join('')}</section>`,
    ...tables.map(tableSection),
    '</main><footer>Made by tilegrad.</footer>',
  ].join('\n'));
}

function checksSection(checks: readonly CheckLine[]): string {
  const items = checks.map(({ expectation, holds, numbers }) =>
    `<li class="${holds ? 'right' : 'wrong'}"><span class="mark">${holds ? 'ok' : 'NO'}</span>` +
    `<span>${escapeText(expectation)} <span class="rest">${escapeText(numbers)}</span></span></li>`);
  return `<section class="card"><h2>Expected, and what came</h2><ul class="checks">${items.join('')}</ul></section>`;
}

function pictureSection({ title, picture }: Panel, width: string): string {
  return `<section class="card filters ${width}"><h2>${escapeText(title)}</h2><img src="${pngDataUrl(encodePng(picture))}" ` +
    `width="${picture.width}" height="${picture.height}" alt="${escapeText(title)}"></section>`;
}

function tableSection({ title, heads, rows }: NumberTable): string {
  const lines = rows.map((row) =>
    `<tr>${row.map((text, i) => (i === 0 ? `<th scope="row">${escapeText(text)}</th>` : `<td>${escapeText(text)}</td>`)).join('')}</tr>`);
  return (
    `<section class="card"><h2>${escapeText(title)}</h2><div class="scroll" tabindex="0" role="region" aria-label="${escapeText(title)}">` +
    `<table class="numbers"><thead><tr>${heads.map((head) => `<th scope="col">${escapeText(head)}</th>`).join('')}</tr></thead>` +
    `<tbody>${lines.join('')}</tbody></table></div></section>`
  );
}
