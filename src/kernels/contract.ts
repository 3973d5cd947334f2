/**
 * The kernel contract: the signature of every piece of arithmetic, with shapes.
 *
 * A kernel sees typed arrays and numbers, never a Tensor. Four rules hold for all of them:
 *
 * - Arrays are contiguous, row-major, and all float arrays of one call have one type (float32 or float64).
 * - The caller owns the outputs and hands them in; a kernel overwrites them fully and never reads their old contents
 *   (unless the docstring says it accumulates).
 * - Outputs do not overlap inputs, except where a line says "may be the same array".
 * - The caller has checked the arguments; kernels do not.
 *
 * NaN and infinities travel as arithmetic makes them, and as the docstrings say where a comparison decides. Four
 * freedoms are left to backends. A padded pixel may be skipped or multiplied as a 0, so an infinite weight, or gradient
 * at an output, may or may not make NaN at the border of a convolution, and at pixels that no window reaches. It may be
 * computed by other products than its definition's (Winograd's, of 6x6 inputs; or one matrix for a whole tiny image): a
 * NaN or an infinity then reaches all outputs that share a tile or an image with those that the definition spoils,
 * never others, and comes out as NaN; a window of 6 or 7 taps may count there as one of 8, with zeros that meet pixels
 * too; behind relu and pooling, pixels under outputs whose gradient is 0 may be left out of the gradient at the
 * filters. With configure({ strict: true }) it reaches just the definition's. What is computed on the way may be
 * float32 or wider (in float32 the square of 1e20, in a norm or an update rule, is infinite). And the sign of a zero is
 * free.
 *
 * Subnormal numbers (in float32 below 1.2e-38) are never made 0, but by kernels in which what an update rule remembers
 * fades away. Many processors (Intel's, not AMD's) take a hundred times as long for an operation in which one takes
 * part, and WebAssembly has no switch against it: a product or a convolution of such may take 70 times its usual time.
 *
 * `naive/` defines each kernel by plain loops. Every other backend is tested against it and may leave kernels out:
 * the next simpler backend's stands in, info().fallbacks says which, and strict makes it an error.
 */

import type {
  AdaptivePoolGeometry, AvgPoolGeometry, ChannelGeometry, ConvGeometry, GroupGeometry, ImageGeometry, PoolGeometry,
} from './geometry.ts';

/** Element types that kernels compute in. */
export type FloatArray = Float32Array | Float64Array;

/** What a convolution or affine kernel does to its result while it is still in registers. */
export interface Epilogue {
  /** multiplied per filter before the bias: how a test-time batchnorm folds into the convolution */
  readonly scale?: FloatArray | null;
  /** out = max(out, 0) */
  readonly relu?: boolean;
}

export type BinaryOperation = 'add' | 'sub' | 'mul' | 'div' | 'maximum' | 'minimum';
export type UnaryOperation = 'neg' | 'exp' | 'log' | 'sqrt' | 'abs' | 'tanh' | 'sigmoid' | 'relu' | 'square';

export interface MatrixKernels {
  /**
   * out (m,n) = op(a) op(b), where op(a) is (m,k) and op(b) is (k,n). With transposeA the array a holds (k,m), with
   * transposeB b holds (n,k). With accumulate, out += the product.
   */
  gemm(
    a: FloatArray, b: FloatArray, out: FloatArray, m: number, n: number, k: number,
    transposeA: boolean, transposeB: boolean, accumulate: boolean,
  ): void;
  /** out (n,m) = x (n,d) w (d,m) + b (m), then the epilogue (relu only). */
  affineForward(
    x: FloatArray, w: FloatArray, b: FloatArray, out: FloatArray, n: number, d: number, m: number, epilogue: Epilogue,
  ): void;
  /** dx (n,d) = dout w^T (left out when null), dw (d,m) = x^T dout, db (m) = column sums of dout (n,m). */
  affineBackward(
    dout: FloatArray, x: FloatArray, w: FloatArray, dx: FloatArray | null, dw: FloatArray, db: FloatArray,
    n: number, d: number, m: number,
  ): void;
}

