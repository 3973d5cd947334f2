/**
 * What the networks have in common. Each is a chain of layers 1..L, where layer l has the parameters W<l> and b<l> and,
 * with a normalisation, gamma<l> and beta<l>; the last layer gives the class scores, and the loss on them is
 *
 *   loss = softmax cross-entropy + l2Factor * reg * (sum over l of the squares of W<l>)
 *
 * A network is a list of layer records; names, walking the chain, the loss, regularisation and saved state are here.
 */

import { asFloat, floats } from '../layers/arguments.ts';
import type { FloatType } from '../layers/arguments.ts';
import type { BatchnormParam } from '../layers/batchnorm.ts';
import { fuse } from '../layers/fuse.ts';
import { softmaxLoss } from '../layers/loss.ts';
import { spendParameters } from '../layers/parameter-budget.ts';
import type { LayerBackward, LayerRecord } from '../layers/record.ts';
import type { BatchnormRecord } from '../layers/records/normalization.ts';
import { renderSummary } from '../layers/summary.ts';
import { currentLease, inStep, insideStep, lend, type Loan, residentArray } from '../kernels/memory/allocate.ts';
import { activeKernels } from '../kernels/registry.ts';
import { checkRecord, describe } from '../runtime/check.ts';
import { showAs } from '../runtime/text.ts';
import { checkTensor, checkTensorShape, checkTensorType, shapeText } from '../tensor/check.ts';
import { ones, zeros } from '../tensor/creation.ts';
import { readableLabels } from '../tensor/labels.ts';
import type { Labels } from '../tensor/labels.ts';
import type { RandomSource } from '../tensor/random/source.ts';
import { sizeOf } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { Gradients, Model } from './model.ts';
import { collectState, restoreState } from './state.ts';
import type { NetworkOptions } from './options.ts';
import { meanOverViews, type TestTimeViews } from './views.ts';

/** What a network is built from. */
export interface Architecture {
  /** shape of one example, [channels, height, width] or [numbers] */
  readonly input: readonly number[];
  /** the layers in their order; a convolution or an affine layer begins layer l, what follows it belongs to it */
  readonly layers: readonly LayerRecord[];
  /** the first values of W<l>; biases and shifts start at 0, scales at 1 */
  initialWeights(shape: readonly number[], l: number): Tensor;
  /** names of parameters that stay as they are; none unless given */
  readonly frozen?: readonly string[];
  /** what the last layer's weights are multiplied by as they act, under which they are regularised; 1 unless given */
  readonly lastScale?: number;
}

/** A record, or a chain that is computed at once, with the names of its parameters. */
export interface NamedStep {
  readonly record: LayerRecord;
  readonly names: readonly string[];
}

/** A layer's pass forward: its way back, and the memory that it needs until then. */
interface Pass {
  readonly back: LayerBackward;
  readonly loans: readonly Loan[];
}

export abstract class Network implements Model {
  abstract readonly name: string;
  /** weights and biases by name: W1, b1, (gamma1, beta1,) W2, ... */
  params: Record<string, Tensor> = {};
  readonly config: Readonly<Record<string, unknown>>;
  /** parameters that are not learnt: they have no gradients and are not regularised */
  readonly frozen: ReadonlySet<string>;
  /** strength of the L2 regularisation, and its convention: 0.5 * reg * sum(W^2) or reg * sum(W^2) */
  reg: number;
  l2Factor: number;
  /** the share of each label that the training loss spreads evenly over all classes */
  labelSmoothing: number;
  /** what the scores of an image at test time are the mean of */
  testTimeViews: TestTimeViews;
  /** running averages of the batchnorm of layer l at index l - 1; empty without batchnorm */
  readonly bnParams: BatchnormParam[];
  /** where dropout draws from, unless it is seeded anew every time */
  protected dropoutRng: RandomSource | null = null;
  readonly numClasses: number;
  /** the shape of one example, [channels, height, width] or [numbers] */
  readonly inputShape: readonly number[];
  /** the layers in their order, with the names of the parameters of each */
  readonly layers: readonly NamedStep[];
  /** the layers, with those together that have a common form */
  readonly #steps: readonly NamedStep[];
  /** by the name of a weight matrix, the factor of its squares in the penalty where that is not 1 */
  readonly #penaltyFactor: Readonly<Record<string, number>>;
  /** the first step with something to learn: nothing goes back beyond it */
  readonly #firstLearning: number;
  /** examples that batchnorm needs where it takes its statistics from them: one value has no variance */
  #smallestBatch: number = 1;
  /** every parameter, by name, as it was when it was last found to be of the shape it was built with */
  readonly #accepted: Map<string, Tensor> = new Map();

