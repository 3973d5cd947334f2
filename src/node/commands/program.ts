/** The command line: its commands and options, and what its errors and exit codes are. */

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { ready } from '../../kernels/status.ts';
import { longestMessage, printable } from '../../runtime/text.ts';
import { configure } from '../../runtime/settings.ts';
import { comparisonTable, runComparisons } from './bench.ts';
import { runData } from './data.ts';
import type { DataOptions } from './data.ts';
import { backendLine, runInfo } from './info.ts';
import { modelNames, recipes } from './recipes.ts';
import type { TrainOptions } from './run-settings.ts';
import { processSurroundings, UsageError } from './terminal.ts';
import type { Surroundings } from './terminal.ts';
import { runTrain } from './train.ts';
import { packageVersion } from './version.ts';

/**
 * Runs the command line and returns the exit code: 0 for success, 1 for an error (one line on stderr says which), 2 for
 * a wrong command line, 130 and 143 after an interrupt. Never throws and never ends the process.
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
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    surroundings.stderr.write(`tilegrad: ${oneLine(error instanceof Error ? error.message : String(error))}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

function buildProgram(surroundings: Surroundings, exit: (code: number) => void): Command {
  const { stdout, stderr } = surroundings;
  const program = new Command('tilegrad')
    .description('Convolutional networks in pure TypeScript: train them, look at them, measure them.')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => write(`tilegrad: ${oneLine(text.replace(/^error: /, ''))}\n`),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });

  program
    .command('train')
    .description('train a network and write history.json, report.html, filters.png and model.safetensors')
    .option(
      '--data <path>',
      "CIFAR-10's archive or folder, or the word shapes for the procedural set " +
      '(default: CIFAR-10 where the variable CIFAR10 or the cache folder has it, else shapes)',
    )
    .option('--model <name>', `what to train: ${modelNames.join(', ')} (default: deep)`)
    .option(
      '--recipe <name>',
      `a network with all its settings: ${Object.keys(recipes).join(', ')} (default: the model's)`,
    )
    .option('--epochs <n>', 'passes over the training images', integer(1))
    .option('--time <seconds>', 'seconds of training; with --epochs, whichever comes first', positive)
    .option('--batch <n>', 'images a step', integer(1))
    .option('--lr <x>', 'learning rate', positive)
    .option('--threads <n>', 'threads that compute (default: one a core)', integer(1))
    .option('--seed <n>', 'seed of everything drawn at random (default: 0)', integer(0))
    .option('--num-train <n>', 'train on the first n images only', integer(1))
    .option('--num-val <n>', 'validate on n images (default: 1000)', integer(1))
    .option('--num-test <n>', 'test on the first n images only', integer(1))
    .option('--out <folder>', 'where the results go', 'out')
    .option('--resume', 'go on from the checkpoint in the output folder')
    .action(async (options: TrainOptions) => {
      if (options.threads !== undefined) configure({ threads: options.threads });
      exit(await runTrain(options, surroundings));
    });

  const data = program.command('data').description('fetch data sets');
  data
    .command('cifar10')
    .description('download CIFAR-10 (binary version, 170 MB), going on from what is there, and verify its checksum')
    .option('--out <path>', 'a file, or a folder to put it in (default: the cache folder, where train looks for it)')
    .option('--url <address>', "another server's copy of the same archive")
    .action(async (options: DataOptions) => exit(await runData(options, surroundings)));

  program
    .command('bench')
    .description("compare the readable loops with the fast layers, at the course's sizes")
    .addOption(new Option('--dtype <type>', 'element type').choices(['float32', 'float64', 'both']).default('both'))
    .option('--time <ms>', 'milliseconds for each measurement', positive, 300)
    .action(async ({ dtype, time }: { dtype: 'float32' | 'float64' | 'both'; time: number }) => {
      await ready();
      stdout.write(`${backendLine()}\n\n`);
      const results = runComparisons(dtype === 'both' ? ['float64', 'float32'] : [dtype], time);
      stdout.write(comparisonTable(results));
    });

  program
    .command('info')
    .description('say what computes on this machine, and why it is not faster')
    .action(() => runInfo(stdout));
  return program;
}

function integer(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > Number.MAX_SAFE_INTEGER) {
      throw new InvalidArgumentError(`It must be an integer >= ${min}.`);
    }
    return value;
  };
}

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError('It must be a number > 0.');
  return value;
}

function oneLine(text: string): string {
  return printable(text.trim().replace(/\s*\n\s*/g, ' '), longestMessage);
}
