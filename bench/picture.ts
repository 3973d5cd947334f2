/**
 * npx tsx bench/picture.ts [--steps FILE] [--inference FILE] [--out FILE]
 *
 * Draws saved results as one SVG: training steps beside PyTorch's, inference beside ONNX Runtime Web's. Without file
 * names the newest results that hold a comparison are taken, and the picture goes to bench/results/speed.svg.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { formatMilliseconds } from '../src/node/commands/table.ts';
import type { InferenceResult } from './inference.ts';
import type { StepResult } from './steps.ts';
import { parseArgs } from './support/arguments.ts';
import { barsSvg } from './support/bars.ts';
import type { BarPanel } from './support/bars.ts';
import type { Machine } from './support/machine.ts';

interface Saved<Result> {
  readonly machine: Machine;
  readonly results: readonly Result[];
}

const folder = new URL('./results/', import.meta.url);
const { values } = parseArgs({
  options: { steps: { type: 'string' }, inference: { type: 'string' }, out: { type: 'string' } },
});

/** The results of a file, or the newest ones under this name that the test accepts; null where there are none. */
function load<Result>(
  file: string | undefined, name: string, useful: (result: Result) => boolean,
): Saved<Result> | null {
  const read = (path: string | URL): Saved<Result> => JSON.parse(readFileSync(path, 'utf8')) as Saved<Result>;
  if (file !== undefined) return read(file);
  const newest = readdirSync(folder).filter((each) => each.startsWith(`${name}-`) && each.endsWith('.json'))
    .map((each) => read(new URL(each, folder))).filter(({ results }) => results.some(useful))
    .sort((a, b) => b.machine.date.localeCompare(a.machine.date));
  return newest[0] ?? null;
}

/** Machine, runtime, commit and date of a file of results. */
function sourceOf({ processor, runtime, commit, date }: Machine): string {
  return `${processor}, ${runtime.replace(/ \(.*/, '')}, commit ${commit}, ${date.slice(0, 10)}`;
}

function stepsPanel({ machine, results }: Saved<StepResult>): BarPanel {
  return {
    source: sourceOf(machine),
    title: 'Training steps a second on two cores, relative to PyTorch', peer: 'PyTorch CPU',
    pairs: results.flatMap(({ network, name, batch, times, torch }) => {
      const ours = times.simd2 ?? times.simd1;
      if (torch === null || ours === undefined) return [];
      return [{
        label: `${network}: ${name}`, detail: `batch ${batch}`, ratio: torch.ratio,
        ours: formatMilliseconds(ours.median), theirs: formatMilliseconds(torch.median),
      }];
    }),
  };
}

function inferencePanel({ machine, results }: Saved<InferenceResult>): BarPanel {
  const rate = (value: number): string => `${value.toLocaleString('en', { maximumFractionDigits: 0 })} images/s`;
  return {
    source: sourceOf(machine),
    title: 'Inference on two cores, relative to ONNX Runtime Web', peer: 'ONNX Runtime Web',
    pairs: results.flatMap(({ network, name, batch, imagesPerSecond, peers }) => {
      const ours = imagesPerSecond.simd2 ?? imagesPerSecond.simd1;
      const other = peers.find(({ peer }) => peer === 'ort');
      if (other === undefined || ours === undefined) return [];
      return [{
        label: `${network}: ${name}`, detail: `batch ${batch}`, ratio: other.ratio, ours: rate(ours),
        theirs: rate(other.imagesPerSecond),
      }];
    }),
  };
}

const steps = load<StepResult>(values.steps, 'steps', ({ torch }) => torch !== null);
const inference = load<InferenceResult>(
  values.inference, 'inference', ({ peers }) => peers.some(({ peer }) => peer === 'ort'),
);
const panels = [
  ...(steps === null ? [] : [stepsPanel(steps)]),
  ...(inference === null ? [] : [inferencePanel(inference)]),
];
if (panels.length === 0) {
  throw new Error('picture: there are no results with a comparison; run bench:steps with --peers and --save');
}
const path = values.out ?? new URL('speed.svg', folder);
writeFileSync(path, barsSvg(panels, 'Both on two threads; longer is faster'));
console.log(`wrote ${values.out ?? 'bench/results/speed.svg'}`);
