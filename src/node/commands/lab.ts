/** `tilegrad lab`: runs an experiment, and leaves a page to read and its numbers to compute with. */

import { join } from 'node:path';
import { makeShapes, prepareImages } from '../../data/index.ts';
import type { ImageDataset } from '../../data/index.ts';
import { ready } from '../../kernels/status.ts';
import { describe } from '../../runtime/check.ts';
import { longestMessage, printable } from '../../runtime/text.ts';
import { Rng } from '../../tensor/index.ts';
import { DivergenceError, Solver } from '../../train/index.ts';
import { experimentHtml } from '../../viz/experiment-page.ts';
import { atomicWriteFile } from '../atomic-write.ts';
import { loadCifar10 } from '../cifar10.ts';
import type { Check, Experiment, Findings, Lab, Run } from '../lab/experiment.ts';
import { finalLoss, last } from '../lab/experiment.ts';
import { experiments } from '../lab/index.ts';
import { number } from '../lab/show.ts';
import { backendLine } from './info.ts';
import { percent } from './outputs.ts';
import { openRunFolder, runResults } from './run-folder.ts';
import { formatTable } from './table.ts';
import { interruptExitCode, interruptible, UsageError } from './terminal.ts';
import type { Surroundings } from './terminal.ts';

export interface LabOptions {
  readonly out?: string;
  readonly data?: string;
  readonly quick?: boolean;
  readonly seed: number;
  readonly threads?: number;
  readonly overwrite?: boolean;
  readonly check?: boolean;
}

const resultNames = ['results.json', 'results.html'] as const;
/** What other commands leave in their folders: not even --overwrite may put an experiment there. */
const foreignNames: readonly string[] = [...runResults, 'search.json'];

/** A table of the experiments with their questions. */
export function experimentsTable(): string {
  return formatTable(['name', 'question'], Object.entries(experiments).map(([name, { question }]) => [name, question]), ['left', 'left']);
}

/**
 * Runs an experiment and returns the exit code: 1 where an expectation did not hold and options.check is set. Throws
 * UsageError for a name that does not exist and a folder that holds another run, DataFileError for data that is missing
 * or damaged and a folder that cannot be written to.
 */
export async function runLab(name: string, options: LabOptions, surroundings: Surroundings): Promise<number> {
  if (!Object.hasOwn(experiments, name)) {
    throw new UsageError(`lab: there is no experiment ${describe(name)}, there are ${Object.keys(experiments).join(', ')}`);
  }
  const { out = join('lab', name) } = options;
  const print = (text: string): unknown => surroundings.stdout.write(`${printable(text, longestMessage)}\n`);
  const interrupt = interruptible(surroundings, () => print('stopping: nothing is written'));
  try {
    const use = options.overwrite === true ? 'overwrite' : 'fresh';
    const closeFolder = await openRunFolder(out, use, resultNames, foreignNames);
    try {
      const started = performance.now();
      const lab = new Laboratory(options, print, interrupt.signal);
      const findings = await experiments[name].run(lab);
      const { quick, seed, source } = lab;
      const setting = `${source}; seed ${seed}; ${backendLine()}${quick ? '; quick: sizes too small to say much' : ''}.`;
      const record = {
        experiment: name, title: experiments[name].title, quick, seed, data: source,
        backend: backendLine(), seconds: (performance.now() - started) / 1000,
        checks: findings.checks, tables: findings.tables, runs: findings.runs ?? {},
      };
      for (const check of findings.checks) print(`${check.holds ? 'ok' : 'NO'}  ${check.expectation} (${numbersText(check)})`);
      const [numbers, page] = resultNames.map((each) => join(out, each));
      await atomicWriteFile(numbers, `${JSON.stringify(record, null, 1)}\n`);
      await atomicWriteFile(page, pageOf(experiments[name], findings, setting));
      print(`page: ${page}, numbers: ${numbers}`);
      return options.check === true && findings.checks.some(({ holds }) => !holds) ? 1 : 0;
    } finally {
      await closeFolder();
    }
  } catch (error) {
    if (interrupt.name !== null && error instanceof StoppedError) return interruptExitCode[interrupt.name];
    throw error;
  } finally {
    interrupt.stop();
  }
}

/** An interrupt ended a training run, and the experiment with it. */
class StoppedError extends Error {
  override readonly name: string = 'StoppedError';
}

class Laboratory implements Lab {
  readonly quick: boolean;
  readonly seed: number;
  /** what the images are; where none were asked for, nothing is said of them */
  source = 'drawn at random';
  readonly #path: string;
  readonly #print: (line: string) => unknown;
  readonly #signal: AbortSignal;
  #cifar10: Promise<ImageDataset> | null = null;

  constructor({ quick = false, seed, data = 'shapes' }: LabOptions, print: (line: string) => unknown, signal: AbortSignal) {
    this.quick = quick;
    this.seed = seed;
    this.#path = data;
    this.#print = print;
    this.#signal = signal;
  }

  readonly images: Lab['images'] = async (options) => {
    const shapes = this.#path === 'shapes';
    this.source = shapes ? 'procedural shapes' : `CIFAR-10 from ${this.#path}`;
    const set = shapes ? makeShapes({ seed: 0, numTrain: options.numTraining + options.numValidation, numTest: 1 })
      : await (this.#cifar10 ??= loadCifar10(this.#path));
    return prepareImages(set, { ...options, numTest: 0 });
  };

  readonly train: Lab['train'] = async (label, network, data, options) => {
    await ready();
    const solver = new Solver(network, data, { verbose: false, rng: new Rng(this.seed + 1), ...options });
    let diverged = false;
    const reason = await solver.train({ signal: this.#signal }).catch((error: unknown) => {
      if (!(error instanceof DivergenceError)) throw error;
      diverged = true;
    });
    if (reason === 'aborted') throw new StoppedError('the experiment was stopped');
    const { lossHistory, trainAccHistory, valAccHistory, trainSeconds } = solver;
    const run: Run = { lossHistory, trainAccHistory, valAccHistory, diverged, seconds: trainSeconds };
    const [training, validation] = [trainAccHistory, valAccHistory].map((accuracies) => percent(last(accuracies)));
    const loss = diverged ? 'diverged' : `loss ${number(finalLoss(run))}`;
    this.#print(`${label}: ${loss}, training ${training}, validation ${validation} (${trainSeconds.toFixed(1)} s)`);
    return run;
  };
}

/** "batchnorm: 0.75, none: 0.33" */
function numbersText({ numbers }: Check): string {
  return Object.entries(numbers).map(([name, value]) => `${name}: ${number(value)}`).join(', ');
}

function pageOf({ title, question, lessons }: Experiment, findings: Findings, setting: string): string {
  const { charts = [], pictures = [], tables } = findings;
  const checks = findings.checks.map((check) => ({ ...check, numbers: numbersText(check) }));
  return experimentHtml({ title, question, setting, lessons, checks, charts, pictures, tables });
}
