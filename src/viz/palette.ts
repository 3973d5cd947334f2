/**
 * Colours, in a light and a dark set. Text has a contrast of at least 4.5:1 and lines of at least 3:1 against the card
 * they lie on (WCAG 2.2, 1.4.3 and 1.4.11); neighbouring series differ in lightness too, so that they can be told apart
 * without seeing hues.
 */

export interface Palette {
  readonly page: string;
  readonly card: string;
  readonly ink: string;
  readonly muted: string;
  readonly line: string;
  readonly grid: string;
  readonly good: string;
  readonly bad: string;
  /** the full heat of a confusion matrix: ink is readable on it and on every shade from the page's colour up to it */
  readonly heat: string;
  readonly series: readonly [string, string, string, string, string, string];
}

export const lightPalette: Palette = {
  page: '#f4f4f1',
  card: '#ffffff',
  ink: '#1c1d20',
  muted: '#5c6068',
  line: '#deded9',
  grid: '#ebebe7',
  good: '#1a7f4b',
  bad: '#c0392b',
  heat: '#6a9df5',
  series: ['#2563d9', '#c8500a', '#0b7a60', '#a1309a', '#7a6200', '#4d535e'],
};

export const darkPalette: Palette = {
  page: '#121316',
  card: '#1b1d21',
  ink: '#ecedef',
  muted: '#a2a7b0',
  line: '#33363c',
  grid: '#292c31',
  good: '#57c98a',
  bad: '#ff7d6e',
  heat: '#2c62c4',
  series: ['#73a9ff', '#ff9b57', '#45cba8', '#e48bdc', '#d8bd50', '#b4bac4'],
};

/** The palette as CSS custom properties (`--page: #...; --series-0: #...`). */
export function cssVariables(palette: Palette): string {
  const { series, ...rest } = palette;
  const named = Object.entries(rest).map(
    ([name, color]) => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}: ${color};`,
  );
  return [...named, ...series.map((color, i) => `--series-${i}: ${color};`)].join(' ');
}
