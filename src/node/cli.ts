#!/usr/bin/env node
/** The program `tilegrad`. */

import { main } from './commands/program.ts';

// Not process.exit: what is still being written to a pipe would be lost.
process.exitCode = await main(process.argv.slice(2));
