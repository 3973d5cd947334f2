/**
 * What the networks have in common. Each is a chain of layers 1..L, where layer l has the parameters W<l> and b<l> and,
 * with a normalisation, gamma<l> and beta<l>; the last layer gives the class scores, and the loss on them is
 *
 *   loss = softmax cross-entropy + l2Factor * reg * (sum over l of the squares of W<l>)
 *
 * A network says what one layer computes, in training (with the way back) and at test time; walking the chain, the
 * loss, regularisation and saved state are here.
 */

import { asFloat, floats } from '../layers/arguments.ts';
import type { FloatType } from '../layers/arguments.ts';
import type { BatchnormParam } from '../layers/batchnorm.ts';
import { softmaxLoss } from '../layers/loss.ts';
import { currentLease, inStep, insideStep, residentArray } from '../kernels/memory/allocate.ts';
import { activeKernels } from '../kernels/registry.ts';
import { checkRecord, describe } from '../runtime/check.ts';
import { checkTensor, checkTensorShape, checkTensorType, shapeText } from '../tensor/check.ts';
import { checkLabels } from '../tensor/labels.ts';
import type { Labels } from '../tensor/labels.ts';
import type { RandomSource } from '../tensor/random/source.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { Gradients, Model } from './model.ts';
import { collectState, restoreState } from './state.ts';
import type { NetworkOptions } from './options.ts';
import { renderSummary } from '../layers/summary.ts';
import type { LayerRow } from '../layers/summary.ts';

/**
 * The way back through one layer: from the gradient of its output to that of its input (null when it is not wanted),
 * followed by those of its parameters in the order W, b, gamma, beta.
 */
export type LayerBackward = (dout: Tensor, inputGradient: boolean) => readonly [dx: Tensor | null, ...grads: Tensor[]];

const parameterKinds = ['W', 'b', 'gamma', 'beta'] as const;

export abstract class Network implements Model {
  abstract readonly name: string;
  /** weights and biases by name: W1, b1, (gamma1, beta1,) W2, ... */
  params: Record<string, Tensor> = {};
  readonly config: Readonly<Record<string, unknown>>;
  /** strength of the L2 regularisation, and its convention: 0.5 * reg * sum(W^2) or reg * sum(W^2) */
  reg: number;
  l2Factor: number;
  /** running averages of the batchnorm of layer l at index l - 1; empty without batchnorm */
  readonly bnParams: BatchnormParam[] = [];
  /** where dropout draws from, unless it is seeded anew every time */
  protected dropoutRng: RandomSource | null = null;
  readonly numClasses: number;
  /** every parameter, by name, as it was when it was last found to be of the shape it was built with */
  private readonly accepted: Map<string, Tensor> = new Map();

  constructor(options: Required<NetworkOptions>, config: Readonly<Record<string, unknown>>) {
    const { numClasses, reg, l2Factor, dtype } = options;
    this.numClasses = numClasses;
    this.reg = reg;
    this.l2Factor = l2Factor;
    this.config = { ...config, numClasses, reg, l2Factor, dtype };
  }

  /**
   * Moves the parameters to memory that kernels reach without copying, and notes what there is: the last line of every
   * network's constructor. The tensors stay ordinary ones; who replaces one by a tensor of their own, of the same
   * shape, has it copied at every call, and no more.
   */
  protected placeParams(): void {
    for (const [name, parameter] of Object.entries(this.params)) {
      this.params[name] = new Tensor(residentArray(parameter.dtype, parameter.size), parameter.shape).assign(parameter);
      this.accepted.set(name, this.params[name]);
    }
  }

  /** Number of layers with weights. */
  protected abstract readonly depth: number;

  /** Throws RangeError unless X is a batch of what the network takes. */
  protected abstract checkInput(fn: string, X: Tensor): void;

  /** Layer l (1..depth) in training: its output for x, and the way back. */
  protected abstract forwardLayer(l: number, x: Tensor): [out: Tensor, backward: LayerBackward];

  /** Layer l at test time. */
  protected abstract inferLayer(l: number, x: Tensor): Tensor;

  /** The lines of the summary. */
  protected abstract layerRows(): LayerRow[];

