/**
 * npm run bench:gpu -- [--steps N]
 *
 * Training steps on WebGPU beside the same steps on the processor, and whether the device pays. In Deno, which has
 * WebGPU without a window (DENO names it). So many steps each, 5 unless told.
 */

import { inDeno } from '../test/gpu/places.ts';
import { parseArgs } from './support/arguments.ts';

/** A network at a batch size, in milliseconds a step. */
export interface Timing {
  readonly network: string;
  readonly batch: number;
  readonly device: number;
  readonly processor: number;
  readonly adapter: string;
  readonly software: boolean;
  readonly backend: string;
}

const { values } = parseArgs({ options: { steps: { type: 'string', default: '5' } } });
const timings: Timing[] = [];
const missing = await inDeno(
  ['program.ts', new URL('./gpu/', import.meta.url)], { steps: Number(values.steps) }, (line) => { timings.push(line as Timing); },
);
if (missing !== null) {
  console.log(`skip: ${missing}`);
  process.exit(1);
}
const [{ adapter, software, backend }] = timings;
console.log(`adapter: ${adapter}${software ? ', software on the processor' : ''}; processor: ${backend}; milliseconds a step`);
for (const { network, batch, device, processor } of timings) {
  const verdict = device < processor ? `pays, ${(processor / device).toFixed(1)} times as fast` : `does not pay, takes ${(device / processor).toFixed(1)} times as long`;
  console.log(`${network.padEnd(28)} batch ${String(batch).padStart(3)}  device ${device.toFixed(1).padStart(9)}  processor ${processor.toFixed(1).padStart(8)}  ${verdict}`);
}
if (software) console.log('A software adapter shows that the numbers are right. Whether a GPU pays, only a GPU can show.');
