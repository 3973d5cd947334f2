/** A training run, or several side by side, as one HTML file that opens without a network. */

import { checkNumber, checkOptions, checkRecord, checkString, describe } from '../runtime/check.ts';
import { encodeBase64, pngDataUrl } from './base64.ts';
import { accuracyChart, checkRuns, lossChart } from './chart.ts';
import type { TrainingHistory } from './chart.ts';
import { checkConfusion, confusionSection } from './confusion.ts';
import type { Confusion } from './confusion.ts';
import { escapeText } from './escape.ts';
import { checkPicture } from './picture.ts';
import type { Picture } from './picture.ts';
import { chartFigure } from './plot.ts';
import { encodePng } from './png.ts';
import { reportScript } from './script.ts';
import { reportStyle } from './style.ts';
import { formatPercent } from './ticks.ts';

/** One number of the row below the title. */
export interface SummaryFigure {
  readonly label: string;
  readonly value: string;
  /** a few words below it */
  readonly note?: string;
}

/** A picture and what the network said it is. */
export interface SamplePrediction {
  readonly picture: Picture;
  readonly actual: string;
  readonly predicted: string;
  /** the probability that the network gave its answer, 0 to 1 */
  readonly confidence?: number;
}

export interface ReportOptions {
  readonly title: string;
  readonly subtitle?: string;
  /** histories by label; a Solver is one */
  readonly runs?: Readonly<Record<string, TrainingHistory>>;
  readonly summary?: readonly SummaryFigure[];
  /** the first layer's filters (filterGrid) */
  readonly filters?: Picture;
  readonly confusion?: Confusion;
  readonly samples?: readonly SamplePrediction[];
  /** what the run can be repeated with; lists are written with commas, other values as JSON */
  readonly configuration?: Readonly<Record<string, unknown>>;
  readonly footer?: string;
}

const optionNames = [
  'title', 'subtitle', 'runs', 'summary', 'filters', 'confusion', 'samples', 'configuration', 'footer',
] as const;

/** A matrix of more classes has the page's whole width. */
const pairedClasses = 15;

/**
 * The report page. Every part is optional but the title; parts that are not given leave no gap. All text is escaped:
 * class names and labels may hold anything. Throws TypeError or RangeError for an unknown option, histories that are no
 * numbers, pictures whose sizes do not fit their data, and a confusion matrix that does not fit its class names.
 */
export function reportHtml(options: ReportOptions): string {
  return report('reportHtml', options);
}

/** The page under the caller's name. */
function report(fn: string, options: ReportOptions): string {
  checkOptions(fn, options, optionNames);
  const { title, subtitle, runs = {}, summary = [], filters, confusion, samples = [], configuration, footer } = options;
  checkString(fn, 'title', title);
  checkString(fn, 'subtitle', subtitle ?? '');
  checkString(fn, 'footer', footer ?? '');
  checkRuns(fn, runs);
  if (filters !== undefined) checkPicture(fn, 'filters', filters);
  if (confusion !== undefined) checkConfusion(fn, confusion);
  checkEach(fn, 'summary', summary, ({ label, value, note = '' }, name) => {
    for (const text of [label, value, note]) checkString(fn, `${name}'s label, value and note`, text);
  });
  checkEach(fn, 'samples', samples, ({ picture, actual, predicted, confidence = 1 }, name) => {
    checkPicture(fn, `${name}.picture`, picture);
    for (const text of [actual, predicted]) checkString(fn, `${name}'s actual and predicted`, text);
    checkNumber(fn, `${name}.confidence`, confidence, 0, 1);
  });
  if (configuration !== undefined) checkRecord(fn, 'configuration', configuration);
  const histories = Object.values(runs);
  const hasLoss = histories.some((run) => run.lossHistory.length > 0);
  const hasAccuracy = histories.some((run) => (run.trainAccHistory ?? run.valAccHistory ?? []).length > 0);
  const chartWidth = hasLoss && hasAccuracy ? 'half' : '';
  const paired = confusion !== undefined && filters !== undefined && confusion.counts.length <= pairedClasses;
  const sections = [
    summary.length > 0 ? summarySection(summary) : '',
    hasLoss ? chartFigure(lossChart(runs), chartWidth) : '',
    hasAccuracy ? chartFigure(accuracyChart(runs), chartWidth) : '',
    confusion !== undefined ? confusionSection(confusion, paired ? 'wide' : '') : '',
    filters !== undefined ? filtersSection(filters, paired ? 'narrow' : '') : '',
    samples.length > 0 ? samplesSection(samples) : '',
    configuration !== undefined ? configurationSection(configuration) : '',
  ].filter((section) => section !== '');
  return page(
    title,
    [
      `<header><h1>${escapeText(title)}</h1>`,
      subtitle === undefined ? '' : `<p class="subtitle">${escapeText(subtitle)}</p>`,
      '</header>',
      `<main>${sections.join('\n')}</main>`,
      footer === undefined ? '' : `<footer>${escapeText(footer)}</footer>`,
    ].join('\n'),
  );
}