  /**
   * loss(X): class scores (N, classes) at test time. Before the first training pass a network with batchnorm has no
   * running averages; it then normalises with the statistics of X itself, and stores nothing.
   *
   * loss(X, y): the training loss against the labels y (N), and its gradients under the names of the parameters.
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
    this.checkInput(fn, X);
    this.checkParams(fn);
    if (y === undefined) return asStep(() => this.scores(X), outliving);
    const labels = checkLabels(fn, 'y', y, X.shape[0], this.numClasses);
    return asStep(
      () => this.lossAndGradients(X, labels),
      ([loss, grads]) => [loss, Object.fromEntries(Object.entries(grads).map(([name, dw]) => [name, outliving(dw)]))],
    );
  }

  /** A table of the layers: output shape, parameters and forward FLOPs for one example, and totals. */
  summary(): string {
    return renderSummary(`${this.name}, ${this.config.dtype}`, this.layerRows());
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
    const shapeOf = (l: number): readonly number[] => this.accepted.get(`gamma${l}`)?.shape ?? [];
    restoreState(`${this.name}.loadState`, state, this.bnParams, this.dropoutRng, shapeOf);
  }

  /** The parameters of layer l, in the order W, b, gamma, beta; the last two are there with a normalisation only. */
  protected layerParams(l: number): Tensor[] {
    return parameterKinds.map((kind) => this.params[`${kind}${l}`]).filter((t) => t !== undefined);
  }

  private checkParams(fn: string): void {
    checkRecord(fn, 'params', this.params);
    for (const [name, before] of this.accepted) {
      const now = this.params[name];
      if (now === before) continue; // as in every step but the first: a tensor keeps its shape and type
      checkTensorShape(fn, `params.${name}`, now, before.shape);
      this.accepted.set(name, checkTensorType(fn, `params.${name}`, now, 'float32', 'float64'));
    }
    for (const name in this.params) {
      if (this.accepted.has(name)) continue;
      const known = [...this.accepted.keys()].join(', ');
      throw new TypeError(`${fn}: params has an unknown name ${describe(name)}, this network's are ${known}`);
    }
  }

  /** X in the element type of the parameters. */
  private input(X: Tensor): Tensor {
    return asFloat(X, this.params.W1.dtype as FloatType);
  }

  private scores(X: Tensor): Tensor {
    let out = this.input(X);
    for (let l = 1; l <= this.depth; l++) out = this.inferLayer(l, out);
    return out;
  }

  private lossAndGradients(X: Tensor, labels: Int32Array): [loss: number, grads: Gradients] {
    const backwards: LayerBackward[] = [];
    let out = this.input(X);
    for (let l = 1; l <= this.depth; l++) {
      const [next, backward] = this.forwardLayer(l, out);
      backwards.push(backward);
      out = next;
    }
    const [dataLoss, dscores] = softmaxLoss(out, labels);
    const grads = this.backpropagate(dscores, backwards);
    return [dataLoss + this.regularise(grads), grads];
  }

  /** The gradients of all parameters from that of the scores, the last layer first. */
  private backpropagate(dscores: Tensor, backwards: readonly LayerBackward[]): Gradients {
    const found = new Map<string, Tensor>();
    let dout: Tensor | null = dscores;
    for (let l = this.depth; l >= 1; l--) {
      // Nobody needs the gradient of the images: the first layer leaves it out.
      const [dx, ...grads]: readonly [Tensor | null, ...Tensor[]] = backwards[l - 1](dout as Tensor, l > 1);
      grads.forEach((grad, i) => found.set(`${parameterKinds[i]}${l}`, grad));
      dout = dx;
    }
    return Object.fromEntries(
      Object.keys(this.params).filter((name) => found.has(name)).map((name) => [name, found.get(name) as Tensor]),
    );
  }

  /** Adds the gradient of the L2 penalty to those of the weights, and returns the penalty. */
  private regularise(grads: Gradients): number {
    if (this.reg === 0) return 0;
    const kernels = activeKernels();
    let squares = 0;
    for (let l = 1; l <= this.depth; l++) {
      const dw = grads[`W${l}`];
      const w = floats(asFloat(this.params[`W${l}`], dw.dtype as FloatType));
      squares += kernels.sumOfSquares(w);
      kernels.axpy(2 * this.l2Factor * this.reg, w, floats(dw));
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
export function checkFlatInput(fn: string, X: Tensor, size: number): void {
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
export function checkImageInput(fn: string, X: Tensor, shape: readonly number[]): void {
  if (X.ndim !== 4 || shape.some((extent, i) => X.shape[i + 1] !== extent)) {
    throw new RangeError(`${fn}: X must have shape Nx${shapeText(shape)}, got ${shapeText(X.shape)}`);
  }
  if (X.size === 0) throw new RangeError(`${fn}: X must hold at least one example, got shape ${shapeText(X.shape)}`);
}

/** The batchnorm param for test time: running averages where there are any, else the statistics of the batch. */
export function testTimeParam(param: BatchnormParam): BatchnormParam {
  return param.runningMean === undefined ? { ...param, mode: 'train' } : { ...param, mode: 'test' };
}
