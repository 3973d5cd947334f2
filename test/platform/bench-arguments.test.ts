/** What the programs of bench/ are told on their command lines, and say of them. */

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { headOf } from '../../bench/support/arguments.ts';
import { pick } from '../../bench/support/command-line.ts';

const bench = fileURLToPath(new URL('../../bench/', import.meta.url));
const programs = readdirSync(bench).filter((name) => name.endsWith('.ts'));

function start(...argv: string[]): { status: number | null; stdout: string; stderr: string } {
  const given = ['--import', 'tsx', ...argv];
  return spawnSync(process.execPath, given, { cwd: join(bench, '..'), encoding: 'utf8' });
}

describe('the command lines of the benches', () => {
  it('pick names by their beginnings, and say which there are', () => {
    const all = ['gemm', 'convolution', 'pooling', 'a', 'ab', 'simd1', 'simd2'] as const;
    expect(pick('bench', ['pool', 'conv', 'gemm'], all)).toEqual(['gemm', 'convolution', 'pooling']);
    expect(pick('bench', ['a'], all)).toEqual(['a']);
    expect(pick('bench', [], all)).toEqual(all);
    expect(() => pick('bench', ['simd'], all)).toThrow('bench: bench "simd" may be simd1 or simd2');
    for (const name of ['convolutions', 'x', '']) {
      expect(() => pick('bench', [name], all)).toThrow(`bench: unknown bench "${name}", there are gemm, convolution, `);
    }
  });

  it('are read in one way, and each program says at its head what it takes', () => {
    expect(programs.length).toBeGreaterThan(10);
    for (const name of programs) {
      const source = readFileSync(join(bench, name), 'utf8');
      expect([name, source]).toEqual([name, expect.stringContaining("parseArgs } from './support/arguments.ts';")]);
      expect([name, headOf(source)]).toEqual([name, expect.stringMatching(/^(npm run|npx tsx) [^]+\.$/)]);
    }
    expect(headOf('/**\n * one\n *\n *   two\n */\nconst three = 3;\n')).toBe('one\n\n  two');
  });

  it('answer --help without measuring', () => {
    const help = start('bench/steps.ts', '--help');
    expect([help.status, help.stderr]).toEqual([0, '']);
    expect(help.stdout).toMatch(/^npm run bench:steps -- \[a\] [^]*js where it does not take minutes\.\n$/);
  });

  it.each([
    [/^bench: .*--round.* \(--help says what there is\)$/, ['bench/steps.ts', '--round', '3']],
    [/^bench: --rounds must be a number from 1 to 100, got 0 \(--help says what there is\)$/, ['bench/steps.ts', '--rounds', '0']],
    [/^bench: name the commit to compare with \(--help says what there is\)$/, ['bench/compare.ts']],
  ])('say in one line what they do not take: %s', (line, argv) => {
    const { status, stdout, stderr } = start(...argv);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(line)]);
  });
});
