/**
 * Training of a compiled network. Each step (batch, forward, loss, way back, update) shares the memory of one step;
 * between steps the event loop gets its turn.
 */

import { leavesOf } from '../autograd/tape.ts';
import type { Variable } from '../autograd/variable.ts';
import { fetchSimdCode, simdCode } from '../kernels/arrival.ts';
import { inStep } from '../kernels/memory/allocate.ts';
import type { Labels } from '../layers/loss.ts';
import { undoneOnError } from '../layers/undo.ts';
import {
  checkBoolean, checkFunction, checkInteger, checkNumber, checkOptions, checkRecord, checkString, describe,
} from '../runtime/check.ts';
import { Pacer } from '../runtime/pacer.ts';
import { showAs } from '../runtime/text.ts';
import { claimForTraining } from '../runtime/under-training.ts';
import { shapeText } from '../tensor/check.ts';
import { checkRandomSource, type RandomSource } from '../tensor/random/source.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { DataLoader, type Inputs, mapInputs, someExamples } from './data-loader.ts';
import { defaultRng } from './defaults.ts';
import type { Callbacks, EpochReport, FitOptions, FitState, History } from './fit-options.ts';
import { checkFitState } from './fit-state.ts';
import { clipGradNorm } from './gradients.ts';
import { BatchNorm1d, BatchNorm2d } from './layers/norm.ts';
import { Mean, type Metric, resultsOf, startPass } from './metrics.ts';
import { inputsOf, type Module } from './module.ts';
import { toTensorLabels } from './targets.ts';
import { checkLoss } from './compiled.ts';
import type { Compiled, Figures } from './compiled.ts';

/** What `fit` trains: a module that was compiled. */
export interface CompiledModule extends Module {
  compiled(fn: string): Compiled;
  evaluate(x: Inputs, y: Labels): Figures;
}

/** Trains net; the body of Trainable.fit. */
export async function fit<X extends Inputs>(
  net: CompiledModule, x: X, y: Labels, options: FitOptions<X>,
): Promise<History> {
  const fn = `${net.constructor.name}.fit`;
  const release = claimForTraining(fn, [net, ...net.parameters().filter(({ requiresGrad }) => requiresGrad)]);
  try {
    const run = new Run(fn, net, x, y, options);
    try {
      return await run.train();
    } finally {
      run.finish();
    }
  } finally {
    release();
  }
}

class Run<X extends Inputs> {
  readonly #fn: string;
  readonly #net: CompiledModule;
  readonly #options: FitOptions<X>;
  readonly #epochs: number;
  readonly #loader: DataLoader<X>;
  readonly #generators: readonly RandomSource[];
  readonly #validation: readonly [X, Labels] | null;
  /** the figure by which an epoch is the best */
  readonly #monitor: string;
  readonly #callbacks: readonly Callbacks[];
  readonly #history: { figures: Record<string, number[]>; lossHistory: number[] } = { figures: {}, lossHistory: [] };
  /** the groups' learning rates without the schedule */
  readonly #rates: number[];
  /** what they are multiplied with now */
  #factor: number = 1;
  /** what a step may leave gradients in: the network's parameters and the optimiser's, looked up every epoch */
  #gradients: ReadonlySet<Variable> = new Set();
  /** whether the weights are others than those of the best epoch */
  #moved: boolean = false;
  #best: FitState['best'] = null;
  #state: FitState;
  #epoch: number = 0;
  readonly #started: number = performance.now();

