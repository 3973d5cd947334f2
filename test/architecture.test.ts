/** The house rules that a machine can check: rooms know only what lies below them, and the core runs in a browser. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const source = join(dirname(fileURLToPath(import.meta.url)), '..', 'src');

/** From the ground up. A room may import itself and the rooms before it. */
const rooms = [
  'runtime', 'wasm', 'kernels', 'tensor', 'update', 'layers', 'autograd', 'nn', 'models', 'train', 'data', 'io', 'viz', 'gpu',
  'node',
];

/** Neighbours that a room needs although they stand later in the list: train writes checkpoints with io's formats. */
const exceptions: ReadonlyArray<readonly [from: string, to: string]> = [['train', 'io']];

/** Files that may import each other in a circle, by their folder: methods of Tensor live in files of their own. */
const cycles = ['tensor'];

/** The one file outside src/node that may reach for Node's own modules: it starts the workers. */
const workerSeam = /^kernels\/team\//;

interface Import {
  readonly file: string;
  readonly specifier: string;
}

function imports(): Import[] {
  const found: Import[] = [];
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
    const path = join(entry.parentPath, entry.name);
    const text = readFileSync(path, 'utf8');
    const file = relative(source, path).split(sep).join('/');
    for (const match of text.matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|^import\s+)['"]([^'"]+)['"]/gm)) {
      found.push({ file, specifier: match[1] });
    }
  }
  return found;
}

function roomOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : 'root';
}

/** A table with one line an opcode may be as long as there are opcodes. */
const tables: readonly string[] = ['wasm/opcodes.ts'];

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

/** Where a relative import leads, as a path below src. */
function targetOf({ file, specifier }: Import): string {
  return relative(source, join(source, dirname(file), specifier)).split(sep).join('/');
}

/** Files that import each other in a circle, one list a circle: the strongly connected components (Tarjan 1972). */
function circles(edges: ReadonlyArray<readonly [from: string, to: string]>): string[][] {
  const next = new Map<string, string[]>();
  for (const [from, to] of edges) next.set(from, [...next.get(from) ?? [], to]);
  const number = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  /** the lowest number that is reached from a file and still on the stack */
  const visit = (file: string): number => {
    const own = number.size;
    number.set(file, own);
    stack.push(file);
    let lowest = own;
    for (const to of next.get(file) ?? []) {
      if (!number.has(to)) lowest = Math.min(lowest, visit(to));
      else if (stack.includes(to)) lowest = Math.min(lowest, number.get(to)!);
    }
    if (lowest === own) {
      const component = stack.splice(stack.indexOf(file));
      if (component.length > 1 || next.get(file)?.includes(file)) found.push(component.sort());
    }
    return lowest;
  };
  for (const file of next.keys()) if (!number.has(file)) visit(file);
  return found;
}

describe('architecture', () => {
  const all = imports();

  it('reads the import lines it is meant to read', () => {
    expect(all.length).toBeGreaterThan(20);
    expect(all).toContainEqual({ file: 'kernels/registry.ts', specifier: './naive/index.ts' });
  });

  it('has no import that points up', () => {
    const wrong = all.filter(({ file, specifier }) => {
      if (!specifier.startsWith('.')) return false;
      const from = roomOf(file);
      const to = roomOf(targetOf({ file, specifier }));
      if (from === 'root' || from === to) return false;
      if (exceptions.some(([a, b]) => a === from && b === to)) return false;
      return !rooms.includes(from) || !rooms.includes(to) || rooms.indexOf(to) > rooms.indexOf(from);
    });
    expect(wrong).toEqual([]);
  });

  it('has no circle of imports but the declared ones', () => {
    expect(circles([['a', 'b'], ['b', 'c'], ['c', 'b'], ['d', 'd'], ['c', 'e']])).toEqual([['b', 'c'], ['d']]);
    const edges = all.filter(({ specifier }) => specifier.startsWith('.')).map((each) => [each.file, targetOf(each)] as const);
    const found = circles(edges);
    expect(found.filter((circle) => !cycles.some((folder) => circle.every((file) => file.startsWith(`${folder}/`))))).toEqual([]);
    expect(found.length).toBe(cycles.length);
  });

  it("imports node's modules only in src/node and behind the seam that starts workers", () => {
    const wrong = all.filter(
      ({ file, specifier }) => specifier.startsWith('node:') && roomOf(file) !== 'node' && !workerSeam.test(file),
    );
    expect(wrong).toEqual([]);
  });

  it('names relative imports with their extension, so that Deno and Node run the source as it stands', () => {
    expect(all.filter(({ specifier }) => specifier.startsWith('.') && !/\.(ts|js|json)$/.test(specifier))).toEqual([]);
  });

  it('names files in kebab case', () => {
    const all = ['src', 'test', 'bench', 'scripts', 'examples'].flatMap((room) => files(join(source, '..', room)));
    const code = all.filter((file) => /\.(ts|mjs|html|py)$/.test(file));
    expect(code.length).toBeGreaterThan(100);
    const kebab = /^([a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+(-[a-z0-9]+)*(\.(test|d))?\.[a-z]+$/;
    expect(code.filter((file) => !kebab.test(file))).toEqual([]);
  });

  it('has no file of more than 400 lines but for tables', () => {
    const lines = (file: string): number => readFileSync(join(source, file), 'utf8').trimEnd().split('\n').length;
    expect(files(source).filter((file) => !tables.includes(file) && lines(file) > 400)).toEqual([]);
  });
});