export interface ConvKernels {
  /** out (batch, filters, outHeight, outWidth) = relu((x conv w) scale + b), as the epilogue asks; b null means 0. */
  convForward(
    x: FloatArray, w: FloatArray, b: FloatArray | null, out: FloatArray, g: ConvGeometry, epilogue: Epilogue,
  ): void;
  /** Gradients of sum(out * dout); dx is left out when null. Pixels that no window reaches get zero gradient. */
  convBackward(
    dout: FloatArray, x: FloatArray, w: FloatArray, dx: FloatArray | null, dw: FloatArray, db: FloatArray,
    g: ConvGeometry,
  ): void;
}

export interface PoolKernels {
  /**
   * argmax gets the row-major index inside the plane (y * width + x) of each window's first maximum; a NaN counts as
   * larger than every number, so it wins and is passed on. argmax null: not wanted (test time).
   */
  maxPoolForward(x: FloatArray, out: FloatArray, argmax: Int32Array | null, g: PoolGeometry): void;
  /**
   * dx is zeroed, then dout is added at each argmax. reluOut is the pooled output where a relu stands before the pool
   * (or after it: they commute); where it is not positive, dout counts as 0, so the relu needs no pass of its own.
   */
  maxPoolBackward(
    dout: FloatArray, argmax: Int32Array, dx: FloatArray, g: PoolGeometry, reluOut?: FloatArray | null,
  ): void;
  /** out (planes, outHeight, outWidth) = the mean of each window of x (planes, height, width). */
  avgPoolForward(x: FloatArray, out: FloatArray, g: AvgPoolGeometry): void;
  /** dx (planes, height, width): every pixel of a window gets an equal part of its dout. */
  avgPoolBackward(dout: FloatArray, dx: FloatArray, g: AvgPoolGeometry): void;
  /** The same with windows that divide the image into outHeight x outWidth parts. */
  adaptiveAvgPoolForward(x: FloatArray, out: FloatArray, g: AdaptivePoolGeometry): void;
  /** Its gradient. */
  adaptiveAvgPoolBackward(dout: FloatArray, dx: FloatArray, g: AdaptivePoolGeometry): void;
}

export interface ActivationKernels {
  /** out = x < 0 ? 0 : x, so NaN stays NaN. out may be the same array as x. */
  reluForward(x: FloatArray, out: FloatArray): void;
  /** dx = x > 0 ? dout : 0. x may be relu's input or its output (the sign test is the same). dx may be dout. */
  reluBackward(dout: FloatArray, x: FloatArray, dx: FloatArray): void;
  /** out = x > 0 ? x : alpha * x */
  leakyReluForward(x: FloatArray, out: FloatArray, alpha: number): void;
  /** dx = x > 0 ? dout : alpha * dout */
  leakyReluBackward(dout: FloatArray, x: FloatArray, dx: FloatArray, alpha: number): void;
  /** out = x > 0 ? x : alpha * (exp(x) - 1) */
  eluForward(x: FloatArray, out: FloatArray, alpha: number): void;
  /** from the input x and the output out */
  eluBackward(dout: FloatArray, x: FloatArray, out: FloatArray, dx: FloatArray, alpha: number): void;
  /** out = 1 / (1 + exp(-x)) */
  sigmoidForward(x: FloatArray, out: FloatArray): void;
  /** from the output: dx = dout * out * (1 - out) */
  sigmoidBackward(dout: FloatArray, out: FloatArray, dx: FloatArray): void;
  /** out = tanh(x) */
  tanhForward(x: FloatArray, out: FloatArray): void;
  /** from the output: dx = dout * (1 - out^2) */
  tanhBackward(dout: FloatArray, out: FloatArray, dx: FloatArray): void;
  /** out = x Phi(x) with Phi the standard normal distribution function: GELU in its exact form; NaN at -infinity. */
  geluForward(x: FloatArray, out: FloatArray): void;
  /** from the input; NaN at infinities. dx may be dout */
  geluBackward(dout: FloatArray, x: FloatArray, dx: FloatArray): void;
  /** out = x / (1 + exp(-x)); NaN at -infinity */
  siluForward(x: FloatArray, out: FloatArray): void;
  /** from the input; NaN at infinities. dx may be dout */
  siluBackward(dout: FloatArray, x: FloatArray, dx: FloatArray): void;
}

