/** Metrics: figures gathered over many batches. Each is updated batch by batch, read, and reset for the next pass. */

import type { Labels } from '../layers/loss.ts';
import { checkInteger, checkNumber, describe } from '../runtime/check.ts';
import { checkRank } from '../tensor/check.ts';
import { contiguousData } from '../tensor/internal.ts';
import { checkLabels } from '../tensor/labels.ts';
import { Tensor } from '../tensor/tensor.ts';

export interface Metric {
  /** the key under which histories hold it, such as `accuracy` */
  readonly name: string;
  /** takes in one batch: the network's output and the targets */
  update(out: Tensor, targets: Labels): void;
  /** forgets all batches */
  reset(): void;
  /** the figure over all batches since the last reset; NaN before the first */
  result(): number;
  /**
   * a metric of the same class and settings without batches: for an evaluation within an epoch of fit, or two trainings
   * at a time, which without it are refused where they would mix their batches in one metric
   */
  fresh?(): Metric;
}

/** Metrics of one pass, and what ends it. */
export interface MetricPass {
  readonly metrics: readonly Metric[];
  /** lets others gather in the metrics; what these have gathered can still be read until somebody does */
  end(): void;
}

/** metrics in which a pass gathers now */
const gathering = new WeakSet<Metric>();

/**
 * The metrics for a pass over data, reset: those given, but a fresh one in place of each in which another pass gathers
 * now. Throws TypeError, before any is reset, for such a one that has no `fresh`.
 */
export function startPass(fn: string, given: readonly Metric[]): MetricPass {
  const metrics = given.map((metric) => {
    if (!gathering.has(metric)) return metric;
    const fresh = metric.fresh?.();
    if (fresh !== undefined && fresh !== metric && fresh.constructor === metric.constructor) return fresh;
    throw new TypeError(
      `${fn}: the metric ${metric.name} must have a method fresh that makes another of its class, to be used while an ` +
      `epoch of fit gathers in it, got ${describe(fresh)}; or wait for the end of the epoch`,
    );
  });
  for (const metric of metrics) metric.reset();
  for (const metric of metrics) gathering.add(metric);
  return { metrics, end: () => { for (const metric of metrics) gathering.delete(metric); } };
}

/** What metrics say, by name. */
export function resultsOf(metrics: readonly Metric[]): Record<string, number> {
  return Object.fromEntries(metrics.map((metric) => [metric.name, metric.result()]));
}

/** The mean of numbers, each counted as often as said. */
export class Mean {
  #sum: number = 0;
  #count: number = 0;

  add(value: number, times: number = 1): void {
    if (typeof value !== 'number') throw new TypeError(`Mean.add: value must be a number, got ${describe(value)}`);
    checkNumber('Mean.add', 'times', times, 0);
    this.#sum += value * times;
    this.#count += times;
  }

  reset(): void {
    this.#sum = 0;
    this.#count = 0;
  }

  result(): number {
    return this.#count === 0 ? NaN : this.#sum / this.#count;
  }
}

/** The share of examples whose label is among the k highest scores (N, C); ties go to the first class. */
export class TopKAccuracy implements Metric {
  readonly name: string;
  readonly #k: number;
  readonly #mean: Mean = new Mean();

  constructor(k: number) {
    this.#k = checkInteger('TopKAccuracy', 'k', k, 1);
    this.name = k === 1 ? 'accuracy' : `top${k}Accuracy`;
  }

  update(out: Tensor, targets: Labels): void {
    const [n, classes] = checkRank(this.name, 'out', out, 2).shape;
    const scores = contiguousData(out);
    const labels = labelsOf(this.name, targets, n, classes);
    for (let i = 0; i < n; i++) {
      const wanted = scores[i * classes + labels[i]];
      let before = 0;
      for (let c = 0; c < classes; c++) {
        const score = scores[i * classes + c];
        if (score > wanted || (score === wanted && c < labels[i])) before++;
      }
      this.#mean.add(before < this.#k && !Number.isNaN(wanted) ? 1 : 0);
    }
  }

  reset(): void {
    this.#mean.reset();
  }

  result(): number {
    return this.#mean.result();
  }

  fresh(): TopKAccuracy {
    return topKAccuracy(this.#k);
  }
}

/** The share of examples whose highest score is their label's. */
export class Accuracy extends TopKAccuracy {
  constructor() {
    super(1);
  }

  override fresh(): Accuracy {
    return accuracy();
  }
}

// A class whose methods name it is given another name by bundlers, which would stand in messages.
const accuracy = (): Accuracy => new Accuracy();
const topKAccuracy = (k: number): TopKAccuracy => new TopKAccuracy(k);

/** Class numbers, or the likeliest classes of distributions (N, C). */
function labelsOf(fn: string, targets: Labels, n: number, classes: number): ArrayLike<number> {
  const soft = targets instanceof Tensor && targets.ndim === 2;
  return checkLabels(fn, 'targets', soft ? targets.argmax(1) as Tensor : targets, n, classes);
}

/** A metric given as such or by its name. Throws TypeError or RangeError for anything else. */
export function metricOf(fn: string, given: Metric | 'accuracy'): Metric {
  if (given === 'accuracy') return new Accuracy();
  const metric = given as Partial<Metric> | null;
  const complete = typeof metric === 'object' && typeof metric?.name === 'string' &&
    [metric.update, metric.reset, metric.result].every((method) => typeof method === 'function');
  if (!complete) {
    throw new TypeError(`${fn}: metrics must be 'accuracy' or objects with name, update, reset and result, got ${describe(given)}`);
  }
  return given;
}
