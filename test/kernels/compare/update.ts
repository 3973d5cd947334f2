import fc from 'fast-check';
import type { FloatArray, KernelName, Kernels, UpdateKernels } from '../../../src/kernels/contract.ts';
import { naiveKernels as naive } from '../../../src/kernels/naive/index.ts';
import { kernelCase, type AnyCase } from './case.ts';
import { lengths } from './elementwise.ts';

/** An update rule: its state arrays, and the call with the weights, the gradient, the state and their successors. */
interface Rule {
  readonly kernel: KernelName;
  readonly title?: string;
  /** the share of the weight that is added to the gradient before it enters the state */
  readonly decay?: number;
  /** each state array by name; a running square may not be negative */
  readonly states: ReadonlyArray<{ readonly name: string; readonly positive: boolean }>;
  call(
    k: Kernels, w: FloatArray, dw: FloatArray, state: FloatArray[], nextW: FloatArray, nextState: FloatArray[],
  ): void;
  /** how large the terms of the step are, from |w|, |dw| and |state|: the step's scale besides |w| */
  step(dw: number, state: readonly number[]): number;
}

const rate = 0.125;
const momentum = 0.9;
const epsilon = 1e-8;
const velocity = [{ name: 'v', positive: false }];
const cache = [{ name: 'cache', positive: true }];

/** Adam at its t-th step, with decoupled weight decay or none. */
function adam(t: number, decay: number): Rule {
  const [beta1, beta2] = [0.9, 0.999];
  const [correction1, correction2] = [1 - beta1 ** t, 1 - beta2 ** t];
  return {
    kernel: 'adamUpdate',
    title: `step ${t}, decay ${decay}`,
    states: [{ name: 'm', positive: false }, { name: 'v', positive: true }],
    call: (k, w, dw, [m, v], nextW, [nextM, nextV]) => {
      k.adamUpdate(
        w, dw, m, v, nextW, nextM, nextV, rate, beta1, beta2, epsilon, correction1, correction2, decay,
      );
    },
    step: (dw, [m, v]) => rate * (beta1 * m + (1 - beta1) * dw) / correction1
      / (Math.sqrt((beta2 * v + (1 - beta2) * dw * dw) / correction2) + epsilon),
  };
}

const rules: readonly Rule[] = [
  {
    kernel: 'sgdUpdate', states: [],
    call: (k, w, dw, _, nextW) => { k.sgdUpdate(w, dw, nextW, rate); },
    step: (dw) => rate * dw,
  },
  {
    kernel: 'momentumUpdate', states: velocity,
    call: (k, w, dw, [v], nextW, [nextV]) => { k.momentumUpdate(w, dw, v, nextW, nextV, rate, momentum); },
    step: (dw, [v]) => momentum * v + rate * dw,
  },
  {
    kernel: 'nesterovUpdate', states: velocity,
    call: (k, w, dw, [v], nextW, [nextV]) => { k.nesterovUpdate(w, dw, v, nextW, nextV, rate, momentum); },
    step: (dw, [v]) => momentum * v + (1 + momentum) * (momentum * v + rate * dw),
  },
  ...[false, true].map((lookAhead): Rule => ({
    kernel: 'decayedMomentumUpdate', title: lookAhead ? 'looking ahead' : 'plain', states: velocity, decay: 0.01,
    call: (k, w, dw, [v], nextW, [nextV]) => {
      k.decayedMomentumUpdate(w, dw, v, nextW, nextV, rate, momentum, 0.01, lookAhead);
    },
    step: (dw, [v]) => rate * (2 * dw + momentum * v + 0.02),
  })),
  {
    kernel: 'rmspropUpdate', states: cache,
    call: (k, w, dw, [c], nextW, [nextC]) => { k.rmspropUpdate(w, dw, c, nextW, nextC, rate, 0.99, epsilon); },
    step: (dw, [c]) => rate * dw / (Math.sqrt(0.99 * c + 0.01 * dw * dw) + epsilon),
  },
  {
    kernel: 'adagradUpdate', states: cache,
    call: (k, w, dw, [c], nextW, [nextC]) => { k.adagradUpdate(w, dw, c, nextW, nextC, rate, epsilon); },
    step: (dw, [c]) => rate * dw / (Math.sqrt(c + dw * dw) + epsilon),
  },
  adam(1, 0),
  adam(7, 0),
  adam(3, 0.01),
];