export interface NormKernels {
  /** mean (channels), variance (channels; uncorrected, computed from deviations, not from E[x^2] - mean^2). */
  batchnormStatistics(x: FloatArray, mean: FloatArray, variance: FloatArray, g: ChannelGeometry): void;
  /**
   * out = gamma * (x - mean) / sqrt(variance + eps) + beta per channel, plus `added`, an array like x, where there is
   * one (only where inner is above 1), then max(0, .) with relu. out may be x, but not added.
   */
  batchnormApply(
    x: FloatArray, gamma: FloatArray, beta: FloatArray, mean: FloatArray, variance: FloatArray, out: FloatArray,
    g: ChannelGeometry, eps: number, relu: boolean, added?: FloatArray | null,
  ): void;
  /**
   * Gradients when mean and variance were computed from x (training). reluOut is the output of a fused relu: where it
   * is not positive, dout counts as 0; null without relu. dx may be dout. passed, an array of its own, gets what the
   * relu lets through of dout, the gradient of what was added before the relu; `more` is another part of dout, which
   * is the sum of both. Both come with reluOut alone, where inner is above 1.
   */
  batchnormBackward(
    dout: FloatArray, x: FloatArray, gamma: FloatArray, mean: FloatArray, variance: FloatArray,
    reluOut: FloatArray | null, dx: FloatArray, dgamma: FloatArray, dbeta: FloatArray, g: ChannelGeometry, eps: number,
    passed?: FloatArray | null, more?: FloatArray | null,
  ): void;
  /** Gradients when mean and variance are constants (test mode). */
  batchnormBackwardConstant(
    dout: FloatArray, x: FloatArray, gamma: FloatArray, mean: FloatArray, variance: FloatArray,
    reluOut: FloatArray | null, dx: FloatArray, dgamma: FloatArray, dbeta: FloatArray, g: ChannelGeometry, eps: number,
  ): void;
  /** mean and variance get batch * groups elements. */
  groupnormForward(
    x: FloatArray, gamma: FloatArray, beta: FloatArray, out: FloatArray, mean: FloatArray, variance: FloatArray,
    g: GroupGeometry, eps: number,
  ): void;
  /** Gradients of sum(out * dout) at x, gamma and beta. */
  groupnormBackward(
    dout: FloatArray, x: FloatArray, gamma: FloatArray, mean: FloatArray, variance: FloatArray,
    dx: FloatArray, dgamma: FloatArray, dbeta: FloatArray, g: GroupGeometry, eps: number,
  ): void;
}

/** Chains of layers whose intermediate arrays are never written: what training at memory speed needs. */
export interface FusedKernels {
  /**
   * out (planes, outHeight, outWidth) = relu(maxPool(batchnorm(x))), x (batch * channels = planes, height, width).
   * argmax is that of the pool over the batchnorm's output, as in maxPoolForward; winners, where it is given, gets what
   * x has there.
   */
  batchnormReluPoolForward(
    x: FloatArray, gamma: FloatArray, beta: FloatArray, mean: FloatArray, variance: FloatArray, out: FloatArray,
    argmax: Int32Array, winners: FloatArray | null, g: PoolGeometry, channels: number, eps: number,
  ): void;
  /** Its gradients in training, from the forward pass's x, out, argmax and winners; dout has out's shape. */
  batchnormReluPoolBackward(
    dout: FloatArray, out: FloatArray, argmax: Int32Array, winners: FloatArray, x: FloatArray, gamma: FloatArray,
    mean: FloatArray, variance: FloatArray, dx: FloatArray, dgamma: FloatArray, dbeta: FloatArray, g: PoolGeometry,
    channels: number, eps: number,
  ): void;
}

