/** The command line: its commands and options, and what its errors and exit codes are. */

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { configure, maxThreads } from '../../runtime/settings.ts';
import { longestMessage, printable } from '../../runtime/text.ts';
import { ruleNames } from '../../update/update-rules.ts';
import { comparisonTable, runComparisons } from './bench.ts';
import { runData } from './data.ts';
import type { DataOptions } from './data.ts';
import { runInspect } from './data-inspect.ts';
import type { InspectOptions } from './data-inspect.ts';
import { runEnsemble } from './ensemble.ts';
import { backendLine, runInfo } from './info.ts';
import { experimentsTable, runLab } from './lab.ts';
import type { LabOptions } from './lab.ts';
import { addModelCommands } from './model-commands.ts';
import { modelNames, recipesTable, recipesText } from './recipes.ts';
import type { TrainOptions } from './run-settings.ts';
import { methods } from '../search/plan.ts';
import { provideWideSimd } from '../wide-simd.ts';
import { collect, runOne, runPlan, runSearch } from './search.ts';
import type { PlanOptions, RunOptions, SearchOptions } from './search.ts';
import { processSurroundings, UsageError } from './terminal.ts';
import type { Surroundings } from './terminal.ts';
import { runTrain } from './train.ts';
import { packageVersion } from './version.ts';

/**
 * Runs the command line and returns the exit code: 0 for success, 1 for an error (one line on stderr says which), 2 for
 * a wrong command line, 129, 130 and 143 after an interrupt. Never throws and never ends the process.
 *
 * @param argv the arguments after the program's name
 */
