/**
 * Prints the closing line of .ci/run from the folder with the results of its steps, and exits 1 unless all passed.
 *
 * A step counts as one check, but where it wrote down its own numbers, these count instead; one that failed counts as a
 * failure whatever it wrote.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];

function numbersOf(name) {
  const path = join(folder, `${name}.json`);
  if (!existsSync(path)) return null;
  const report = JSON.parse(readFileSync(path, 'utf8'));
  if (name === 'smoke') return { passed: report.passed.length, failed: report.failed.length, skipped: 0 };
  return {
    passed: report.numPassedTests, failed: report.numFailedTests, skipped: report.numPendingTests + report.numTodoTests,
  };
}

const total = { passed: 0, failed: 0, skipped: 0 };
const broken = [];
for (const name of ['install', 'test', 'check', 'lint', 'smoke']) {
  const status = Number(readFileSync(join(folder, `${name}.status`), 'utf8'));
  const numbers = numbersOf(name) ?? { passed: status === 0 ? 1 : 0, failed: 0, skipped: 0 };
  if (status !== 0) {
    broken.push(name);
    numbers.failed = Math.max(1, numbers.failed);
  }
  for (const key of Object.keys(total)) total[key] += numbers[key];
}
if (broken.length > 0) console.log(`failed: ${broken.join(', ')}`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = broken.length === 0 ? 0 : 1;