/** A convolution with the relu and max pooling behind it: likewise. */
export interface ConvPoolKernels {
  /**
   * out (batch, filters, pool.outHeight, pool.outWidth) = maxPool(relu((x conv w) scale + b)); scale null means 1, b
   * null 0. argmax is that of the pool over the relu's output, as in maxPoolForward; null: not wanted (test time).
   */
  convReluPoolForward(
    x: FloatArray, w: FloatArray, b: FloatArray | null, out: FloatArray, argmax: Int32Array | null, g: ConvGeometry,
    pool: PoolGeometry, scale: FloatArray | null,
  ): void;
  /**
   * Its gradients where scale is null, from the forward pass's x, out and argmax; dout has out's shape. dx null: not
   * wanted.
   */
  convReluPoolBackward(
    dout: FloatArray, out: FloatArray, argmax: Int32Array, x: FloatArray, w: FloatArray, dx: FloatArray | null,
    dw: FloatArray, db: FloatArray, g: ConvGeometry, pool: PoolGeometry,
  ): void;
}

export interface LossKernels {
  /** Mean cross-entropy of softmax(scores (n,classes)) against labels (n); dscores (n,classes) is its gradient. */
  softmaxLoss(scores: FloatArray, labels: Int32Array, dscores: FloatArray, n: number, classes: number): number;
  /**
   * Mean over examples of sum over j != label of max(0, score_j - score_label + 1). A NaN score makes the loss NaN;
   * only terms that are greater than 0 add to dscores.
   */
  svmLoss(scores: FloatArray, labels: Int32Array, dscores: FloatArray, n: number, classes: number): number;
}

/** One pass over memory each; every next... array may be the same array as its predecessor. */
export interface UpdateKernels {
  /** w -= learningRate dw */
  sgdUpdate(w: FloatArray, dw: FloatArray, nextW: FloatArray, learningRate: number): void;
  /** v = momentum v - learningRate dw; w += v */
  momentumUpdate(
    w: FloatArray, dw: FloatArray, v: FloatArray, nextW: FloatArray, nextV: FloatArray,
    learningRate: number, momentum: number,
  ): void;
  /** v' = momentum v - learningRate dw; w += -momentum v + (1 + momentum) v' */
  nesterovUpdate(
    w: FloatArray, dw: FloatArray, v: FloatArray, nextW: FloatArray, nextV: FloatArray,
    learningRate: number, momentum: number,
  ): void;
  /**
   * Momentum whose velocity sums gradients, not steps, so that a change of learningRate acts at once, with L2 decay:
   * g = dw + weightDecay w; v' = momentum v + g; w -= learningRate (lookAhead ? g + momentum v' : v')
   */
  decayedMomentumUpdate(
    w: FloatArray, dw: FloatArray, v: FloatArray, nextW: FloatArray, nextV: FloatArray,
    learningRate: number, momentum: number, weightDecay: number, lookAhead: boolean | number,
  ): void;
  /** cache = decayRate cache + (1 - decayRate) dw^2; w -= learningRate dw / (sqrt(cache) + epsilon) */
  rmspropUpdate(
    w: FloatArray, dw: FloatArray, cache: FloatArray, nextW: FloatArray, nextCache: FloatArray,
    learningRate: number, decayRate: number, epsilon: number,
  ): void;
  /** cache += dw^2; w -= learningRate dw / (sqrt(cache) + epsilon) */
  adagradUpdate(
    w: FloatArray, dw: FloatArray, cache: FloatArray, nextW: FloatArray, nextCache: FloatArray,
    learningRate: number, epsilon: number,
  ): void;
  /**
   * m = beta1 m + (1 - beta1) dw; v = beta2 v + (1 - beta2) dw^2;
   * w = w - decay w - learningRate (m / correction1) / (sqrt(v / correction2) + epsilon),
   * where correction = 1 - beta^t and decay = learningRate * weightDecay (AdamW) or 0 (Adam).
   */
  adamUpdate(
    w: FloatArray, dw: FloatArray, m: FloatArray, v: FloatArray, nextW: FloatArray, nextM: FloatArray,
    nextV: FloatArray, learningRate: number, beta1: number, beta2: number, epsilon: number,
    correction1: number, correction2: number, decay: number,
  ): void;
}

