/** Networks that one can compile, fit, evaluate and ask for predictions, in the manner of Keras. */

import type { Variable } from '../autograd/variable.ts';
import type { Labels } from '../layers/loss.ts';
import { checkInteger, checkNumber, checkOneOf, checkOptions, describe } from '../runtime/check.ts';
import { checkUntrained } from '../runtime/under-training.ts';
import { concat } from '../tensor/joining.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkLoss } from './compiled.ts';
import type { Compiled, Figures, Loss } from './compiled.ts';
import { DataLoader, type Inputs, mapInputs, someExamples } from './data-loader.ts';
import { fit } from './fit.ts';
import type { FitOptions, History } from './fit-options.ts';
import { categoricalCrossEntropy, classLoss, crossEntropy, hingeLoss, mse } from './losses.ts';
import { Mean, metricOf, resultsOf, startPass, type Metric } from './metrics.ts';
import { inputsOf, Module } from './module.ts';
import { Adagrad, Adam, AdamW, Optimizer, RMSprop, SGD } from './optimizers.ts';

export type LossName = 'crossEntropy' | 'categoricalCrossEntropy' | 'hingeLoss' | 'mse';

const losses: Readonly<Record<LossName, Loss>> = {
  crossEntropy: (out, targets) => crossEntropy(out, targets),
  categoricalCrossEntropy: (out, targets) => categoricalCrossEntropy(out, targets),
  hingeLoss,
  mse,
};

/** losses of class scores, of which an accuracy can be reported: of other outputs it means nothing */
const ofClasses: readonly unknown[] = [
  classLoss,
  'crossEntropy', 'categoricalCrossEntropy', 'hingeLoss', crossEntropy, categoricalCrossEntropy, hingeLoss,
];

export type OptimizerName = 'sgd' | 'adam' | 'adamW' | 'rmsprop' | 'adagrad';

type OptimizerClass = new (parameters: Variable[], options?: { lr?: number }) => Optimizer;

const optimizers: Readonly<Record<OptimizerName, OptimizerClass>> = {
  sgd: SGD, adam: Adam, adamW: AdamW, rmsprop: RMSprop, adagrad: Adagrad,
} as unknown as Record<OptimizerName, OptimizerClass>;

export interface CompileOptions {
  /**
   * unless given 'crossEntropy', which takes scores, and 'categoricalCrossEntropy' where a softmax gives the output; a
   * loss that is given is taken as it is: 'crossEntropy' behind a Softmax takes the softmax again, and hardly learns
   */
  loss?: LossName | Loss;
  /**
   * a name, which takes its default settings, an optimiser, or what makes one of the parameters; 'adam' unless given
   */
  optimizer?: OptimizerName | Optimizer | ((parameters: Variable[]) => Optimizer);
  /** the learning rate of an optimiser that is given by its name; its own standard one unless given */
  learningRate?: number;
  /** what is reported beside the loss; unless given ['accuracy'] for the losses of class scores, else nothing */
  metrics?: ReadonlyArray<Metric | 'accuracy'>;
}

export interface EvaluateOptions {
  /** examples at a time, 100 unless given */
  batchSize?: number;
}

/** A module with `compile`, `fit`, `evaluate` and `predict`: what `sequential` makes, and a class may extend. */
export abstract class Trainable extends Module {
  #compiled: Compiled | null = null;