export async function main(
  argv: readonly string[],
  surroundings: Surroundings = processSurroundings(),
): Promise<number> {
  let code = 0;
  const program = buildProgram(surroundings, (result) => {
    code = result;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    // Commander has already written its message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? outputCode(surroundings) : 2;
    surroundings.stderr.write(`tilegrad: ${oneLine(error instanceof Error ? error.message : String(error))}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** 1 where standard output could not be written, which streams say a moment later. */
async function outputCode({ outputError }: Surroundings): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve));
  return outputError?.() ? 1 : 0;
}

/** Throws UsageError for an empty value, as a shell makes of a variable that is not set: it names no file. */
function refuseEmpty(command: Command): void {
  const option = command.options.find((each) => command.getOptionValue(each.attributeName()) === '');
  if (option !== undefined) throw new UsageError(`option '${option.flags}' is empty`);
  const at = command.processedArgs.findIndex((value) => [value].flat().includes(''));
  if (at >= 0) throw new UsageError(`argument '${command.registeredArguments[at].name()}' is empty`);
}

/** train is told the options of `tilegrad train`, and runs it unless it is another. */
function buildProgram(
  surroundings: Surroundings, exit: (code: number) => void,
  train: (options: TrainOptions) => Promise<number> = (options) => runTrain(options, surroundings),
): Command {
  const { stdout, stderr } = surroundings;
  // Where the output is the result, it must have been written.
  const told = async (code: number): Promise<void> => exit(code === 0 ? await outputCode(surroundings) : code);
  const program = new Command('tilegrad')
    .description('Convolutional networks in pure TypeScript: train them, look at them, measure them.')
    .version(packageVersion())
    .exitOverride()
    .enablePositionalOptions()
    .hook('preAction', (_, command) => refuseEmpty(command))
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => write(`tilegrad: ${oneLine(text.replace(/^error: /, ''))}\n`),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      getOutHelpWidth: () => stdout.columns ?? 80,
      getErrHelpWidth: () => stderr.columns ?? 80,
    });

  program
    .command('train')
    .description('train a network and write history.json, report.html, filters.png and model.safetensors')
    .option(
      '--data <path>',
      'a folder with one subfolder of PNG and JPEG files a class; CIFAR-10 or CIFAR-100 (archive or folder); ' +
      'IDX files as MNIST has them; npz with x_train and y_train; or the word shapes for the procedural set ' +
      '(default: CIFAR-10 where the variable CIFAR10 or the cache folder has it, else shapes)',
    )
    .option('--model <name>', `what to train: ${modelNames.join(', ')} (default: deep)`)
    .option('--recipe <name>', "a network with all its settings, see below (default: the model's); what follows changes it")
    .option('--list-recipes', 'list the recipes, each with the result that is stated of it, and train nothing')
    .option('--filters <n,...>', 'filters of each convolution (three: one number)', integers)
    .option('--filter-size <n>', "side of the filters, odd (three; deep's are 3)", oddInteger)
    .option('--hidden <n,...>', 'sizes of the hidden layers (three, two: one number; fc: any)', integers)
    .option('--normalization <name>', 'none, batchnorm, or layernorm (fc, deep: not layernorm)', normalization)
    .option('--dropout-keep <p>', 'probability that dropout keeps a number, 1 for no dropout (fc)', share)
    .option('--weight-scale <x>', 'deviation of the initial weights, or kaiming (deep)', weightScale)
    .option('--reg <x>', 'strength of the L2 regularisation', notNegative)
    .option('--reg-factor <x>', 'its factor: the loss gains factor * reg * sum(W^2) (default: 0.5)', notNegative)
    .option('--rule <name>', `update rule: ${ruleNames.join(', ')}; its settings are then its own defaults`)
    .option('--lr <x>', 'learning rate', positive)
    .option('--momentum <x>', 'share of the velocity that is kept (sgdMomentum, nesterov)', properShare)
    .option('--lr-decay <x>', 'what the learning rate is multiplied by after every epoch', share)
    .addOption(new Option('--flips <how>', 'mirror training images').choices(['none', 'random', 'alternating']))
    .option('--shift <n>', 'move training images by up to n pixels', integer(0))
    .option('--crop <x>', 'train on parts of the images, of at least this share of the area', share)
    .option('--jitter <x>', 'change brightness, contrast and saturation by up to this share', properShare)
    .option('--cutout <n>', 'cut squares of n pixels out of training images', integer(0))
    .option('--mixup <a>', 'mix training images by shares from Beta(a, a)', notNegative)
    .option('--batch <n>', 'images a step', integer(1))
    .option('--epochs <n>', 'passes over the training images', integer(1))
    .option('--time <seconds>', 'seconds of training; with --epochs, whichever comes first', positive)
    .option('--seed <n>', 'seed of everything drawn at random (default: 0)', seed)
    .option('--num-train <n>', 'train on the first n images only', integer(1))
    .option('--num-val <n>', 'validate on n images (default: 1000)', integer(1))
    .option('--num-test <n>', 'test on the first n images only', integer(1))
    .option('--size <n>', 'height and width that pictures of a folder are brought to (default: 32)', integer(1))
    .option('--split-seed <n>', 'draws the test images of data that have none (default: 0, whatever --seed is)', integer(0))
    .addOption(new Option('--layout <order>', 'where arrays have their channels, if their shape does not tell').choices(['NCHW', 'NHWC']))
    .addOption(new Option('--on-unreadable <what>', 'what a picture that cannot be read does').choices(['skip', 'error']))
    .option('--threads <n>', 'threads that compute (default: one a core)', threadCount)
    .option('--wide-simd', 'use vectors of twice the width where a test shows that they give the same bits (Node 24 and later)')
    .option('--relaxed-simd', 'multiply and add in one instruction, which other processors round otherwise (Node 22 and later)')
    .option('--out <folder>', 'where the results go', 'out')
    .option('--tensorboard', 'write the log as an event file for TensorBoard as well')
    .option('--resume', 'go on from the checkpoint in the output folder, with its settings and until its limits')
    .option('--overwrite', 'start over where the output folder holds another run')
    .addHelpText('after', `\nRecipes:\n${recipesText()}`)
    .action(async ({ listRecipes, ...options }: TrainOptions & { listRecipes?: boolean }) => {
      if (listRecipes) {
        stdout.write(recipesTable());
        return told(0);
      }
      if (options.threads !== undefined) configure({ threads: options.threads });
      if (options.relaxedSimd) configure({ relaxedSimd: true });
      if (options.wideSimd) {
        provideWideSimd();
        configure({ wideSimd: true });
      }
      exit(await train(options));
    });

  const data = program.command('data').description('look into data sets, and fetch CIFAR-10');
  data
    .command('inspect')
    .description('say what a data set holds: classes, sizes, mean and deviation, files that cannot be read, and images '
      + 'that are in both parts')
    .argument('<path>', "what train's --data takes")
    .option('--size <n>', 'height and width that pictures of a folder are brought to (default: 32)', integer(1))
    .option('--split-seed <n>', 'draws the test images of data that have none (default: 0)', integer(0))
    .addOption(new Option('--layout <order>', 'where arrays have their channels, if their shape does not tell').choices(['NCHW', 'NHWC']))
    .option('--samples <file>', 'write a grid of samples, a row a class, as a PNG file')
    .option('--overwrite', 'replace that file where it is there already')
    .action(async (path: string, options: InspectOptions) => told(await runInspect(path, options, surroundings)));
  data
    .command('cifar10')
    .description('download CIFAR-10 (binary version, 170 MB), going on from what is there, and verify its checksum')
    .option('--out <path>', 'a file, or a folder to put it in (default: the cache folder, where train looks for it)')
    .option('--url <address>', "another server's copy of the same archive")
    .option('--overwrite', 'replace another file that lies where the archive goes')
    .action(async (options: DataOptions) => exit(await runData(options, surroundings)));

  program
    .command('bench')
    .description("compare the readable loops with the fast layers, at the course's sizes")
    .addOption(new Option('--dtype <type>', 'element type').choices(['float32', 'float64', 'both']).default('both'))
    .option('--time <ms>', 'milliseconds for each measurement', positive, 300)
    .action(async ({ dtype, time }: { dtype: 'float32' | 'float64' | 'both'; time: number }) => {
      const results = await runComparisons(dtype === 'both' ? ['float64', 'float32'] : [dtype], time);
      stdout.write(`${backendLine()}\n\n${comparisonTable(results)}`);
      await told(0);
    });

  program
    .command('info')
    .description('say what computes on this machine, and why it is not faster')
    .action(async () => {
      await runInfo(stdout);
      await told(0);
    });

  program
    .command('ensemble')
    .description('the validation and test accuracy of the networks of several runs, of each and of all together')
    .argument('<folder...>', 'folders that train has written')
    .option('--data <path>', "where the runs' images are now, if no longer where they were")
    .action(async (folders: string[], options: { data?: string }) => {
      await told(await runEnsemble(folders, options, surroundings));
    });

  program
    .command('lab')
    .description('run an experiment of the course, and leave a page to read (results.html) and its numbers (results.json)')
    .argument('[name]', 'which, see below')
    .option('--list', 'list the experiments with their questions, and run none')
    .option('--data <path>', "CIFAR-10's archive or folder (default: shapes, the procedural set)")
    .option('--out <folder>', 'where the results go (default: lab/ and the name)')
    .option('--seed <n>', 'seed of everything drawn at random', seed, 0)
    .option('--threads <n>', 'threads that compute (default: one a core)', threadCount)
    .option('--quick', 'small sizes, in seconds: shows that it runs, and little more')
    .option('--check', 'exit code 1 where an expectation does not hold')
    .option('--overwrite', 'replace the results of an experiment in the output folder')
    .addHelpText('after', () => `\nExperiments:\n${experimentsTable()}`)
    .action(async (name: string | undefined, { list, ...options }: LabOptions & { list?: boolean }) => {
      if (list) {
        stdout.write(experimentsTable());
        return told(0);
      }
      if (name === undefined) throw new UsageError('lab: which experiment? --list names them');
      if (options.threads !== undefined) configure({ threads: options.threads });
      exit(await runLab(name, options, surroundings));
    });

  addModelCommands(program, surroundings, told);

  const search = program
    .command('search')
    .description('find settings by trying many; the same command goes on where it was stopped')
    .argument('<space>', 'a file that says which settings of train to search, and in which ranges')
    .enablePositionalOptions();
  const planned = (command: Command): Command => command
    .option('--out <folder>', 'where everything goes', 'search')
    .addOption(new Option('--method <name>', 'how to choose').choices(methods).default('random'))
    .option('--trials <n>', 'settings to try (default: 30; grid: all)', integer(1))
    .option('--seed <n>', 'seed of the choice; that of the training is a setting', integer(0), 0);
  planned(search)
    .option('--parallel <n>', 'trials at a time, which share the cores (default: one a core)', integer(1))
    .action(async (space: string, options: SearchOptions) => {
      exit(await runSearch(space, options, trainOptions, surroundings));
    });
  planned(search.command('plan').argument('<space>', 'the space file'))
    .description('write the trials that can be known so far, for a scheduler to run')
    .action(async (space: string, options: PlanOptions) => {
      await told(await runPlan(space, options, trainOptions, surroundings));
    });
  search
    .command('run')
    .description('run one planned trial and write its result')
    .option('--out <folder>', "the search's folder", 'search')
    .option('--index <n>', 'which (default: SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX)', integer(0))
    .option('--threads <n>', 'threads that compute (default: one a core)', threadCount)
    .action(async ({ threads, ...options }: RunOptions & { threads?: number }) => {
      if (threads !== undefined) configure({ threads });
      exit(await runOne(options, trainOptions, surroundings));
    });
  search
    .command('collect')
    .description('gather the results that there are into a table and a page')
    .option('--out <folder>', "the search's folder", 'search')
    .action(async ({ out }: { out: string }) => told(await collect(out, surroundings)));
  return program;
}

/** The options that `tilegrad train` would have of its arguments. Throws CommanderError for what it does not take. */
function trainOptions(argv: readonly string[]): TrainOptions {
  let options: TrainOptions | null = null;
  const nowhere = { write: () => true };
  const silent: Surroundings = { stdout: nowhere, stderr: nowhere, env: {}, onInterrupt: () => () => undefined };
  buildProgram(silent, () => undefined, (given) => {
    options = given;
    return Promise.resolve(0);
  }).parse(['train', ...argv], { from: 'user' });
  return options!;
}

const share: (text: string) => number = number('a number > 0 and <= 1', (value) => value > 0 && value <= 1);
const properShare: (text: string) => number = number('a number from 0 to 1', (value) => value >= 0 && value <= 1);
const positive: (text: string) => number = number('a number > 0', (value) => value > 0);
const notNegative: (text: string) => number = number('a number >= 0', (value) => value >= 0);

function number(expected: string, accepts: (value: number) => boolean): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || !accepts(value)) refuse(expected);
    return value;
  };
}

function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const expected = max === Number.MAX_SAFE_INTEGER ? `an integer >= ${min}` : `an integer from ${min} to ${max}`;
  const read = number(expected, (value) => Number.isSafeInteger(value) && value >= min && value <= max);
  return (text) => read(/^\d+$/.test(text) ? text : '');
}

/** The weights are drawn from the seed, and the order of the images from the one after it. */
function seed(text: string): number {
  return integer(0, Number.MAX_SAFE_INTEGER - 1)(text);
}

function threadCount(text: string): number {
  return integer(1, maxThreads)(text);
}

function integers(text: string): number[] {
  const sizes = text.split(',');
  if (!sizes.every((size) => /^0*[1-9]\d*$/.test(size) && Number.isSafeInteger(Number(size)))) {
    refuse('integers >= 1 with commas between them');
  }
  return sizes.map(Number);
}

function oddInteger(text: string): number {
  const value = integer(1)(text);
  return value % 2 === 1 ? value : refuse('odd, so that padding keeps the size of the image');
}

function weightScale(text: string): number | 'kaiming' {
  return text === 'kaiming' ? text : number('a number >= 0, or kaiming', (value) => value >= 0)(text);
}

function normalization(text: string): string {
  return ['none', 'batchnorm', 'layernorm'].includes(text) ? text : refuse('none, batchnorm or layernorm');
}

function refuse(expected: string): never {
  throw new InvalidArgumentError(`It must be ${expected}.`);
}

function oneLine(text: string): string {
  return printable(text.trim().replace(/\s*\n\s*/g, ' '), longestMessage);
}
