/**
 * Update rules: one step of gradient descent from the weights w and their gradient dw, in one pass. What a rule
 * remembers (velocity, cache, moments) has the shape of w. Every next... array may be the same as its predecessor, so
 * each loop reads an element before it writes it.
 */

import type { FloatArray, ListKernels, UpdateKernels } from '../contract.ts';

/** Against the gradient: w - learningRate dw. */
export function sgdUpdate(w: FloatArray, dw: FloatArray, nextW: FloatArray, learningRate: number): void {
  for (let i = 0; i < w.length; i++) nextW[i] = w[i] - learningRate * dw[i];
}

/** Heavy-ball momentum (Polyak 1964): the weights roll with velocity v, which the gradient accelerates. */
export function momentumUpdate(
  w: FloatArray, dw: FloatArray, v: FloatArray, nextW: FloatArray, nextV: FloatArray,
  learningRate: number, momentum: number,
): void {
  for (let i = 0; i < w.length; i++) {
    const velocity = momentum * v[i] - learningRate * dw[i];
    nextV[i] = velocity;
    nextW[i] = w[i] + velocity;
  }
}

/**
 * Nesterov's momentum (1983), in the form of Bengio, Boulanger-Lewandowski & Pascanu 2013: w stands for the point
 * looked ahead to, so the gradient is taken there and the step is -momentum v + (1 + momentum) v'.
 */
export function nesterovUpdate(
  w: FloatArray, dw: FloatArray, v: FloatArray, nextW: FloatArray, nextV: FloatArray,
  learningRate: number, momentum: number,
): void {
  for (let i = 0; i < w.length; i++) {
    const before = v[i];
    const velocity = momentum * before - learningRate * dw[i];
    nextV[i] = velocity;
    nextW[i] = w[i] - momentum * before + (1 + momentum) * velocity;
  }
}

/**
 * Momentum as PyTorch has it, with weight decay (L2): the velocity sums gradients, and the rate multiplies the step.
 * With lookAhead it is Nesterov's, in the form of Sutskever, Martens, Dahl & Hinton 2013.
 */
export function decayedMomentumUpdate(
  w: FloatArray, dw: FloatArray, v: FloatArray, nextW: FloatArray, nextV: FloatArray,
  learningRate: number, momentum: number, weightDecay: number, lookAhead: boolean | number,
): void {
  for (let i = 0; i < w.length; i++) {
    const gradient = dw[i] + weightDecay * w[i];
    const velocity = momentum * v[i] + gradient;
    nextV[i] = velocity;
    nextW[i] = w[i] - learningRate * (lookAhead ? gradient + momentum * velocity : velocity);
  }
}

/** RMSprop (Tieleman & Hinton 2012): each weight's step is divided by a running root mean square of its gradient. */
export function rmspropUpdate(
  w: FloatArray, dw: FloatArray, cache: FloatArray, nextW: FloatArray, nextCache: FloatArray,
  learningRate: number, decayRate: number, epsilon: number,
): void {
  for (let i = 0; i < w.length; i++) {
    const meanSquare = decayRate * cache[i] + (1 - decayRate) * dw[i] * dw[i];
    nextW[i] = w[i] - learningRate * dw[i] / (Math.sqrt(meanSquare) + epsilon);
    nextCache[i] = meanSquare;
  }
}

/** AdaGrad (Duchi, Hazan & Singer 2011): divided by the root of the sum of all squared gradients so far. */
export function adagradUpdate(
  w: FloatArray, dw: FloatArray, cache: FloatArray, nextW: FloatArray, nextCache: FloatArray,
  learningRate: number, epsilon: number,
): void {
  for (let i = 0; i < w.length; i++) {
    const sumOfSquares = cache[i] + dw[i] * dw[i];
    nextW[i] = w[i] - learningRate * dw[i] / (Math.sqrt(sumOfSquares) + epsilon);
    nextCache[i] = sumOfSquares;
  }
}

/**
 * Adam (Kingma & Ba 2015): momentum m over RMS scaling v. Both start at zero and are too small at first; dividing by
 * correction = 1 - beta^t undoes that. decay > 0 shrinks the weights directly, apart from the gradient: AdamW
 * (Loshchilov & Hutter 2019).
 */
export function adamUpdate(
  w: FloatArray, dw: FloatArray, m: FloatArray, v: FloatArray, nextW: FloatArray, nextM: FloatArray,
  nextV: FloatArray, learningRate: number, beta1: number, beta2: number, epsilon: number,
  correction1: number, correction2: number, decay: number,
): void {
  for (let i = 0; i < w.length; i++) {
    const first = beta1 * m[i] + (1 - beta1) * dw[i];
    const second = beta2 * v[i] + (1 - beta2) * dw[i] * dw[i];
    nextW[i] = w[i] - decay * w[i]
      - learningRate * (first / correction1) / (Math.sqrt(second / correction2) + epsilon);
    nextM[i] = first;
    nextV[i] = second;
  }
}

/** One parameter after the other, by these rules. */
export function oneByOne(rules: UpdateKernels): ListKernels {
  return {
    updateEach(rule, parameters, numbers): void {
      const update = rules[rule] as (...given: ReadonlyArray<FloatArray | number>) => void;
      for (const { w, dw, state } of parameters) update(w, dw, ...state, w, ...state, ...numbers);
    },
  };
}

const rules: UpdateKernels = {
  sgdUpdate, momentumUpdate, nesterovUpdate, decayedMomentumUpdate, rmspropUpdate, adagradUpdate, adamUpdate,
};

export const naiveUpdate: UpdateKernels & ListKernels = { ...rules, ...oneByOne(rules) };
