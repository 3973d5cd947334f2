/** `tilegrad train`: trains a network, shows how far it has come, and leaves a report. */

import { ready } from '../../kernels/status.ts';
import type { Network } from '../../models/index.ts';
import { DivergenceError, Solver } from '../../train/index.ts';
import type { CheckpointStore, EpochReport, Progress } from '../../train/index.ts';
import { CheckpointFile, readCheckpoint, settingsKey } from './checkpoint-file.ts';
import { accuracyOf, predict } from './evaluation.ts';
import { parameterCount, percent, writeOutputs } from './outputs.ts';
import { formatRate, ProgressLine } from './progress.ts';
import { buildNetwork } from './recipes.ts';
import { backendLine, refusals } from './info.ts';
import { loadRunData, unreadableLines } from './run-data.ts';
import type { RunData } from './run-data.ts';
import { RunLog } from './run-log.ts';
import { checkpointName, makeWay, openRunFolder } from './run-folder.ts';
import { solverOptions, whitenFirstLayer } from './run-solver.ts';
import { refuseMissingData, refuseOtherClasses, withData } from './same-data.ts';
import { checkResumedSettings, checkResumeOptions, settingsFromOptions } from './run-settings.ts';
import type { RunSettings, TrainOptions } from './run-settings.ts';
import { interruptExitCode, interruptible } from './terminal.ts';
import type { Surroundings } from './terminal.ts';

/** Milliseconds from one checkpoint to the next inside an epoch. */
const checkpointInterval = 30_000;

const nothingSaved = 'stopped before the first step: there was nothing to save';

/** Fewer steps an epoch than this are worth a word where nobody chose the batches. */
const fewSteps = 5;

/**
 * Runs the command and returns the exit code: 0 when training came to its end, 129, 130 or 143 when a signal stopped it
 * (then the checkpoint and all outputs are written first). Throws UsageError for options that do not fit together or
 * would replace another run, Error where training diverged (the best network so far is then written with all outputs,
 * and the message says how to go on), and whatever went wrong with data or files.
 */
export async function runTrain(options: TrainOptions, surroundings: Surroundings): Promise<number> {
  const { out } = options;
  const line = new ProgressLine(surroundings.stdout);
  const resume = options.resume === true;
  if (resume) await checkResumeOptions(options);
  else settingsFromOptions(options);
  const interrupt = interruptible(surroundings, () => {
    line.print('stopping: what is under way is finished, and what was trained is saved (Ctrl-C again ends at once)');
  });
  try {
    const closeFolder = await openRunFolder(out, resume ? 'resume' : options.overwrite === true ? 'overwrite' : 'fresh');
    try {
      await train(options, surroundings, line, interrupt.signal);
    } catch (error) {
      if (error !== interrupt.signal.reason) throw error;
      line.print(nothingSaved);
    } finally {
      await closeFolder();
    }
  } finally {
    line.clear();
    interrupt.stop();
  }
  return interrupt.name === null ? 0 : interruptExitCode[interrupt.name];
}

