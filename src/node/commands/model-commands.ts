/** The commands on trained models: predict, evaluate, summary, export, verify. */

import { InvalidArgumentError, Option, type Command } from 'commander';
import { runEvaluate } from './evaluate.ts';
import type { EvaluateCommandOptions } from './evaluate.ts';
import { runExport, runSummary, runVerify } from './model-files.ts';
import type { ExportOptions } from './model-files.ts';
import { runPredict } from './predict.ts';
import type { PredictCommandOptions } from './predict.ts';
import type { Surroundings } from './terminal.ts';

const modelArgument = 'a model file, or the folder of a run';

/** Adds the commands to the program; exit is told the code of what ran. */
export function addModelCommands(
  program: Command, surroundings: Surroundings, exit: (code: number) => Promise<void>,
): void {
  program
    .command('predict')
    .description('say what is on pictures: a line each with file, label and probability')
    .argument('<model>', modelArgument)
    .argument('<picture...>', 'PNG and JPEG files of any size')
    .option('--top <n>', 'the n likeliest labels', atLeast(1))
    .option('--json', 'a line of JSON a picture')
    .action(async (model: string, pictures: string[], options: PredictCommandOptions) => {
      await exit(await runPredict(model, pictures, options, surroundings));
    });
  program
    .command('evaluate')
    .description('accuracy, a table of the classes, and a page with the confusion matrix and the surest mistakes')
    .argument('<model>', modelArgument)
    .option('--data <path>', 'the data set, as train takes it (default: as train finds one)')
    .option('--num-test <n>', 'the first n test images only', atLeast(1))
    .option('--split-seed <n>', 'what drew the test images of data that have none, as in training (default: 0)', atLeast(0))
    .addOption(new Option('--layout <order>', 'where arrays have their channels, if their shape does not tell').choices(['NCHW', 'NHWC']))
    .option('--out <file>', 'where the page goes (default: evaluation.html, in place of an earlier such page)')
    .option('--overwrite', 'replace that file where it is there already')
    .action(async (model: string, options: EvaluateCommandOptions) => {
      await exit(await runEvaluate(model, options, surroundings));
    });
  program
    .command('summary')
    .description("a table of a model's layers, with its classes and what its input is prepared with")
    .argument('<model>', modelArgument)
    .action(async (model: string) => exit(await runSummary(model, surroundings)));
  program
    .command('export')
    .description('write a model in the form of another system, with a sample input and its output')
    .argument('<model>', modelArgument)
    .option('--onnx <file>', 'ONNX, opset 17, of any batch size')
    .option('--safetensors <file>', "PyTorch's state_dict as safetensors")
    .option('--npz <file>', "PyTorch's state_dict as NumPy's npz")
    .option('--fold', 'with --onnx: make batchnorm part of the layer before it')
    .option('--overwrite', 'replace files that are there')
    .action(async (model: string, options: ExportOptions) => exit(await runExport(model, options, surroundings)));
  program
    .command('verify')
    .description('recompute the sample that a model file or an export carries, and say how far off it is')
    .argument('<file>', 'what train, saveModel or export has written')
    .action(async (file: string) => exit(await runVerify(file, surroundings)));
}

function atLeast(least: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : -1;
    if (!Number.isSafeInteger(value) || value < least) throw new InvalidArgumentError(`It must be an integer >= ${least}.`);
    return value;
  };
}