/** The learning curves of one run or several as one page: reportHtml with nothing but the runs. */
export function curvesHtml(runs: Readonly<Record<string, TrainingHistory>>, title: string = 'Learning curves'): string {
  return report('curvesHtml', { title, runs });
}

function checkEach<T>(fn: string, name: string, list: readonly T[], check: (item: T, name: string) => void): void {
  if (!Array.isArray(list)) throw new TypeError(`${fn}: ${name} must be an array, got ${describe(list)}`);
  for (const [i, item] of (list as readonly T[]).entries()) {
    checkRecord(fn, `${name}[${i}]`, item);
    check(item, `${name}[${i}]`);
  }
}

/** A whole page around a body; the title is escaped, the body not. */
export function page(title: string, body: string): string {
  return (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n' +
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n' +
    `<title>${escapeText(title)}</title>\n<link rel="icon" href="${icon}">\n<style>${reportStyle}</style>\n</head>\n` +
    `<body>\n${body}\n<script>${reportScript}</script>\n</body>\n</html>\n`
  );
}

/** A tile with a falling curve; in the page, so that a browser asks no server for one. */
const icon = `data:image/svg+xml;base64,${encodeBase64(
  new TextEncoder().encode(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#2563d9"/>' +
    '<path d="M3 4c2 7 5 8 10 8" fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round"/></svg>',
  ),
)}`;

/** The row of figures. */
export function summarySection(figures: readonly SummaryFigure[]): string {
  return `<dl class="figures">${figures
    .map(
      ({ label, value, note }) =>
        `<div><dt>${escapeText(label)}</dt><dd>${escapeText(value)}</dd>` +
        `${note === undefined ? '' : `<dd class="small">${escapeText(note)}</dd>`}</div>`,
    )
    .join('')}</dl>`;
}

function filtersSection(filters: Picture, width: string): string {
  return (
    `<section class="card filters ${width}"><h2>First-layer filters</h2>` +
    '<p class="note">What the first layer looks for in an image, each filter stretched to its own range.</p>' +
    `<img src="${pngDataUrl(encodePng(filters))}" width="${filters.width}" height="${filters.height}" ` +
    'alt="Grid of the filters that the first layer has learnt"></section>'
  );
}

function samplesSection(samples: readonly SamplePrediction[]): string {
  const items = samples.map(({ picture, actual, predicted, confidence }) => {
    const right = actual === predicted;
    const sure = confidence === undefined ? '' : formatPercent(confidence, 0);
    const rest = [right ? '' : `is ${actual}`, sure === '' ? '' : `${sure} sure`]
      .filter((text) => text !== '')
      .join(', ');
    return (
      `<li class="${right ? 'right' : 'wrong'}">` +
      `<img src="${pngDataUrl(encodePng(picture))}" width="${picture.width}" ` +
      `height="${picture.height}" loading="lazy" alt="${escapeText(actual)}">` +
      `<div class="said"><span class="mark" role="img" aria-label="${right ? 'right:' : 'wrong:'}">` +
      `${right ? '\u2713' : '\u2717'}</span>` +
      `<span>${escapeText(predicted)}</span></div><div class="rest">${escapeText(rest)}</div></li>`
    );
  });
  const rightCount = samples.filter((sample) => sample.actual === sample.predicted).length;
  const [heading, note] = rightCount === 0
    ? ['Mistakes', `What the network said of ${samples.length === 1 ? 'a test image' : `${samples.length} test images`}, and what they are.`]
    : ['Sample predictions', `${rightCount} of these ${samples.length} test images are recognised.`];
  return (
    `<section class="card"><h2>${heading}</h2><p class="note">${note}</p>` +
    `<ul class="samples">${items.join('')}</ul></section>`
  );
}

/** Objects as JSON, or named where JSON cannot hold them. */
function plainText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return typeof value === 'function' ? describe(value) : String(value);
  try {
    return JSON.stringify(value);
  } catch {
    return describe(value);
  }
}

function configurationSection(configuration: Readonly<Record<string, unknown>>): string {
  const rows = Object.entries(configuration)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      const text = Array.isArray(value) ? value.map(plainText).join(', ') : plainText(value);
      return `<div><dt>${escapeText(name)}</dt><dd>${escapeText(text)}</dd></div>`;
    });
  return `<section class="card"><h2>Configuration</h2><dl class="configuration">${rows.join('')}</dl></section>`;
}