/** Trains. Rejects with the signal's reason where that is aborted before the first step, when nothing was written. */
async function train(
  options: TrainOptions, surroundings: Surroundings, line: ProgressLine, signal: AbortSignal,
): Promise<void> {
  const { out } = options;
  const checkpoint = options.resume === true ? await readCheckpoint(out) : null;
  const given = checkpoint === null ? settingsFromOptions(options) : checkResumedSettings(checkpoint.settings, options);
  if (checkpoint !== null) await refuseMissingData(out, given);
  const threads = ready();
  const data = await loadRunData(given, surroundings.env, {
    signal, onProgress: (done, total) => line.show(() => `reading pictures ${done}/${total}`),
  });
  line.clear();
  const count = (labels: ArrayLike<number>): string => labels.length.toLocaleString('en-US');
  line.print(
    `data: ${data.source}: ${count(data.yTrain)} training, ${count(data.yVal)} validation, ` +
    `${count(data.yTest)} test images`,
  );
  for (const text of unreadableLines(data.unreadable)) line.print(text);
  if (checkpoint !== null) await refuseOtherClasses(out, given, data);
  const settings = withData(given, data);
  // The threads start while the data load.
  await threads;
  const network = buildNetwork(settings, data.XTrain.shape.slice(1), data.classNames.length, settings.seed);
  line.print(`model: ${network.name}, ${parameterCount(network).toLocaleString('en-US')} parameters; ${backendLine()}`);
  for (const refusal of refusals()) line.print(`note: ${refusal}`);
  const steps = Math.max(1, Math.floor(data.yTrain.length / settings.batchSize));
  if (steps < fewSteps && settings.numTrain === null && options.batch === undefined && checkpoint === null) {
    line.print(
      `note: an epoch is ${steps} ${steps === 1 ? 'step' : 'steps'} of ${settings.batchSize} images; ` +
      'with so few images smaller batches, as --batch 10, learn more',
    );
  }
  signal.throwIfAborted();

  // A run that goes on from a checkpoint finds the log's lines up to there.
  const file = new CheckpointFile(out, () => log.flush(), checkpoint === null ? () => makeWay(out) : null);
  // What an earlier run left is kept until this one has a step to keep, and has shown that it learns.
  const store: CheckpointStore = {
    async write(name, bytes) {
      if (solver.iteration === 0) return;
      await file.write(name, bytes);
      await log.begin();
    },
  };
  let shown = 0;
  let savedAt = performance.now();
  let latest: Progress | null = null;
  const printAccuracies = (): void => {
    for (; shown < solver.valAccHistory.length; shown++) line.print(accuracyLine(solver, shown));
  };
  const writeLog = (accuracies: { trainAccuracy?: number; valAccuracy?: number } = {}): void => {
    if (latest === null) return;
    const { iteration, epoch, loss, learningRate, imagesPerSecond, trainSeconds } = latest;
    const time = Date.now() / 1000;
    log.add({ time, iteration, epoch, loss, learningRate, imagesPerSecond, trainSeconds, ...accuracies });
  };
  const onEpoch = ({ trainAcc, valAcc }: EpochReport): void => {
    printAccuracies();
    writeLog({ trainAccuracy: trainAcc, valAccuracy: valAcc });
  };
  const onProgress = (progress: Progress): void => {
    const { iteration } = progress;
    // The Solver's next act, during which it reports nothing.
    const measuring = iteration === 1 || iteration % solver.iterationsPerEpoch === 0;
    line.update({ ...progress, ...(settings.time === null ? {} : { iterations: null, numEpochs: null }), measuring });
    latest = progress;
    if (!measuring && RunLog.isDue(iteration)) writeLog();
    if (performance.now() - savedAt < checkpointInterval || file.busy || solver.valAccHistory.length === 0) return;
    savedAt = performance.now();
    void file.write(checkpointName, solver.checkpoint()).catch(() => undefined);
  };
  const solver: Solver = new Solver(network, data, {
    ...solverOptions(settings, { mean: data.mean, std: data.std }), onProgress, onEpoch, checkpointName,
    checkpointStore: store,
    checkpointMetadata: { [settingsKey]: JSON.stringify(settings) },
  });
  if (checkpoint === null) {
    // Part of the training, so it counts in its time.
    solver.trainSeconds = whitenFirstLayer(network, settings, data.XTrain);
  } else {
    solver.restore(checkpoint.bytes, { changedSettings: options.lr !== undefined });
    shown = solver.valAccHistory.length;
    line.print(`going on after iteration ${solver.iteration} of the run in ${out}`);
    const reached = reachedLimit(solver, settings);
    if (reached !== null) line.print(reached);
  }
  const tensorboard = options.tensorboard === true;
  const log = checkpoint === null
    ? RunLog.held(out, tensorboard) : await RunLog.open(out, solver.iteration, tensorboard);
  const finish = async (reason: string): Promise<void> => {
    const incomplete = await log.done();
    if (incomplete !== null) line.print(incomplete);
    await file.done();
    line.clear();
    printAccuracies();
    if (solver.iteration === 0 && solver.timeIsUp) {
      throw new Error(
        `no step of training fits into ${settings.time} s: preparing took ${solver.trainSeconds.toFixed(2)} s of it; ` +
        'give more --time',
      );
    }
    if (solver.iteration > 0) await report({ solver, network, data, settings, reason, out, line });
    else line.print(nothingSaved);
  };
  let reason: string;
  try {
    reason = await solver.train({ signal });
  } catch (error) {
    await log.done();
    if (!(error instanceof DivergenceError)) throw error;
    const lower = `--lr ${Number((settings.optimConfig.learningRate / 10).toPrecision(2))}`;
    if (solver.valAccHistory.length === 0) {
      throw new Error(`${error.message}. Nothing was learnt and nothing of it is kept: try ${lower}`, { cause: error });
    }
    await finish('diverged');
    const kept = `The best network so far is kept in ${out}: --resume ${lower} goes on from the last checkpoint`;
    throw new Error(`${error.message}. ${kept}, --overwrite ${lower} starts over`, { cause: error });
  }
  await finish(reason);
}

