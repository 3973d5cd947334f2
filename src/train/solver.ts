/**
 * Solver: trains a model by stochastic gradient descent. It draws batches, applies an update rule, measures accuracy
 * after every epoch, keeps the best parameters, and can stop at any step and go on later with the same bits.
 */

import { fetchSimdCode, simdCode } from '../kernels/arrival.ts';
import type { Labels } from '../layers/loss.ts';
import type { TrainableModel } from '../models/model.ts';
import { checkBoolean, checkNumber, checkOptions, describe } from '../runtime/check.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { accuracySteps, classCount, drain, type AccuracyPlan } from './accuracy.ts';
import { checkLearns, checkModel } from './check-model.ts';
import { Dataset } from './dataset.ts';
import type { Module } from '../nn/module.ts';
import { modelOf, partsOf } from './module-model.ts';
import { DivergenceError, findNonFinite } from './divergence.ts';
import { ExampleDraw } from './example-draw.ts';
import { Pacer } from '../runtime/pacer.ts';
import { checkUntrained, claimForTraining } from '../runtime/under-training.ts';
import {
  evaluationBatch, resolveAccuracyOptions, resolveOptions, resolveTrainOptions, settingsOf, type AccuracyOptions,
  type ResolvedOptions, type RestoreOptions, type SolverData, type SolverOptions, type StopReason, type TrainOptions,
} from './solver-options.ts';
import {
  contentsOf, decodeState, encodeState, loadSnapshot, loadSnapshots, takeSnapshot, type RunSettings, type Snapshot,
} from './solver-state.ts';
import { batchType, TrainingStep } from './training-step.ts';

const newestShare = 0.1; // of the newest step in the running average of step times

/** Trains a network: draws batches, applies an update rule, measures accuracy, keeps the weights that were best. */
export class Solver {
  readonly model: TrainableModel;
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
  /**
   * seconds spent in training steps; accuracy checks, checkpoints and pauses do not count. Time that preparing the
   * model took may be added before the first step, to count in timeBudget.
   */
  trainSeconds: number = 0;
  /** steps an epoch: examples left over at the end of an epoch's order are not used in that epoch */
  readonly iterationsPerEpoch: number;
  /** steps in all */
  readonly iterations: number;

  readonly #options: ResolvedOptions;
  readonly #train: Dataset;
  readonly #val: Dataset;
  readonly #classes: number;
  readonly #batchSize: number;
  readonly #step: TrainingStep;
  readonly #draw: ExampleDraw;
  /** what a checkpoint must have in common with the Solver that goes on from it */
  readonly #settings: RunSettings;
  #decay: number = 1;
  #lastCheck: number = 0;
  #best: Snapshot | null = null;
  /** the model as train() found it, for as long as there is no best */
  #first: Snapshot | null = null;
  #staleEpochs: number = 0;
  #warned: boolean = false;
  /** where training stands, while the model holds the best parameters instead */
  #latest: Snapshot | null = null;
  #secondsPerStep: number = 0;
  #lastLearningRate: number | undefined;

