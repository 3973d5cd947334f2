/**
 * Solver: trains a model by stochastic gradient descent. It draws batches, applies an update rule, measures accuracy
 * after every epoch, keeps the best parameters, and can stop at any step and go on later with the same bits.
 */

import type { Labels } from '../layers/loss.ts';
import { checkInteger, checkNumber, checkOptions, describe } from '../runtime/check.ts';
import { checkTensor } from '../tensor/check.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { accuracySteps, drain, type AccuracyPlan } from './accuracy.ts';
import { Dataset } from './dataset.ts';
import type { SolverModel } from './model.ts';
import { Pacer } from './pacer.ts';
import { checkSamples, resolveOptions, type ResolvedOptions, type SolverOptions } from './solver-options.ts';
import {
  decodeState, encodeState, loadSnapshot, takeSnapshot, type RunSettings, type Snapshot,
} from './solver-state.ts';
import { batchType, TrainingStep } from './training-step.ts';

/** Training and validation examples; further entries are ignored, so that what getCifar10Data returns can be passed. */
export interface SolverData {
  /** (N, ...) in any element type; batches are converted to the type of the parameters */
  XTrain: Tensor;
  yTrain: Labels;
  XVal: Tensor;
  yVal: Labels;
}

export interface TrainOptions {
  /** stop once this many seconds of this call have been spent in training steps */
  timeLimit?: number;
  /** stop after the step under way, with a checkpoint if one is kept */
  signal?: AbortSignal;
}

/** Why train() returned. */
export type StopReason = 'finished' | 'timeLimit' | 'aborted';

export interface AccuracyOptions {
  /** examples to draw at random; null (default) for all */
  numSamples?: number | null;
  /** examples to classify at a time; 100 by default */
  batchSize?: number;
}

/** The share of the newest step in the running average of step times. */
const newestShare = 0.1;

/** Examples classified at a time unless the caller says otherwise. */
const evaluationBatch = 100;

export class Solver {
  readonly model: SolverModel;
  /** the loss of every step */
  lossHistory: number[] = [];
  /** accuracy, 0 to 1, on training examples: after the first step and after every epoch */
  trainAccHistory: number[] = [];
  /** the same on the validation examples */
  valAccHistory: number[] = [];
  /** the highest validation accuracy so far */
  bestValAcc: number = 0;
  /** copies of the parameters that reached it; empty before accuracy was first measured */
  bestParams: Record<string, Tensor> = {};
  /** epochs finished */
  epoch: number = 0;
  /** steps made */
  iteration: number = 0;
  /** seconds spent in training steps; accuracy checks, checkpoints and pauses do not count */
  trainSeconds: number = 0;
  /** steps an epoch: examples left over at the end of an epoch's order are not used in that epoch */
  readonly iterationsPerEpoch: number;
  /** steps in all */
  readonly iterations: number;

  readonly #options: ResolvedOptions;
  readonly #train: Dataset;
  readonly #val: Dataset;
  readonly #batchSize: number;
  readonly #step: TrainingStep;
  #order: Tensor | null = null;
  #orderEpoch: number = -1;
  #decay: number = 1;
  #lastCheck: number = 0;
  #best: Snapshot | null = null;
  /** where training stands, while the model holds the best parameters instead */
  #latest: Snapshot | null = null;
  #secondsPerStep: number = 0;
  #lastLearningRate: number | undefined;
  #running: boolean = false;