/** Why a run that goes on has nothing left to do, and what to do about it; null where it has. */
function reachedLimit(solver: Solver, { time, epochs }: RunSettings): string | null {
  const { trainSeconds, iteration, iterations } = solver;
  if (time !== null && solver.timeIsUp) {
    return `the limit of ${time} s is reached, the run has trained for ${trainSeconds.toFixed(1)} s: ` +
      `--resume --time ${Math.ceil(2 * trainSeconds)} goes on`;
  }
  if (iteration < iterations) return null;
  return `all ${epochs} epochs are done: a longer run starts over, with --overwrite and more --epochs`;
}

interface FinishedRun {
  readonly solver: Solver;
  readonly network: Network;
  readonly data: RunData;
  readonly settings: RunSettings;
  readonly reason: string;
  readonly out: string;
  readonly line: ProgressLine;
}

/** Measures the test accuracy, writes the outputs and says where they are. */
async function report({ solver, network, data, settings, reason, out, line }: FinishedRun): Promise<void> {
  const predictions = await predict(network, data.XTest, (done, total) =>
    line.show(() => `testing ${done}/${total} images`),
  );
  line.clear();
  const testAccuracy = accuracyOf(predictions.classes, data.yTest);
  const valAccuracy = solver.valAccHistory.length > 0 ? solver.bestValAcc : solver.checkAccuracy(data.XVal, data.yVal);
  const imagesPerSecond = (solver.iteration * Math.min(settings.batchSize, data.yTrain.length)) / solver.trainSeconds;
  // The classes are in the report already, a row and a column each.
  const { trainedOn: _, ...shown } = settings;
  const path = await writeOutputs(out, {
    network, data, predictions, valAccuracy, testAccuracy, imagesPerSecond,
    lossHistory: solver.lossHistory, trainAccHistory: solver.trainAccHistory, valAccHistory: solver.valAccHistory,
    accuracyEpochs: accuracyEpochs(solver), trainSeconds: solver.trainSeconds, seed: settings.seed, settings,
    config: { ...shown, data: data.source, network: network.config, backend: backendLine() },
    complete: reason === 'finished' || reason === 'timeLimit', stopReason: reason,
  });
  line.print(
    `${reason === 'aborted' ? 'stopped after' : 'trained for'} ${solver.trainSeconds.toFixed(1)} s: ` +
    `${solver.iteration.toLocaleString('en-US')} iterations, ${formatRate(imagesPerSecond)} images/s`,
  );
  const tested = data.yTest.length === 0 ? 'no test images' : `test accuracy ${percent(testAccuracy)}`;
  line.print(`validation accuracy ${percent(valAccuracy)}, ${tested}`);
  line.print(`report: ${path}`);
}

/** "epoch 2: training 45.1%, validation 43.8%" */
function accuracyLine(solver: Solver, index: number): string {
  const epoch = accuracyEpochs(solver)[index];
  const when = index === 0 ? 'start' : `epoch ${Number(epoch.toFixed(2))}`;
  const [training, validation] = [solver.trainAccHistory[index], solver.valAccHistory[index]].map(percent);
  return `${when}: training accuracy ${training}, validation ${validation}`;
}

/**
 * The epoch of each measured accuracy: the Solver measures after the first step (shown as 0), after every epoch, and
 * where the time ran out.
 */
function accuracyEpochs({ epoch, iteration, iterationsPerEpoch, valAccHistory }: Solver): number[] {
  const epochs = Array.from({ length: epoch + 1 }, (_, i) => i).slice(iterationsPerEpoch === 1 ? 1 : 0);
  if (epochs.length < valAccHistory.length) epochs.push(iteration / iterationsPerEpoch);
  return epochs.slice(0, valAccHistory.length);
}
