/**
 * Run as a process of its own and killed by a test: replaces one file again and again, each time with another letter,
 * after telling on its standard output which one comes next.
 */

import { writeSync } from 'node:fs';
import { atomicWriteFile } from '../../src/node/atomic-write.ts';

const [path, size] = process.argv.slice(2);
for (let n = 0; ; n++) {
  const letter = String.fromCharCode(97 + (n % 26));
  writeSync(1, letter);
  await atomicWriteFile(path, Buffer.alloc(Number(size), letter));
}
