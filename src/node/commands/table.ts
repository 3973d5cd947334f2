/** Text tables for terminals. */

/** How a column is set: names to the left, figures to the right. */
export type Alignment = 'left' | 'right';

/** Columns padded to their widest cell, two spaces between them, a rule below the heads. Ends with a line end. */
export function formatTable(
  heads: readonly string[],
  rows: ReadonlyArray<readonly string[]>,
  alignments: readonly Alignment[],
): string {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column].length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => alignments[column] === 'right' ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))
      .join('  ').trimEnd();
  return `${[line(heads), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n')}\n`;
}

/** 0.01234 -> "0.0123 ms", 12.34 -> "12.3 ms", 1234.5 -> "1.23 s". */
export function formatMilliseconds(milliseconds: number): string {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toPrecision(3)} s`;
  if (milliseconds >= 100) return `${milliseconds.toFixed(0)} ms`;
  return `${Number(milliseconds.toPrecision(3))} ms`;
}