  constructor(fn: string, net: CompiledModule, x: X, y: Labels, options: FitOptions<X>) {
    checkOptions(fn, options, [
      'epochs', 'batchSize', 'validation', 'shuffle', 'rng', 'augment', 'schedule', 'callbacks', 'patience', 'monitor',
      'restoreBest', 'signal', 'timeLimit', 'verbose', 'clipNorm', 'resume',
    ]);
    this.#fn = fn;
    this.#net = net;
    this.#options = options;
    this.#epochs = checkInteger(fn, 'epochs', options.epochs ?? 1, 0);
    if (options.clipNorm !== undefined && checkNumber(fn, 'clipNorm', options.clipNorm) <= 0) {
      throw new RangeError(`${fn}: clipNorm must be positive, got ${options.clipNorm}`);
    }
    if (options.patience !== undefined) checkInteger(fn, 'patience', options.patience, 1);
    if (options.timeLimit !== undefined) checkNumber(fn, 'timeLimit', options.timeLimit, 0);
    const { signal, callbacks = [] } = options;
    if (signal !== undefined && typeof signal?.aborted !== 'boolean') {
      throw new TypeError(`${fn}: signal must be an AbortSignal, got ${describe(signal)}`);
    }
    if (options.monitor !== undefined) checkString(fn, 'monitor', options.monitor);
    if (options.schedule !== undefined) checkFunction(fn, 'schedule', options.schedule);
    this.#callbacks = (Array.isArray(callbacks) ? callbacks : [callbacks]) as readonly Callbacks[];
    this.#callbacks.forEach((each, i) => {
      checkRecord(fn, `callbacks[${i}]`, each);
      for (const name of ['onStep', 'onEpoch'] as const) {
        if (each[name] !== undefined) checkFunction(fn, `callbacks[${i}].${name}`, each[name]);
      }
    });
    for (const name of ['restoreBest', 'verbose'] as const) {
      if (options[name] !== undefined) checkBoolean(fn, name, options[name]);
    }
    const { optimizer, metrics } = net.compiled('fit');
    this.#rates = optimizer.groups.map(({ lr }) => lr);
    const { batchSize = 32, shuffle = true, augment } = options;
    const rng = checkRandomSource(fn, 'rng', options.rng ?? defaultRng());
    checkBoolean(fn, 'shuffle', shuffle);
    const [indices, validation] = splitOff(fn, x, y, options.validation);
    const joinLast = net.modules().some((module) => module instanceof BatchNorm1d || module instanceof BatchNorm2d);
    this.#loader = new DataLoader(x, y, { batchSize, shuffle, rng, augment, indices, joinLast }, fn);
    this.#validation = validation;
    if (validation !== null) measureEnds(fn, net, validation);
    const trained = ['loss', ...metrics.map(({ name }) => name)];
    const names = validation === null ? trained : [...trained, ...trained.map(validationName)];
    this.#monitor = options.monitor ?? ['valAccuracy', 'valLoss', 'loss'].find((name) => names.includes(name))!;
    if (!names.includes(this.#monitor)) {
      throw new RangeError(`${fn}: monitor must be one of ${names.join(', ')}, got ${describe(options.monitor)}`);
    }
    this.#generators = [rng, ...net.modules().flatMap((module) => module.generators())];
    if (options.resume !== undefined) this.#resume(options.resume);
    this.#state = this.#snapshot();
  }

  /** Takes up what was done to the groups' learning rates between steps: the schedule goes on from there. */
  #readRates(): void {
    this.#net.compiled('fit').optimizer.groups.forEach(({ lr }, i) => {
      if (lr !== this.#rates[i] * this.#factor) this.#rates[i] = this.#factor === 0 ? lr : lr / this.#factor;
    });
  }

  /** Where the training stands, copied. */
  #snapshot(): FitState {
    this.#readRates();
    const { optimizer } = this.#net.compiled('fit');
    const { state, groups } = optimizer.stateDict();
    const { figures, lossHistory } = this.#history;
    const snapshot: FitState = {
      epoch: this.#epoch, weights: this.#net.stateDict(), best: this.#best, lossHistory: [...lossHistory],
      optimizer: { state, groups: groups.map((group, i) => ({ ...group, lr: this.#rates[i] })) },
      generators: this.#generators.map((generator) => generator.getState()),
      figures: Object.fromEntries(Object.entries(figures).map(([name, values]) => [name, [...values]])),
    };
    showAs(snapshot, ({ epoch }) => `[after epoch ${epoch}]`); // or the figures drown in weights
    return snapshot;
  }

  /** Takes up what an earlier training left. Throws, and changes nothing, as the loading of its parts does. */
  #resume(state: FitState): void {
    checkFitState(`${this.#fn}: resume`, state, {
      epochs: this.#epochs, steps: this.#loader.length, generators: this.#generators.length,
    });
    const before = this.#snapshot();
    try {
      this.#load(state);
    } catch (error) {
      this.#load(before);
      throw error;
    }
    this.#epoch = this.#loader._passes = state.epoch;
    this.#best = state.best;
    this.#moved = state.best !== null && state.best.epoch !== state.epoch;
    this.#history.lossHistory.push(...state.lossHistory as number[]);
    for (const [name, values] of Object.entries(state.figures)) this.#history.figures[name] = [...values];
  }

  #load({ weights, optimizer, generators, best }: FitState): void {
    if (best !== null) this.#net.loadStateDict(best.state); // whether it fits must be known now, not at the end
    this.#net.loadStateDict(weights);
    this.#net.compiled('fit').optimizer.loadStateDict(optimizer as never);
    generators.forEach((generator, i) => this.#generators[i].setState(generator));
  }

  async train(): Promise<History> {
    if (simdCode() === null) await fetchSimdCode(); // so that all steps are computed alike
    const pacer = new Pacer();
    let stopped: History['stopped'] | null = this.#interrupted();
    while (stopped === null && this.#epoch < this.#epochs) {
      const loss = new Mean();
      const pass = startPass(this.#fn, this.#net.compiled('fit').metrics);
      try {
        for (const [inputs, targets] of this.#loader) {
          loss.add(this.#step(inputs, targets, pass.metrics), targets.shape[0]);
          if (pacer.due) await pacer.pause();
          stopped = this.#interrupted();
          if (stopped !== null) break;
        }
      } finally {
        pass.end();
      }
      if (stopped === null) stopped = await this.#endEpoch({ loss: loss.result(), ...resultsOf(pass.metrics) });
    }
    return {
      ...this.#history, epochs: this.#epoch, bestEpoch: this.#best?.epoch ?? this.#epoch, stopped: stopped ?? 'finished',
      state: this.#state,
    };
  }

  /** Takes the schedule off the rates, and puts the best weights where they are wanted: whatever ended the training. */
  finish(): void {
    this.#readRates();
    const { optimizer } = this.#net.compiled('fit');
    optimizer.groups.forEach((group, i) => { group.lr = this.#rates[i]; });
    const wanted = this.#options.restoreBest ?? this.#validation !== null;
    if (wanted && this.#best !== null && this.#moved) this.#net.loadStateDict(this.#best.state);
  }

  #step(inputs: X, targets: Tensor, metrics: readonly Metric[]): number {
    const { loss, optimizer } = this.#net.compiled('fit');
    const iteration = this.#history.lossHistory.length;
    const iterations = this.#loader.length * this.#epochs;
    const { schedule, clipNorm } = this.#options;
    if (schedule !== undefined) {
      const factor = checkNumber(this.#fn, 'the value of schedule', schedule(iteration, iterations), 0);
      this.#readRates();
      this.#factor = factor;
      optimizer.groups.forEach((group, i) => { group.lr = this.#rates[i] * factor; });
    }
    const isFirst = iteration % this.#loader.length === 0; // callbacks may have changed layers
    if (isFirst) {
      this.#gradients = new Set([...this.#net.parameters(), ...optimizer.groups.flatMap(({ params }) => params)]);
    }
    const value = undoneOnError(() => inStep(() => {
      this.#net.train();
      this.#zeroGrad();
      const out = this.#net.forward(...inputsOf(this.#net, inputs));
      const result = checkLoss(this.#fn, loss(out, targets));
      if (!Number.isFinite(result.item())) {
        throw new Error(
          `${this.#fn}: the loss became ${result.item()} at step ${iteration + 1}: training diverged; ` +
          'a lower learning rate may help',
        );
      }
      if (isFirst) this.#checkRegistered(result);
      for (const metric of metrics) metric.update(out.value, targets);
      try {
        result.backward();
        if (clipNorm !== undefined) clipGradNorm(this.#net.parameters(), clipNorm);
        this.#moved = true;
        optimizer.step();
      } finally {
        this.#zeroGrad();
      }
      return result.item();
    }));
    this.#history.lossHistory.push(value);
    for (const { onStep } of this.#callbacks) onStep?.({ iteration: iteration + 1, iterations, loss: value });
    return value;
  }

  /** Forgets all gradients, which lie in the step's memory: also of parameters that the optimiser was not given. */
  #zeroGrad(): void {
    for (const parameter of this.#gradients) parameter.zeroGrad();
  }

  /** Throws TypeError where nothing learns, and for a parameter that the loss needs and that nobody would update. */
  #checkRegistered(loss: Variable): void {
    if (loss.node === null) {
      throw new TypeError(`${this.#fn}: the loss depends on no parameter that learns; freeze(false) lets frozen ones learn`);
    }
    const { optimizer: { groups }, offered } = this.#net.compiled('fit');
    const named = new Map<unknown, string>(this.#net.namedParameters().map(([name, parameter]) => [parameter, name]));
    const updated = new Set<unknown>(groups.flatMap(({ params }) => params));
    for (const [leaf, user] of leavesOf(loss.node)) {
      if (updated.has(leaf) || offered.has(leaf)) continue;
      const name = named.get(leaf);
      if (name !== undefined) {
        throw new TypeError(
          `${this.#fn}: the optimiser has no parameter ${name}, which was not there or frozen when compile was called; ` +
          'call compile again',
        );
      }
      throw new TypeError(
        `${this.#fn}: a parameter of shape ${shapeText(leaf.value.shape)} that ${user} uses is none of the network's nor of ` +
        'the optimiser\'s; keep its layer in a field whose name does not begin with # or _',
      );
    }
  }

  async #endEpoch(trained: Figures): Promise<History['stopped'] | null> {
    this.#epoch++;
    const figures: Figures = { ...trained };
    if (this.#validation !== null) {
      const [x, y] = this.#validation;
      for (const [name, value] of Object.entries(this.#net.evaluate(x, y))) {
        figures[validationName(name)] = value;
      }
    }
    for (const [name, value] of Object.entries(figures)) (this.#history.figures[name] ??= []).push(value);
    const isBest = this.#noteBest(figures);
    if (this.#options.verbose === true) {
      const text = Object.entries(figures).map(([name, value]) => `${name}: ${value.toFixed(4)}`).join(' - ');
      console.log(`Epoch ${this.#epoch}/${this.#epochs} - ${text}`);
    }
    let after: FitState | null = null;
    const snapshot = (): FitState => after ?? this.#snapshot();
    const report: EpochReport = {
      epoch: this.#epoch, epochs: this.#epochs, figures, isBest,
      get state() { return snapshot(); }, // with what callbacks have changed so far, such as learning rates
    };
    let goOn = true;
    for (const { onEpoch } of this.#callbacks) if (await onEpoch?.(report) === false) goOn = false;
    this.#state = after = this.#snapshot();
    if (!goOn) return 'callback';
    const { patience } = this.#options;
    if (patience !== undefined && this.#epoch - this.#best!.epoch >= patience) return 'patience';
    return this.#interrupted();
  }

  #noteBest(figures: Figures): boolean {
    const value = figures[this.#monitor];
    const score = /loss$/i.test(this.#monitor) ? -value : value;
    if (this.#best !== null) {
      const { score: highest, epoch } = this.#best;
      const { valLoss = [] } = this.#history.figures;
      const same = Object.is(score, highest) || score === highest; // NaN, too
      if (!(same ? isHigher(-valLoss[this.#epoch - 1], -valLoss[epoch - 1]) : isHigher(score, highest))) return false;
    }
    this.#best = { score, epoch: this.#epoch, state: this.#net.stateDict() };
    this.#moved = false;
    return true;
  }

  #interrupted(): 'aborted' | 'timeLimit' | null {
    const { signal, timeLimit = Infinity } = this.#options;
    if (signal?.aborted === true) return 'aborted';
    return performance.now() - this.#started >= timeLimit * 1000 ? 'timeLimit' : null;
  }
}

/** Whether a figure is above another; any number is above NaN, which says nothing. */
function isHigher(figure: number, other: number): boolean {
  return figure > other || (Number.isNaN(other) && !Number.isNaN(figure));
}

/** What a figure is called where it is of the validation data. */
function validationName(name: string): string {
  return `val${name[0].toUpperCase()}${name.slice(1)}`;
}

/** Examples of a batch in which `evaluate` goes through data, unless told otherwise. */
const evaluatedTogether = 100;

/**
 * Computes the loss of the first batch that evaluate will come to, and of those with the lowest and the highest label,
 * so that what does not fit the network is an error before there is something to lose. Throws as evaluate does.
 */
function measureEnds<X extends Inputs>(fn: string, net: CompiledModule, [x, y]: readonly [X, Labels]): void {
  const { size } = new DataLoader(x, y, {}, `${fn}: validation`); // checks that there is a target for each example
  if (size === 0) throw new RangeError(`${fn}: validation must hold at least one example, got none`);
  const targets = toTensorLabels(fn, 'validation[1]', y);
  const ends = targets.ndim === 1 ? [targets.argmin().item(), targets.argmax().item()] : [];
  const starts = new Set([0, ...ends].map((i) => i - i % evaluatedTogether));
  const generators = net.modules().flatMap((module) => module.generators());
  const before = generators.map((generator) => generator.getState());
  const { loss } = net.compiled('fit');
  for (const start of starts) {
    const part = (t: Tensor): Tensor => t.slice([start, Math.min(size, start + evaluatedTogether)]);
    net.testing(() => {
      checkLoss(fn, loss(net.forward(...inputsOf(net, mapInputs(x, part))), part(targets)));
    });
  }
  generators.forEach((generator, i) => generator.setState(before[i])); // as if nothing had been drawn
}

/** The examples to train on (all where undefined), and the data to validate with. */
function splitOff<X extends Inputs>(
  fn: string, x: X, y: Labels, validation: FitOptions<X>['validation'],
): [indices: Int32Array | undefined, validation: readonly [X, Labels] | null] {
  const examples = someExamples(fn, x);
  if (validation === undefined) return [undefined, null];
  if (typeof validation !== 'number') {
    if (!Array.isArray(validation) || validation.length !== 2) {
      throw new TypeError(`${fn}: validation must be [x, y] or a share of the data, got ${describe(validation)}`);
    }
    return [undefined, validation as readonly [X, Labels]];
  }
  checkNumber(fn, 'validation', validation, 0, 1);
  const kept = examples - Math.round(examples * validation);
  if (kept === 0 || kept === examples) {
    throw new RangeError(`${fn}: validation must leave examples on both sides, got ${validation} of ${examples}`);
  }
  const held = toTensorLabels(fn, 'y', y).slice([kept, null]);
  return [Int32Array.from({ length: kept }, (_, i) => i), [mapInputs(x, (t) => t.slice([kept, null])), held]];
}