/** What state and gradient hold at a first step: zeros, which must not divide by zero. */
const shapes = fc.record({ length: lengths, inPlace: fc.boolean(), firstStep: fc.boolean(), still: fc.boolean() });

function ruleCase(rule: Rule): AnyCase {
  return kernelCase({
    kernel: rule.kernel,
    title: rule.title,
    shapes,
    check: (bench, tested, s) => {
      const w = bench.random('w', s.length);
      const dw = s.still ? bench.given('dw', new Float64Array(s.length)) : bench.random('dw', s.length);
      const state = rule.states.map(({ name, positive }) => s.firstStep
        ? bench.given(name, new Float64Array(s.length))
        : bench.random(name, s.length, positive ? { atLeast: 0 } : {}));
      const place = (name: string, from: FloatArray): FloatArray =>
        s.inPlace ? bench.inPlace(name, from) : bench.output(name, s.length);
      const nextW = place('nextW', w);
      const nextState = rule.states.map(({ name }, i) => place(`next ${name}`, state[i]));
      const wanted = [bench.expected(s.length), ...state.map(() => bench.expected(s.length))];
      rule.call(tested, s.inPlace ? nextW : w, dw, s.inPlace ? nextState : state, nextW, nextState);
      rule.call(naive, w, dw, state, wanted[0], wanted.slice(1));

      const stateAt = (i: number): number[] => state.map((array) => Math.abs(array[i]));
      bench.close('nextW', nextW, wanted[0], Float64Array.from(w, (value, i) =>
        Math.abs(value) + rule.step(Math.abs(dw[i]), stateAt(i))));
      nextState.forEach((actual, j) => {
        const scale = rule.states[j].positive
          ? undefined
          : Float64Array.from(dw, (d, i) => Math.abs(d) + Math.abs(state[j][i]) + (rule.decay ?? 0) * Math.abs(w[i]));
        bench.close(`next ${rule.states[j].name}`, actual, wanted[j + 1], scale);
      });
    },
  });
}

/** Parameters of many lengths, short ones and one beyond a task's share among them, by every rule. */
const listShapes = fc.record({
  lengths: fc.array(
    fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 16_000, max: 40_000 })), { maxLength: 6 },
  ),
  rule: fc.constantFrom(...rules.filter(({ title }) => title !== 'step 1, decay 0')),
});

/** What the calls of a rule are given after the arrays. */
function numbersOf(rule: Rule): number[] {
  const numbers: number[] = [];
  const note = (...given: unknown[]): void => {
    numbers.push(...given.filter((each) => typeof each !== 'object').map(Number));
  };
  const nothing = new Float32Array(0);
  const states = rule.states.map(() => nothing);
  rule.call({ [rule.kernel]: note } as unknown as Kernels, nothing, nothing, states, nothing, states);
  return numbers;
}

const listCase: AnyCase = kernelCase({
  kernel: 'updateEach',
  shapes: listShapes,
  check: (bench, tested, { lengths: sizes, rule }) => {
    const name = rule.kernel as keyof UpdateKernels;
    const parameters = sizes.map((length, i) => ({
      w: bench.inPlace(`w ${i}`, bench.random(`first w ${i}`, length)),
      dw: bench.random(`dw ${i}`, length),
      state: rule.states.map(({ name: each, positive }) =>
        bench.inPlace(`${each} ${i}`, bench.random(`first ${each} ${i}`, length, positive ? { atLeast: 0.5 } : {}))),
    }));
    const wanted = parameters
      .map(({ w, dw, state }) => ({ w: w.slice(), dw, state: state.map((each) => each.slice()) }));
    const scales = parameters.map(({ w, dw, state }) => Float64Array.from(w, (value, j) =>
      1 + Math.abs(value) + Math.abs(dw[j]) + state.reduce((sum, each) => sum + Math.abs(each[j]), 0)));
    tested.updateEach(name, parameters, numbersOf(rule));
    naive.updateEach(name, wanted, numbersOf(rule));
    parameters.forEach(({ w, state }, i) => {
      bench.close(`w ${i}`, w, wanted[i].w, scales[i]);
      state.forEach((each, j) => bench.close(`state ${j} of ${i}`, each, wanted[i].state[j], scales[i]));
    });
  },
});

export const updateCases: readonly AnyCase[] = [...rules.map(ruleCase), listCase];