  constructor(
    fn: string, options: Required<NetworkOptions>, config: Readonly<Record<string, unknown>>,
    architecture: Architecture,
  ) {
    const { numClasses, reg, l2Factor, labelSmoothing, testTimeViews, dtype } = options;
    const { input, layers, frozen = [], lastScale = 1 } = architecture;
    this.frozen = new Set(frozen);
    this.numClasses = numClasses;
    this.reg = reg;
    this.l2Factor = l2Factor;
    this.labelSmoothing = labelSmoothing;
    this.testTimeViews = testTimeViews;
    if (testTimeViews !== 'none' && input.length !== 3) {
      throw new RangeError(`${fn}: testTimeViews are for networks on images, this one takes plain numbers`);
    }
    this.config = {
      ...config, numClasses, reg, l2Factor, ...(labelSmoothing === 0 ? {} : { labelSmoothing }),
      ...(testTimeViews === 'none' ? {} : { testTimeViews }), dtype,
    };
    this.inputShape = input;
    layers.reduce((shape, layer) => {
      if (layer.kind === 'batchnorm' && sizeOf(shape.slice(1)) === 1) this.#smallestBatch = 2;
      return layer.outputShape(fn, shape);
    }, input);
    this.bnParams = layers.filter((layer): layer is BatchnormRecord => layer.kind === 'batchnorm').map(({ param }) => param);
    const names = this.#build(fn, architecture, dtype);
    this.layers = layers.map((record, i) => ({ record, names: names[i] }));
    this.#penaltyFactor = { [names.flat().findLast((name) => name.startsWith('W'))!]: lastScale ** 2 };
    let at = 0;
    this.#steps = fuse(layers).map(({ record, count }) => {
      const step = { record, names: names.slice(at, at + count).flat() };
      at += count;
      return step;
    });
    this.#firstLearning = this.#steps.findIndex((step) => step.names.some((name) => !this.frozen.has(name)));
    showAs<Network>(this, String);
  }

  /** The summary, which console.log shows, too. */
  toString(): string {
    return this.summary();
  }

  /**
   * Makes the parameters, in memory that kernels reach without copying, and gives the names of each layer's. The
   * tensors are ordinary ones; who replaces one by a tensor of their own, of the same shape, has it copied at every
   * call, and no more.
   */
  #build(fn: string, { layers, initialWeights }: Architecture, dtype: FloatType): string[][] {
    let l = 0;
    return layers.map(({ kind, parameters }) => {
      if (kind === 'conv' || kind === 'affine') l++;
      return parameters.map(({ role, shape }) => {
        const name = `${role}${l}`;
        spendParameters(fn, sizeOf(shape));
        const first = role === 'W' ? initialWeights(shape, l) : (role === 'gamma' ? ones : zeros)([...shape], dtype);
        this.params[name] = new Tensor(residentArray(dtype, first.size), shape).assign(first);
        this.#accepted.set(name, this.params[name]);
        return name;
      });
    });
  }

  /**
   * loss(X): class scores (N, classes) at test time, the mean over testTimeViews. Before the first training pass a
   * network with batchnorm has no running averages; it then normalises with the statistics of X itself, and stores
   * nothing.
   *
   * loss(X, y): the training loss against the labels y (N), and its gradients under the names of the parameters (of
   * those that are learnt).
   *
   * X (N, ...) may have any element type and is computed with in that of the parameters. NaN in X or in a parameter
   * makes the scores and the loss NaN. Throws TypeError for arguments of the wrong kind, for parameters that are
   * missing, unknown or no float tensors; RangeError for an empty batch, for examples or parameters of another shape,
   * and for labels that are not integers in 0..classes-1; nothing has changed then.
   */
  loss(X: Tensor): Tensor;
  loss(X: Tensor, y: Labels): [loss: number, grads: Gradients];
  loss(X: Tensor, y?: Labels): Tensor | [loss: number, grads: Gradients] {
    const fn = `${this.name}.loss`;
    checkTensor(fn, 'X', X);
    this.#checkInput(fn, X);
    this.#checkParams(fn);
    const untrained = this.bnParams.some(({ runningMean }) => runningMean === undefined);
    if (X.shape[0] < this.#smallestBatch && (y !== undefined || untrained)) {
      const when = y === undefined ? 'before the first training pass' : 'to train on';
      throw new RangeError(`${fn}: X must hold 2 examples or more ${when}, for batchnorm, got ${X.shape[0]}`);
    }
    if (y === undefined) {
      return asStep(() => meanOverViews(this.testTimeViews, X, (view) => this.#scores(view)), outliving);
    }
    const labels = readableLabels(fn, 'y', y, X.shape[0], this.numClasses);
    return asStep(
      () => this.#lossAndGradients(X, labels),
      ([loss, grads]) => [loss, Object.fromEntries(Object.entries(grads).map(([name, dw]) => [name, outliving(dw)]))],
    );
  }

  /** A table of the layers: output shape, parameters and forward FLOPs for one example, and totals. */
  summary(): string {
    let shape = this.inputShape;
    const rows = this.layers.flatMap(({ record: layer }) => {
      const lines = layer.rows(shape);
      shape = layer.outputShape(this.name, shape);
      return lines;
    });
    return renderSummary(`${this.name}, ${this.config.dtype}`, rows);
  }

  /**
   * Running averages (runningMean1, runningVar1, ...; without elements before the first training pass) and the state of
   * dropout's generator: copies, by name.
   */
  state(): Record<string, Tensor> {
    return collectState(this.bnParams, this.dropoutRng);
  }

  /** Takes up what state() returned. Throws, and changes nothing, unless that is all there and fits this network. */
  loadState(state: Readonly<Record<string, Tensor>>): void {
    const norms = this.layers.filter(({ record }) => record.kind === 'batchnorm');
    const shapeOf = (l: number): readonly number[] => norms[l - 1]?.record.parameters[0].shape ?? [];
    restoreState(`${this.name}.loadState`, state, this.bnParams, this.dropoutRng, shapeOf);
  }

  /** Throws RangeError unless X is a batch of what the network takes: of images of its shape, or of so many numbers. */
  #checkInput(fn: string, X: Tensor): void {
    if (this.inputShape.length > 1) checkImageInput(fn, X, this.inputShape);
    else checkFlatInput(fn, X, this.inputShape[0]);
  }

  #checkParams(fn: string): void {
    checkRecord(fn, 'params', this.params);
    if (this.#areAccepted()) return; // as in every step but the first: a tensor keeps its shape and type
    for (const [name, before] of this.#accepted) {
      const now = this.params[name];
      checkTensorShape(fn, `params.${name}`, now, before.shape);
      this.#accepted.set(name, checkTensorType(fn, `params.${name}`, now, 'float32', 'float64'));
    }
    for (const name in this.params) {
      if (this.#accepted.has(name)) continue;
      const known = [...this.#accepted.keys()].join(', ');
      throw new TypeError(`${fn}: params has an unknown name ${describe(name)}, this network's are ${known}`);
    }
  }

  #areAccepted(): boolean {
    let count = 0;
    for (const name in this.params) {
      const before = this.#accepted.get(name);
      if (before === undefined || before !== this.params[name]) return false;
      count++;
    }
    return count === this.#accepted.size;
  }

  /** X in the element type of the parameters. */
  #asInput(X: Tensor): Tensor {
    return asFloat(X, this.params.W1.dtype as FloatType);
  }

  #parametersOf({ names }: NamedStep): Tensor[] {
    return names.map((name) => this.params[name]);
  }

  #scores(X: Tensor): Tensor {
    let out = this.#asInput(X);
    for (const step of this.#steps) out = step.record.infer(this.name, out, this.#parametersOf(step));
    return out;
  }

  #lossAndGradients(X: Tensor, labels: Int32Array): [loss: number, grads: Gradients] {
    let out = this.#asInput(X);
    const passes = this.#steps.map((step): Pass => {
      const loans: Loan[] = [];
      const [next, back] = lend(loans, () => step.record.forward(this.name, out, this.#parametersOf(step), 'train'));
      out = next;
      return { back, loans };
    });
    const [dataLoss, dscores] = softmaxLoss(out, labels, { labelSmoothing: this.labelSmoothing });
    const grads = this.#backpropagate(dscores, passes);
    return [dataLoss + this.#regularise(grads), grads];
  }

  /**
   * The gradients of all parameters from that of the scores, the last layer first. After a layer's way back the memory
   * of its pass forward is used again, and that of the gradient which it was given.
   */
  #backpropagate(dscores: Tensor, passes: readonly Pass[]): Gradients {
    const found: Array<readonly Tensor[]> = [];
    let dout = dscores;
    let last: readonly Loan[] = [];
    for (let s = passes.length - 1; s >= this.#firstLearning; s--) {
      const { back, loans } = passes[s];
      const lent: Loan[] = [];
      // Nobody needs the gradient of the images, or of what is computed from them by layers that do not learn.
      const [dx, ...gradients] = lend(lent, () => back(dout, s > this.#firstLearning));
      for (const spent of [loans, last]) for (const loan of spent) if (loan !== dx?.lease) loan.release();
      last = lent.filter((loan) => gradients.every(({ lease }) => lease !== loan));
      found[s] = gradients;
      dout = dx as Tensor;
    }
    const grads: Gradients = {};
    for (let s = this.#firstLearning; s < passes.length; s++) {
      const { names } = this.#steps[s];
      for (let i = 0; i < names.length; i++) if (!this.frozen.has(names[i])) grads[names[i]] = found[s][i];
    }
    return grads;
  }

  /** Adds the gradient of the L2 penalty to those of the weights, and returns the penalty. */
  #regularise(grads: Gradients): number {
    if (this.reg === 0) return 0;
    const kernels = activeKernels();
    let squares = 0;
    for (const name of Object.keys(grads).filter((each) => each.startsWith('W'))) {
      const dw = grads[name];
      const w = floats(asFloat(this.params[name], dw.dtype as FloatType));
      const factor = this.#penaltyFactor[name] ?? 1;
      squares += factor * kernels.sumOfSquares(w);
      kernels.axpy(2 * this.l2Factor * this.reg * factor, w, floats(dw));
    }
    return this.l2Factor * this.reg * squares;
  }
}