/** A parameter with its gradient, and what its update rule remembers in the order in which the kernel takes it. */
export interface UpdatedArrays {
  readonly w: FloatArray;
  readonly dw: FloatArray;
  readonly state: readonly FloatArray[];
}

export interface ListKernels {
  /**
   * Updates every parameter of a list in place by one rule: updateEach('adamUpdate', [{ w, dw, state: [m, v] }],
   * numbers) is adamUpdate(w, dw, m, v, w, m, v, ...numbers). All arrays are of one type.
   */
  updateEach(rule: keyof UpdateKernels, parameters: readonly UpdatedArrays[], numbers: readonly number[]): void;
}

export interface ElementwiseKernels {
  /** out[i] = a[i] op b[i]; out may be a or b. maximum and minimum pass NaN on. */
  binary(operation: BinaryOperation, a: FloatArray, b: FloatArray, out: FloatArray): void;
  /** out[i] = a[i] op s */
  binaryScalar(operation: BinaryOperation, a: FloatArray, s: number, out: FloatArray): void;
  /** out[i] = the function of x[i]: exp, log, sqrt and the others of UnaryOperation. */
  unary(operation: UnaryOperation, x: FloatArray, out: FloatArray): void;
  /** y += alpha x */
  axpy(alpha: number, x: FloatArray, y: FloatArray): void;
  /** sum of x, accumulated in float64 or in fixed-size blocks, never as one long float32 chain */
  sum(x: FloatArray): number;
  /** sum of x^2, accumulated as sum does */
  sumOfSquares(x: FloatArray): number;
  /** out (columns) = sums over the rows of x (rows, columns) */
  sumRows(x: FloatArray, out: FloatArray, rows: number, columns: number): void;
}

/** What makes training images others of the same class (see src/data/augment-pictures.ts). */
export interface AugmentKernels {
  /**
   * out = a part of each image of x, brought to the size of the whole by bilinear interpolation. boxes (batch, 4) has
   * each part's top, left, height and width, which lie inside the image. Output pixel o of n along an axis lies at
   * (o + 1/2) size / n - 1/2 in the part, or at its border where that is outside, and mixes the two pixels around it.
   */
  cropImages(x: FloatArray, boxes: Int32Array, out: FloatArray, g: ImageGeometry): void;
  /**
   * out = x with another brightness, contrast and saturation. Pixels are x std + mean, both (channels, height, width),
   * and what they become is kept within 0 to 255 after each of three changes by factors (batch, 3): brightness times a
   * pixel; contrast times its distance from the mean grey of its image; and saturation times its distance from the grey
   * at its place, where there are three channels. Grey is 0.299 red + 0.587 green + 0.114 blue of three, else the
   * channels' mean.
   */
  jitterColors(
    x: FloatArray, factors: FloatArray, mean: FloatArray, std: FloatArray, out: FloatArray, g: ImageGeometry,
  ): void;
}

/** Every kernel a backend can offer. */
export interface Kernels
  extends MatrixKernels, ConvKernels, PoolKernels, ActivationKernels, NormKernels, FusedKernels, ConvPoolKernels,
  LossKernels, UpdateKernels, ListKernels, ElementwiseKernels, AugmentKernels {}

export type KernelName = keyof Kernels;

export type BackendName = 'naive' | 'js' | 'simd';
