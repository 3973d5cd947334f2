#!/usr/bin/env node
/** The program `tilegrad`. */

import { fetchSimdCode } from '../kernels/arrival.ts';
import { main } from './commands/program.ts';

await fetchSimdCode();
// Not process.exit: what is still being written to a pipe would be lost.
process.exitCode = await main(process.argv.slice(2));