/** Runs fn as part of the step under way; without one, as a step of its own, of which only what is kept remains. */
function asStep<T>(fn: () => T, keep: (result: T) => T): T {
  if (insideStep()) return fn();
  // A backend brings its memory when it is selected, which cannot happen inside a step.
  activeKernels();
  return inStep(() => keep(fn()));
}

/** t in memory that outlives the step. */
function outliving(t: Tensor): Tensor {
  return currentLease() === null ? t : t.clone();
}

/** Throws RangeError unless X is a batch (N, ...) of examples with so many numbers each. */
function checkFlatInput(fn: string, X: Tensor, size: number): void {
  if (X.size === 0 || X.ndim === 0) {
    throw new RangeError(`${fn}: X must hold at least one example, got shape ${shapeText(X.shape)}`);
  }
  if (X.size !== X.shape[0] * size) {
    throw new RangeError(
      `${fn}: X has ${X.size / X.shape[0]} numbers an example, the network takes ${size} (X ${shapeText(X.shape)})`,
    );
  }
}

/** Throws RangeError unless X is a batch (N, channels, height, width) of images of this shape. */
function checkImageInput(fn: string, X: Tensor, shape: readonly number[]): void {
  if (X.ndim !== 4 || shape.some((extent, i) => X.shape[i + 1] !== extent)) {
    throw new RangeError(`${fn}: X must have shape Nx${shapeText(shape)}, got ${shapeText(X.shape)}`);
  }
  if (X.size === 0) throw new RangeError(`${fn}: X must hold at least one example, got shape ${shapeText(X.shape)}`);
}
