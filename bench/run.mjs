/**
 * node bench/run.mjs NAME ...: runs bench/NAME.ts, on the sources as they are where the engine leaves the types out by
 * itself (Node 22.18 and later). Node 20 needs tsx, which gives every function its name again each time it is made:
 * that takes 2 to 3% of a training step, with ten images 7%, which nobody loses who uses the built package.
 */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const [name, ...given] = process.argv.slice(2);
const loader = process.features.typescript ? [] : ['--import', 'tsx'];
const program = fileURLToPath(import.meta.resolve(`./${name}.ts`));
const { status } = spawnSync(process.execPath, [...process.execArgv, ...loader, program, ...given], { stdio: 'inherit' });
process.exitCode = status ?? 1;
