#!/usr/bin/env node
/** The program `tilegrad`. */

import { main } from './commands/program.ts';

// Whoever reads our output may leave early (`tilegrad train | head`): that is no reason to lose a training run.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

// Not process.exit: what is still being written to a pipe would be lost.
process.exitCode = await main(process.argv.slice(2));
