/** What .ci/run says at its end, with npm replaced by a script that fails where it is told to. */

import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'tilegrad-ci-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const npm = `#!/usr/bin/env bash
step=$1
[ "$step" = run ] && step=$2
last=\${@: -1}
[ "$step" = test ] && echo "$TESTS" > "\${last#--outputFile.json=}"
[ "$step" = smoke ] && [ -n "$SMOKE" ] && echo "$SMOKE" > "$last"
case " $FAILING " in *" $step "*) exit 1 ;; esac
`;

const tests = { numPassedTests: 7, numFailedTests: 0, numPendingTests: 2, numTodoTests: 1 };
const smoke = { passed: ['a', 'b'], failed: [] as string[] };

/** The closing line and the exit code. */
function ci(failing: string, { test = tests, checks = smoke as typeof smoke | null } = {}): [string, number | null] {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  cpSync(join(root, '.ci'), join(folder, '.ci'), { recursive: true });
  writeFileSync(join(folder, 'bin', 'npm'), npm);
  chmodSync(join(folder, 'bin', 'npm'), 0o755);
  const { stdout, status } = spawnSync(join(folder, '.ci', 'run'), {
    encoding: 'utf8',
    env: {
      ...process.env, PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}`, FAILING: failing,
      TESTS: JSON.stringify(test), SMOKE: checks === null ? '' : JSON.stringify(checks),
    },
  });
  return [stdout.trim().split('\n').at(-1)!, status];
}

describe('the closing line', () => {
  it('counts tests, smoke checks, and the steps that have no numbers of their own', () => {
    expect(ci('')).toEqual(['12 passed, 0 failed, 3 skipped', 0]);
  });

  it('counts failed types, lint and installation as failures', () => {
    expect(ci('check')).toEqual(['11 passed, 1 failed, 3 skipped', 1]);
    expect(ci('check lint')).toEqual(['10 passed, 2 failed, 3 skipped', 1]);
    expect(ci('ci')).toEqual(['11 passed, 1 failed, 3 skipped', 1]);
  });

  it('counts failed tests and smoke checks one by one, and those that never began as one', () => {
    expect(ci('test', { test: { ...tests, numPassedTests: 4, numFailedTests: 3 } }))
      .toEqual(['9 passed, 3 failed, 3 skipped', 1]);
    expect(ci('test')).toEqual(['12 passed, 1 failed, 3 skipped', 1]);
    expect(ci('smoke', { checks: { passed: ['a'], failed: ['b', 'c'] } })).toEqual(['11 passed, 2 failed, 3 skipped', 1]);
    expect(ci('smoke', { checks: null })).toEqual(['10 passed, 1 failed, 3 skipped', 1]);
  });
});