  /**
   * Says how `fit` is to train: with which loss and optimiser, and what to report. Throws TypeError or RangeError for
   * unknown names and things of the wrong kind, where no parameter learns, and while the network is being trained.
   * Returns this.
   */
  compile(options: CompileOptions = {}): this {
    const fn = `${this.constructor.name}.compile`;
    checkOptions(fn, options, ['loss', 'optimizer', 'learningRate', 'metrics']);
    checkUntrained(fn, [this]);
    const { loss = classLoss, optimizer = 'adam', learningRate } = options;
    const { metrics = ofClasses.includes(loss) ? ['accuracy'] : [] } = options;
    const computed = typeof loss === 'function'
      ? loss
      : losses[checkOneOf(fn, 'loss (or a function)', loss, Object.keys(losses) as LossName[])];
    if (!Array.isArray(metrics)) throw new TypeError(`${fn}: metrics must be an array, got ${describe(metrics)}`);
    const found = metrics.map((metric) => metricOf(fn, metric as Metric | 'accuracy'));
    const offered = new Set<unknown>(this.#trained());
    const made = this.#optimizerOf(fn, optimizer, learningRate);
    this.#compiled = { loss: computed, metrics: found, optimizer: made, offered };
    return this;
  }

  #optimizerOf(
    fn: string, given: NonNullable<CompileOptions['optimizer']>, learningRate: number | undefined,
  ): Optimizer {
    if (learningRate !== undefined) {
      checkNumber(fn, 'learningRate', learningRate, 0);
      if (typeof given !== 'string') throw new TypeError(`${fn}: learningRate is for optimizers given by name, this one has its own`);
    }
    if (given instanceof Optimizer) return given;
    const trained = this.#trained();
    if (trained.length === 0) {
      const all = this.parameters().length;
      const got = all === 0 ? 'it has none' : `all ${all} are frozen; freeze(false) lets them learn`;
      throw new RangeError(`${fn}: the network must have a parameter that learns, ${got}`);
    }
    if (typeof given !== 'function') {
      const names = Object.keys(optimizers) as OptimizerName[];
      const made = optimizers[checkOneOf(fn, 'optimizer (or an Optimizer)', given, names)];
      return new made(trained, learningRate === undefined ? {} : { lr: learningRate });
    }
    const made: unknown = given(trained);
    if (!(made instanceof Optimizer)) throw new TypeError(`${fn}: optimizer must make an Optimizer, got ${describe(made)}`);
    return made;
  }

  #trained(): Variable[] {
    return this.parameters().filter(({ requiresGrad }) => requiresGrad);
  }

  /** What compile has set. Throws TypeError, under the caller's name, before compile was called. */
  compiled(fn: string): Compiled {
    if (this.#compiled === null) {
      throw new TypeError(`${this.constructor.name}.${fn}: call compile({ loss, optimizer, metrics }) first`);
    }
    return this.#compiled;
  }

  /**
   * Trains on inputs x (N, ...) and targets y (N labels, or a tensor), yielding to the event loop many times a second.
   * See FitOptions for what can be asked for, and History for what comes back; no parameter has a gradient afterwards,
   * whether the optimiser was given it or not. Throws as compile and DataLoader do,
   * TypeError before compile was called, while the network is being trained already, and for a parameter that is used
   * but not found by walking the fields or unknown to the optimiser, Error where the loss is not finite; the best
   * weights are put back in any case.
   */
  fit<X extends Inputs = Tensor>(x: X, y: Labels, options: FitOptions<X> = {}): Promise<History> {
    return fit(this, x, y, options);
  }

  /**
   * Mean loss and metrics in test mode over inputs x and targets y. Throws as `fit` does, and TypeError for a metric of
   * your own in which an epoch of fit gathers meanwhile and which has no `fresh`.
   */
  evaluate(x: Inputs, y: Labels, options: EvaluateOptions = {}): Figures {
    const fn = `${this.constructor.name}.evaluate`;
    checkOptions(fn, options, ['batchSize']);
    const { loss, metrics } = this.compiled('evaluate');
    const loader = new DataLoader(x, y, { batchSize: options.batchSize ?? 100 }, fn);
    someExamples(fn, x);
    const mean = new Mean();
    const pass = startPass(fn, metrics);
    try {
      for (const [inputs, targets] of loader) {
        this.testing(() => {
          const out = this.forward(...inputsOf(this, inputs));
          mean.add(checkLoss(fn, loss(out, targets)).item(), targets.shape[0]);
          for (const metric of pass.metrics) metric.update(out.value, targets);
        });
      }
      return { loss: mean.result(), ...resultsOf(pass.metrics) };
    } finally {
      pass.end();
    }
  }

  /** The output for inputs x (N, ...) in test mode, computed in batches; the list of them where forward gives one. */
  predict(x: Inputs, options: EvaluateOptions = {}): Tensor {
    const fn = `${this.constructor.name}.predict`;
    checkOptions(fn, options, ['batchSize']);
    const batchSize = checkInteger(fn, 'batchSize', options.batchSize ?? 100, 1);
    const examples = someExamples(fn, x);
    const parts: Array<readonly Tensor[]> = [];
    let isList = false;
    for (let start = 0; start < examples; start += batchSize) {
      const part = mapInputs(x, (t) => t.slice([start, start + batchSize]));
      parts.push(this.testing(() => {
        const out: Variable | readonly Variable[] = this.forward(...inputsOf(this, part));
        isList = Array.isArray(out);
        return [out].flat().map(({ value }) => value.clone());
      }));
    }
    const outputs = parts[0].map((first, i) => (parts.length === 1 ? first : concat(parts.map((part) => part[i]))));
    return (isList ? outputs : outputs[0]) as Tensor;
  }
}
