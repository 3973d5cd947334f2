/**
 * Notebooks from programs. A program is an ordinary TypeScript file whose comments mark its cells, as editors know it:
 * `// %%` begins a cell of code, `// %% [markdown]` one of text, whose lines are comments. What stands before the first
 * mark is the file's own and no cell.
 */

/** A cell of a notebook, as nbformat 4.5 writes it. */
export interface Cell {
  readonly cell_type: 'markdown' | 'code';
  readonly id: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly source: string[];
  outputs?: Output[];
  execution_count?: number | null;
}

/** What a cell of code left behind. */
export interface Output {
  output_type: string;
  name?: string;
  text?: string | string[];
  data?: Record<string, string | string[]>;
  metadata?: Record<string, unknown>;
  execution_count?: number | null;
  [more: string]: unknown;
}

export interface Notebook {
  cells: Cell[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly nbformat: 4;
  readonly nbformat_minor: 5;
}

const mark = /^\/\/ %%( \[markdown\])?$/;

/** The notebook of a program, not executed. Throws Error without cells, and for lines of text that are no comments. */
export function notebookOf(program: string): Notebook {
  const cells: { text: boolean; lines: string[] }[] = [];
  for (const line of program.split('\n')) {
    const found = mark.exec(line);
    if (found !== null) cells.push({ text: found[1] !== undefined, lines: [] });
    else cells.at(-1)?.lines.push(line);
  }
  if (cells.length === 0) throw new Error('notebook: the program has no cell, which begins with a line "// %%"');
  return {
    cells: cells.map(({ text, lines }, i) => {
      const content = trimmed(text ? lines.map(uncommented) : lines);
      const source = content.map((line, at) => at < content.length - 1 ? `${line}\n` : line);
      const common = { id: `cell-${i + 1}`, metadata: {}, source };
      if (text) return { cell_type: 'markdown', ...common };
      return { cell_type: 'code', ...common, outputs: [], execution_count: null };
    }),
    metadata: {
      kernelspec: { display_name: 'Deno', language: 'typescript', name: 'deno' },
      language_info: { file_extension: '.ts', mimetype: 'text/x.typescript', name: 'typescript' },
    },
    nbformat: 4,
    nbformat_minor: 5,
  };
}

function uncommented(line: string): string {
  if (line.trim() === '') return '';
  if (!/^\/\/( |$)/.test(line)) {
    throw new Error(`notebook: a text cell's line must begin with "// ", got ${JSON.stringify(line)}`);
  }
  return line.slice(3);
}

/** Without the empty lines at both ends. */
function trimmed(lines: readonly string[]): string[] {
  const filled = lines.map((line) => line.trim() !== '');
  return lines.slice(filled.indexOf(true), filled.lastIndexOf(true) + 1);
}

/** The notebook as a file, with sources and outputs but nothing else that an execution leaves. */
export function notebookText(notebook: Notebook): string {
  return `${JSON.stringify(notebook, null, 1)}\n`;
}

/** A notebook with the outputs that another has of the same code: of other code, even in one cell, they say nothing. */
export function withOutputsOf(executed: Notebook | null, notebook: Notebook): Notebook {
  const codeOf = ({ cells }: Notebook): Cell[] => cells.filter((cell) => cell.cell_type === 'code');
  const [before, after] = [executed === null ? [] : codeOf(executed), codeOf(notebook)];
  const text = (cells: readonly Cell[]): string => JSON.stringify(cells.map(({ source }) => source));
  if (text(before) !== text(after)) return notebook;
  let at = 0;
  const cells = notebook.cells.map((cell): Cell => {
    if (cell.cell_type === 'markdown') return cell;
    const { outputs, execution_count } = before[at++];
    return { ...cell, outputs, execution_count };
  });
  return { ...notebook, cells };
}

/** A notebook without its outputs: what must agree with its program. */
export function withoutOutputs(notebook: Notebook): Notebook {
  const cells = notebook.cells.map((cell): Cell =>
    cell.cell_type === 'code' ? { ...cell, outputs: [], execution_count: null } : cell);
  return { ...notebook, cells };
}