  /**
   * Prepares training; the model is not changed yet. Throws TypeError or RangeError for anything wrong with the model,
   * the data (counts that differ, labels that are no classes, NaN or infinite values) or the options (unknown names,
   * values out of range).
   */
  constructor(model: SolverModel, data: SolverData, options: SolverOptions = {}) {
    const fn = 'Solver';
    checkModel(fn, model);
    if (typeof data !== 'object' || data === null) {
      throw new TypeError(`${fn}: data must be an object with XTrain, yTrain, XVal and yVal, got ${describe(data)}`);
    }
    this.#options = resolveOptions(fn, options);
    this.#train = new Dataset(fn, data.XTrain, data.yTrain, 'XTrain', 'yTrain');
    this.#val = new Dataset(fn, data.XVal, data.yVal, 'XVal', 'yVal');
    this.model = model;
    this.#batchSize = Math.min(this.#options.batchSize, this.#train.size);
    this.iterationsPerEpoch = Math.floor(this.#train.size / this.#batchSize);
    this.iterations = this.iterationsPerEpoch * this.#options.numEpochs;
    this.#step = new TrainingStep(model, this.#train, this.#options);
  }

  /**
   * Makes one update on the next batch and returns its loss. Measures no accuracy, prints nothing and goes on past the
   * last epoch if asked to. Throws Error when the loss is not finite (option stopWhenDiverged), and then the parameters
   * stay as they were.
   */
  step(): number {
    this.#checkIdle('step');
    this.#returnToLatest();
    return this.#makeStep();
  }

  /**
   * Trains until the last epoch, the time limit or the signal, and puts the best parameters into the model. A later
   * call goes on from where training stood. Control returns to the event loop many times a second.
   * Returns why it stopped. Rejects with what went wrong: a diverged loss (see `step`), a checkpoint that could not be
   * written, an error thrown by a callback.
   */
  async train(options: TrainOptions = {}): Promise<StopReason> {
    const fn = 'Solver.train';
    checkOptions(fn, options, ['timeLimit', 'signal']);
    const { timeLimit = Infinity, signal } = options;
    if (timeLimit !== Infinity) checkNumber(fn, 'timeLimit', timeLimit, 0);
    if (signal !== undefined && typeof signal?.aborted !== 'boolean') {
      throw new TypeError(`${fn}: signal must be an AbortSignal, got ${describe(signal)}`);
    }
    this.#checkIdle('train');
    this.#running = true;
    try {
      this.#returnToLatest();
      const reason = await this.#run(this.trainSeconds + timeLimit, signal);
      this.#showBest();
      return reason;
    } finally {
      this.#running = false;
    }
  }

  async #run(endSeconds: number, signal: AbortSignal | undefined): Promise<StopReason> {
    const pacer = new Pacer();
    for (;;) {
      if (this.#checkIsDue() && !(await this.#measure(pacer, signal))) break;
      if (this.iteration >= this.iterations) return 'finished';
      if (signal?.aborted) break;
      if (this.trainSeconds >= endSeconds) {
        await this.#writeCheckpoint();
        if (this.#lastCheck !== this.iteration) await this.#measure(pacer, signal, false);
        return 'timeLimit';
      }
      const loss = this.#makeStep();
      this.#report(loss, endSeconds);
      if (pacer.due) await pacer.pause();
    }
    if (this.iteration > 0) await this.#writeCheckpoint();
    return 'aborted';
  }

  #makeStep(): number {
    const started = performance.now();
    if (this.#order === null || this.#orderEpoch !== this.epoch) {
      this.#order = this.#options.rng.permutation(this.#train.size);
      this.#orderEpoch = this.epoch;
    }
    const learningRate = this.#learningRate();
    const loss = this.#step.run({
      order: this.#order.data,
      start: (this.iteration % this.iterationsPerEpoch) * this.#batchSize,
      count: this.#batchSize,
      iteration: this.iteration + 1,
      learningRate,
    });
    this.#lastLearningRate = learningRate;
    this.lossHistory.push(loss);
    this.iteration++;
    if (this.iteration % this.iterationsPerEpoch === 0) {
      this.epoch++;
      this.#decay *= this.#options.lrDecay;
    }
    const seconds = (performance.now() - started) / 1000;
    this.trainSeconds += seconds;
    this.#secondsPerStep += (this.#secondsPerStep === 0 ? 1 : newestShare) * (seconds - this.#secondsPerStep);
    return loss;
  }

  /** The learning rate of the next step. */
  #learningRate(): number | undefined {
    const { learningRate, schedule } = this.#options;
    if (learningRate === undefined) return undefined;
    const factor = schedule === null ? 1 : schedule(this.iteration, this.iterations);
    return learningRate * this.#decay * checkNumber('Solver', 'the value of schedule', factor, 0);
  }

  #report(loss: number, endSeconds: number): void {
    const { verbose, printEvery, onProgress, numEpochs } = this.#options;
    if (verbose && (this.iteration - 1) % printEvery === 0) {
      console.log(`(Iteration ${this.iteration} / ${this.iterations}) loss: ${loss.toFixed(6)}`);
    }
    onProgress?.({
      iteration: this.iteration, iterations: this.iterations, epoch: this.epoch, numEpochs, loss,
      learningRate: this.#lastLearningRate,
      imagesPerSecond: this.#batchSize / this.#secondsPerStep,
      secondsLeft: Math.min((this.iterations - this.iteration) * this.#secondsPerStep, endSeconds - this.trainSeconds),
      trainSeconds: this.trainSeconds, trainAcc: this.trainAccHistory.at(-1), valAcc: this.valAccHistory.at(-1),
    });
  }

  /** True after the first step and after every epoch, until accuracy has been measured there. */
  #checkIsDue(): boolean {
    const due = this.iteration === 1 || (this.iteration > 0 && this.iteration % this.iterationsPerEpoch === 0);
    return due && this.#lastCheck !== this.iteration;
  }

  /** Measures both accuracies, notes the best parameters, keeps a checkpoint. False when the signal came first. */
  async #measure(pacer: Pacer, signal: AbortSignal | undefined, checkpoint: boolean = true): Promise<boolean> {
    const { numTrainSamples, numValSamples, verbose, numEpochs } = this.#options;
    const accuracies: number[] = [];
    for (const [data, numSamples] of [[this.#train, numTrainSamples], [this.#val, numValSamples]] as const) {
      const steps = accuracySteps(this.model, data, this.#accuracyPlan(numSamples, evaluationBatch));
      let step = steps.next();
      while (!step.done) {
        if (pacer.due) await pacer.pause();
        if (signal?.aborted) return false;
        step = steps.next();
      }
      accuracies.push(step.value);
    }
    const [trainAcc, valAcc] = accuracies;
    this.trainAccHistory.push(trainAcc);
    this.valAccHistory.push(valAcc);
    this.#lastCheck = this.iteration;
    if (this.#best === null || valAcc > this.bestValAcc) {
      this.#best = takeSnapshot(this.model);
      this.bestValAcc = valAcc;
      this.bestParams = this.#best.params;
    }
    if (checkpoint) await this.#writeCheckpoint();
    if (verbose) {
      const figures = `train acc: ${trainAcc.toFixed(6)}; val_acc: ${valAcc.toFixed(6)}`;
      console.log(`(Epoch ${this.epoch} / ${numEpochs}) ${figures}`);
    }
    return true;
  }

  /**
   * The share, 0 to 1, of the examples X (N, ...) that the model as it stands classifies as y (N) says; of a random
   * sample of them when numSamples is given. The sample depends on the number of steps made and nothing else, and
   * drawing it does not change the training. Throws TypeError or RangeError for unusable arguments.
   */
  checkAccuracy(X: Tensor, y: Labels, options: AccuracyOptions = {}): number {
    const fn = 'checkAccuracy';
    checkOptions(fn, options, ['numSamples', 'batchSize']);
    const numSamples = checkSamples(fn, 'numSamples', options.numSamples, null);
    const batchSize = checkInteger(fn, 'batchSize', options.batchSize ?? evaluationBatch, 1);
    return drain(accuracySteps(this.model, new Dataset(fn, X, y), this.#accuracyPlan(numSamples, batchSize)));
  }

  #accuracyPlan(numSamples: number | null, batchSize: number): AccuracyPlan {
    return { numSamples, batchSize, type: batchType(this.model), seed: this.iteration };
  }

  /**
   * Everything that going on needs, as a safetensors file: parameters, the rule's state, the model's running averages
   * and generators, the order of examples and the place in it, the generator, histories, the best parameters.
   * Throws TypeError when a custom rule's or the model's state holds something that is neither tensor nor plain data.
   */
  checkpoint(): Uint8Array<ArrayBuffer> {
    const { iteration, epoch, trainSeconds, lossHistory, trainAccHistory, valAccHistory, bestValAcc } = this;
    return encodeState('Solver.checkpoint', {
      settings: this.#settings(),
      iteration, epoch, trainSeconds, lossHistory, trainAccHistory, valAccHistory, bestValAcc,
      decay: this.#decay, lastCheck: this.#lastCheck,
      rng: this.#options.rng.getState(), order: this.#order, orderEpoch: this.#orderEpoch,
      model: this.#latest ?? { params: this.model.params, state: this.model.state?.() ?? null },
      best: this.#best, optimizer: this.#step.optimizer.state(),
    });
  }

  /**
   * Goes on from a checkpoint, which must come from a Solver with the same rule and settings, batch size, number of
   * training examples and kind of generator, and a model with the same parameters; more epochs are allowed. The run
   * then ends with the same bits as one that never stopped, provided that transform draws only from its generator.
   * Throws TypeError or RangeError, and changes nothing, for a damaged file and for one that does not fit.
   */
  restore(bytes: Uint8Array): void {
    const fn = 'Solver.restore';
    this.#checkIdle('restore');
    const { rng } = this.#options;
    const { model } = this;
    const saved = decodeState(fn, bytes, model, this.#settings(), this.#train.size);
    this.#step.optimizer.checkState(fn, saved.optimizer, model);
    const rngBefore = rng.getState();
    rng.setState(saved.rng);
    try {
      this.#step.optimizer.own(model);
      loadSnapshot(model, saved.model);
    } catch (error) {
      rng.setState(rngBefore);
      throw error;
    }
    this.#step.optimizer.loadState(saved.optimizer);
    this.iteration = saved.iteration;
    this.epoch = saved.epoch;
    this.trainSeconds = saved.trainSeconds;
    this.lossHistory = saved.lossHistory;
    this.trainAccHistory = saved.trainAccHistory;
    this.valAccHistory = saved.valAccHistory;
    this.bestValAcc = saved.bestValAcc;
    this.bestParams = saved.best?.params ?? {};
    this.#best = saved.best;
    this.#latest = null;
    this.#order = saved.order;
    this.#orderEpoch = saved.orderEpoch;
    this.#decay = saved.decay;
    this.#lastCheck = saved.lastCheck;
  }

  /** What a checkpoint must have in common with the Solver that goes on from it. */
  #settings(): RunSettings {
    const { ruleName, optimConfig, lrDecay } = this.#options;
    return {
      updateRule: ruleName,
      optimConfig: optimConfig as RunSettings,
      lrDecay,
      batchSize: this.#batchSize,
      trainingExamples: this.#train.size,
    };
  }

  async #writeCheckpoint(): Promise<void> {
    const { checkpointName, checkpointStore } = this.#options;
    if (checkpointName !== null) await checkpointStore?.write(checkpointName, this.checkpoint());
  }

  /** Puts the best parameters into the model and keeps the latest, with which training goes on. */
  #showBest(): void {
    if (this.#best === null) return;
    this.#latest = takeSnapshot(this.model);
    loadSnapshot(this.model, this.#best);
  }

  #returnToLatest(): void {
    if (this.#latest === null) return;
    loadSnapshot(this.model, this.#latest);
    this.#latest = null;
  }

  #checkIdle(method: string): void {
    if (this.#running) throw new Error(`Solver.${method}: train() is under way; await it, or stop it with its signal`);
  }
}

function checkModel(fn: string, model: unknown): void {
  if (typeof model !== 'object' || model === null || typeof (model as SolverModel).loss !== 'function') {
    throw new TypeError(`${fn}: model must have params and loss(X, y), got ${describe(model)}`);
  }
  const { params, state, loadState } = model as SolverModel;
  if (typeof params !== 'object' || params === null || Object.keys(params).length === 0) {
    throw new TypeError(`${fn}: model.params must be an object of tensors, got ${describe(params)}`);
  }
  for (const [name, parameter] of Object.entries(params)) {
    const { dtype } = checkTensor(fn, `model.params.${name}`, parameter);
    if (dtype !== 'float32' && dtype !== 'float64') {
      throw new TypeError(`${fn}: model.params.${name} must be float32 or float64, got ${dtype}`);
    }
  }
  if ((typeof state === 'function') !== (typeof loadState === 'function')) {
    throw new TypeError(`${fn}: model must have both of state() and loadState(), or neither`);
  }
}