  /**
   * Prepares training; the model is not changed yet. A module's loss is cross-entropy: of scores, or of probabilities
   * where it ends in a Softmax. Throws TypeError or RangeError for anything wrong with the model, the data (counts that
   * differ, labels that the model has no class for, NaN or infinite values) or the options (unknown names, values out
   * of range). A model that does not say its numClasses is shown two validation examples to find it.
   */
  constructor(model: TrainableModel | Module, data: SolverData, options: SolverOptions = {}) {
    const fn = 'Solver';
    this.model = checkModel(fn, modelOf(model));
    if (typeof data !== 'object' || data === null) {
      throw new TypeError(`${fn}: data must be an object with XTrain, yTrain, XVal and yVal, got ${describe(data)}`);
    }
    this.#options = resolveOptions(fn, options);
    this.#train = new Dataset(fn, data.XTrain, data.yTrain, 'XTrain', 'yTrain');
    this.#val = new Dataset(fn, data.XVal, data.yVal, 'XVal', 'yVal');
    this.#classes = classCount(fn, this.model, this.#val, batchType(this.model));
    this.#train.checkClasses(fn, 'yTrain', this.#classes);
    this.#val.checkClasses(fn, 'yVal', this.#classes);
    const { batchSize, choice } = this.#options;
    this.#batchSize = choice === null ? Math.min(batchSize, this.#train.size) : batchSize;
    this.#draw = new ExampleDraw(this.#options, this.#train.size, this.#batchSize);
    this.iterationsPerEpoch = Math.max(1, Math.floor(this.#train.size / this.#batchSize));
    this.iterations = this.iterationsPerEpoch * this.#options.numEpochs;
    this.#settings = settingsOf(this.#options, this.#batchSize, this.#train.size);
    this.#step = new TrainingStep(this.model, this.#train, this.#options);
  }

  /**
   * Makes one update on the next batch and returns its loss. Measures no accuracy, prints nothing and goes on past the
   * last epoch if asked to. Throws TypeError where no parameter learns, DivergenceError when the loss is not finite
   * (option stopWhenDiverged), and then the parameters stay as they were.
   */
  step(): number {
    checkUntrained('Solver.step', partsOf(this.model));
    this.#returnToLatest();
    return this.#makeStep();
  }

  /**
   * Trains until the last epoch, the time limit, the signal, or what else StopReason names, and returns which it was.
   * However it ends, by an error too, the best parameters are in the model then; a later call goes on from where
   * training stood. Control returns to the event loop many times a second. Rejects with what went wrong: TypeError
   * where no parameter learns and while the model is trained already, DivergenceError when the loss, a score or a
   * parameter is no longer finite (option stopWhenDiverged), a checkpoint that could not be written, an error thrown by
   * a callback.
   */
  async train(options: TrainOptions = {}): Promise<StopReason> {
    const { timeLimit, signal } = resolveTrainOptions('Solver.train', options);
    const release = claimForTraining('Solver.train', partsOf(this.model));
    try {
      this.#returnToLatest();
      if (this.#best === null) this.#first ??= takeSnapshot(this.model);
      const reason = await this.#run(this.trainSeconds + timeLimit, signal);
      this.#first = null;
      return reason;
    } catch (error) {
      if (error instanceof DivergenceError) this.#show(this.#first);
      throw error;
    } finally {
      try {
        this.#show(this.#best);
      } finally {
        release();
      }
    }
  }

  async #run(end: number, signal: TrainOptions['signal']): Promise<StopReason> {
    if (simdCode() === null) await fetchSimdCode(); // so that all steps are computed alike
    const pacer = new Pacer();
    const { patience, timeBudget } = this.#options;
    for (;;) {
      const stop = this.#checkIsDue() ? await this.#measure(pacer, signal) : null;
      if (stop === 'aborted') break;
      if (this.iteration >= this.iterations) return 'finished';
      if (stop !== null) return stop;
      if (patience !== null && this.#staleEpochs >= patience) return 'patience';
      if (signal?.aborted) break;
      if (this.trainSeconds >= end || this.timeIsUp) {
        await this.#writeCheckpoint();
        if (this.#lastCheck !== this.iteration) await this.#measure(pacer, signal, false);
        return 'timeLimit';
      }
      const loss = this.#makeStep();
      this.#report(loss, Math.min(end, timeBudget));
      if (pacer.due) await pacer.pause();
    }
    if (this.iteration > 0) await this.#writeCheckpoint();
    return 'aborted';
  }

  #makeStep(): number {
    checkLearns('Solver', this.model);
    const started = performance.now();
    if (this.iteration === 0) this.#options.lookahead?.begin(this.model);
    const learningRate = this.#lastLearningRate = this.#learningRate();
    const batch = this.#draw.batch(this.epoch, this.iteration % this.iterationsPerEpoch);
    const loss = this.#step.run({ ...batch, epoch: this.epoch, iteration: this.iteration + 1, learningRate });
    this.lossHistory.push(loss);
    this.iteration++;
    this.#options.lookahead?.meet(this.model, this.iteration, Math.min(1, this.#position() / this.iterations));
    if (this.iteration % this.iterationsPerEpoch === 0) {
      this.epoch++;
      this.#decay *= this.#options.lrDecay;
    }
    const seconds = (performance.now() - started) / 1000;
    this.trainSeconds += seconds;
    this.#secondsPerStep += (this.#secondsPerStep === 0 ? 1 : newestShare) * (seconds - this.#secondsPerStep);
    return loss;
  }

  /** Steps made, or as many as the share of timeBudget that has gone by is worth, where that is more. */
  #position(): number {
    return Math.max(this.iteration, (this.trainSeconds / this.#options.timeBudget || 0) * this.iterations);
  }

  /** True where the next step might pass timeBudget, if it took twice as long as those before did on average. */
  get timeIsUp(): boolean {
    const margin = this.iteration === 0 ? 0 : 2 * this.trainSeconds / this.iteration;
    return this.trainSeconds + margin >= this.#options.timeBudget;
  }

  /** The learning rate of the next step. */
  #learningRate(): number | undefined {
    const { learningRate, schedule } = this.#options;
    if (learningRate === undefined) return undefined;
    const factor = schedule === null ? 1 : schedule(this.#position(), this.iterations);
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
    if (this.iteration === 0 || this.#lastCheck === this.iteration) return false;
    return this.iteration === 1 || this.iteration % this.iterationsPerEpoch === 0;
  }

  /**
   * Measures both accuracies (with lookahead, the slow weights'), notes the best parameters, keeps a checkpoint, tells
   * onEpoch. Returns why to stop, if so.
   */
  async #measure(
    pacer: Pacer, signal: TrainOptions['signal'], checkpoint: boolean = true,
  ): Promise<'aborted' | 'stopped' | null> {
    const { numTrainSamples, numValSamples, verbose, numEpochs, onEpoch, lookahead, rng } = this.#options;
    const drawnSoFar = rng.getState();
    this.#show(lookahead?.snapshot(this.model) ?? null);
    const accuracies: number[] = [];
    let finite = true;
    const diverged = (what: string): void => {
      finite = false;
      this.#diverged(what);
    };
    const bad = findNonFinite(contentsOf(this.model));
    if (bad !== null) diverged(bad);
    for (const [data, numSamples] of [[this.#train, numTrainSamples], [this.#val, numValSamples]] as const) {
      const steps = accuracySteps(this.model, data, this.#accuracyPlan(numSamples, evaluationBatch, diverged));
      let step = steps.next();
      while (!step.done) {
        if (pacer.due) await pacer.pause();
        if (signal?.aborted) {
          rng.setState(drawnSoFar); // it will be measured again
          return 'aborted';
        }
        step = steps.next();
      }
      accuracies.push(step.value);
    }
    const [trainAcc, valAcc] = accuracies;
    this.trainAccHistory.push(trainAcc);
    this.valAccHistory.push(valAcc);
    this.#lastCheck = this.iteration;
    const isBest = finite && (this.#best === null || valAcc > this.bestValAcc);
    if (isBest) {
      this.#best = takeSnapshot(this.model);
      this.#first = null;
      this.bestValAcc = valAcc;
      this.bestParams = this.#best.params;
      this.#staleEpochs = 0;
    } else if (this.iteration % this.iterationsPerEpoch === 0) {
      this.#staleEpochs++;
    }
    this.#returnToLatest();
    if (checkpoint) await this.#writeCheckpoint();
    if (verbose) {
      const figures = `train acc: ${trainAcc.toFixed(6)}; val_acc: ${valAcc.toFixed(6)}`;
      console.log(`(Epoch ${this.epoch} / ${numEpochs}) ${figures}`);
    }
    const { epoch, iteration, bestValAcc, trainSeconds } = this;
    const report = { epoch, numEpochs, iteration, trainAcc, valAcc, isBest, bestValAcc, trainSeconds };
    return (await onEpoch?.(report)) === false ? 'stopped' : null;
  }

  /** Throws, unless training is to go on all the same. */
  #diverged(what: string): void {
    if (this.#options.stopWhenDiverged) throw new DivergenceError(what, this.iteration, this.#lastLearningRate);
  }

  /**
   * The share, 0 to 1, of the examples X (N, ...) that the model as it stands classifies as y (N) says; of a random
   * sample of them when numSamples is given, which depends on the number of steps made only and does not change the
   * training (but comes from its stream with draw 'choice'). Throws TypeError or RangeError for unusable arguments, and
   * labels that the model has no class for, DivergenceError for scores that are not finite (option stopWhenDiverged).
   */
  checkAccuracy(X: Tensor, y: Labels, options: AccuracyOptions = {}): number {
    const fn = 'checkAccuracy';
    const { numSamples, batchSize } = resolveAccuracyOptions(fn, options);
    const data = new Dataset(fn, X, y);
    data.checkClasses(fn, 'y', this.#classes);
    const plan = this.#accuracyPlan(numSamples, batchSize, (what) => { this.#diverged(what); });
    return drain(accuracySteps(this.model, data, plan));
  }

  #accuracyPlan(numSamples: number | null, batchSize: number, diverged: (what: string) => void): AccuracyPlan {
    return { numSamples, batchSize, type: batchType(this.model), draw: this.#draw, step: this.iteration, diverged };
  }

  /**
   * Everything that going on needs, as a safetensors file: parameters, the rule's state, the model's running averages
   * and generators, the order of examples and the place in it, the generator, histories, the best parameters; and a
   * checksum, by which `restore` knows a file that was altered.
   * Throws TypeError when a custom rule's or the model's state holds something that is neither tensor nor plain data,
   * and DivergenceError when parameters or the model's tensors hold NaN or infinity: no run could go on from these.
   */
  checkpoint(): ReturnType<typeof encodeState> {
    const { iteration, epoch, trainSeconds, lossHistory, trainAccHistory, valAccHistory, bestValAcc } = this;
    const model = this.#latest ?? contentsOf(this.model);
    const bad = findNonFinite(model);
    if (bad !== null) throw new DivergenceError(bad, iteration, this.#lastLearningRate);
    return encodeState('Solver.checkpoint', {
      settings: this.#settings,
      iteration, epoch, trainSeconds, lossHistory, trainAccHistory, valAccHistory, bestValAcc,
      decay: this.#decay, lastCheck: this.#lastCheck, staleEpochs: this.#staleEpochs,
      rng: this.#options.rng.getState(), order: this.#draw.order, orderEpoch: this.#draw.orderEpoch,
      model, best: this.#best, optimizer: this.#step.optimizer.state(),
      lookahead: this.#options.lookahead?.state() ?? null,
    }, this.#options.checkpointMetadata);
  }

  /**
   * Goes on from a checkpoint, which must come from a Solver with the same rule and settings, batch size, number of
   * training examples and kind of generator, and a model with the same parameters; more epochs are allowed. The run
   * then ends with the same bits as one that never stopped, provided that transform draws only from its generator.
   * With `changedSettings`, optimConfig and lrDecay may be others, such as a lower rate after training diverged.
   * Throws TypeError or RangeError, and changes nothing, for a file that was altered and for one that does not fit.
   */
  restore(bytes: Uint8Array, options: RestoreOptions = {}): void {
    const fn = 'Solver.restore';
    checkOptions(fn, options, ['changedSettings']);
    const changed = checkBoolean(fn, 'changedSettings', options.changedSettings ?? false);
    checkUntrained(fn, partsOf(this.model));
    const { model } = this;
    const { rng, lookahead } = this.#options;
    const { optimConfig, lrDecay, ...fixed } = this.#settings;
    const settings = changed ? fixed : { ...fixed, optimConfig, lrDecay };
    const saved = decodeState(fn, bytes, model, settings, this.#train.size);
    this.#step.optimizer.checkState(fn, saved.optimizer, model, saved.iteration);
    lookahead?.checkState(fn, saved.lookahead, model);
    const rngBefore = rng.getState();
    rng.setState(saved.rng);
    try {
      this.#step.optimizer.own(model);
      loadSnapshots(model, saved.best, saved.model);
    } catch (error) {
      rng.setState(rngBefore);
      throw error;
    }
    this.#step.optimizer.loadState(saved.optimizer, changed);
    lookahead?.loadState(saved.lookahead);
    const { iteration, epoch, trainSeconds, lossHistory, trainAccHistory, valAccHistory, bestValAcc } = saved;
    Object.assign(this, { iteration, epoch, trainSeconds, lossHistory, trainAccHistory, valAccHistory, bestValAcc });
    this.bestParams = saved.best?.params ?? {};
    this.#best = saved.best;
    this.#first = this.#latest = null;
    this.#draw.resume(saved);
    this.#decay = saved.decay;
    this.#lastCheck = saved.lastCheck;
    this.#staleEpochs = saved.staleEpochs;
    this.#secondsPerStep = 0;
  }

  async #writeCheckpoint(): Promise<void> {
    const { checkpointName, checkpointStore } = this.#options;
    if (checkpointName === null) return;
    let bytes: Uint8Array;
    try {
      bytes = this.checkpoint();
    } catch (error) {
      if (!(error instanceof DivergenceError) || this.#options.stopWhenDiverged) throw error;
      if (!this.#warned) console.warn(`no checkpoint is kept from here on: ${error.message}`);
      this.#warned = true;
      return;
    }
    await checkpointStore?.write(checkpointName, bytes);
  }

  /** Puts other parameters into the model while training rests, and keeps the latest, with which it goes on. */
  #show(snapshot: Snapshot | null): void {
    if (snapshot === null) return;
    this.#latest ??= takeSnapshot(this.model);
    loadSnapshot(this.model, snapshot);
  }

  #returnToLatest(): void {
    if (this.#latest === null) return;
    loadSnapshot(this.model, this.#latest);
    this.#latest = null;
  }
}
