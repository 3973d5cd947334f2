/** The optimiser on the device: its rules as jobs, and what it remembers of each parameter as buffers. */

import type { Variable } from '../../autograd/variable.ts';
import type { Optimizer, OptimizerState, PlannedUpdate } from '../../nn/optimizers.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { checkedSettings, type RuleDefinition } from '../../update/rule.ts';
import type { DeviceParameter } from '../network/form.ts';
import type { Prepared, Session, Wanted } from '../webgpu/session.ts';
import { groupsFor, job } from '../webgpu/shader.ts';
import { axpyShader } from '../webgpu/shaders/elementwise.ts';
import { updateRules, type UpdateName, updateShaders } from '../webgpu/shaders/update.ts';
import type { GpuBuffer } from '../webgpu/types.ts';
import { contiguousData } from '../../tensor/internal.ts';

/** One parameter that is updated on the device. */
interface Updated {
  readonly parameter: Variable;
  readonly on: DeviceParameter;
  readonly state: Map<string, GpuBuffer>;
  /** steps that the rule has counted before those made here */
  readonly counted: number;
  rule: RuleDefinition | null;
  /** takes the L2 share of the weights into the gradient; null where there is none */
  l2: Prepared | null;
  update: Prepared | null;
  /** the numbers that the jobs have now, to send only what changes */
  sent: string;
}

export class DeviceUpdates {
  readonly #session: Session;
  readonly #optimizer: Optimizer;
  readonly #updated: Updated[] = [];

  /** `parameter` gives the buffers of those that the network has. */
  constructor(session: Session, optimizer: Optimizer, parameter: (variable: Variable) => DeviceParameter | undefined) {
    this.#session = session;
    this.#optimizer = optimizer;
    for (const { parameter: variable, config } of optimizer.plan()) {
      const on = parameter(variable);
      if (on === undefined) continue;
      this.#updated.push({
        parameter: variable, on, state: new Map(), counted: config.t ?? 0, rule: null, l2: null, update: null, sent: '',
      });
    }
  }

  /** The jobs of the next step, which is the made + 1st here, with the settings that the optimiser has now. */
  jobs(made: number): Prepared[] {
    const plans = new Map(this.#optimizer.plan().map((plan) => [plan.parameter, plan]));
    return this.#updated.flatMap((each) => {
      const plan = plans.get(each.parameter);
      if (plan === undefined || !each.parameter.requiresGrad) return [];
      const { kernel, numbers } = callOf(plan.rule, plan, each.counted + made + 1);
      const length = each.parameter.size;
      const values: Record<string, number> = { length };
      updateRules[kernel].numbers.forEach((name, i) => { values[name] = numbers[i]; });
      if (each.rule !== plan.rule || each.update === null) {
        for (const old of [each.l2, each.update]) old?.numbers.destroy();
        each.rule = plan.rule;
        const states = plan.rule.state.map((name) => this.#state(each, plan, name));
        const buffers = Object.fromEntries(updateRules[kernel].state.map((name, i) => [name, states[i]]));
        each.update = this.#session.prepare(job(
          updateShaders[kernel], { w: each.on.value, dw: each.on.gradient, ...buffers }, values, groupsFor(length),
        ));
        each.l2 = this.#session.prepare(job(
          axpyShader, { x: each.on.value, y: each.on.gradient }, { length, s: plan.l2 }, groupsFor(length),
        ));
        each.sent = JSON.stringify([values, plan.l2]);
      }
      const wanted = JSON.stringify([values, plan.l2]);
      if (wanted !== each.sent) {
        each.sent = wanted;
        this.#session.setNumbers(each.update, values);
        this.#session.setNumbers(each.l2!, { length, s: plan.l2 });
      }
      return plan.l2 === 0 ? [each.update] : [each.l2!, each.update];
    });
  }

  /** All that was allocated here. */
  get buffers(): GpuBuffer[] {
    return this.#updated.flatMap(({ state, l2, update }) =>
      [...state.values(), ...[l2, update].flatMap((each) => (each === null ? [] : [each.numbers]))]);
  }

  /** What is remembered, for reading. */
  wanted(): Wanted[] {
    return this.#updated.flatMap(({ state, parameter: { size } }) =>
      [...state.values()].map((buffer) => ({ buffer, length: size })));
  }

  /** The optimiser's state after so many steps here, from the arrays that `wanted` asked for. */
  stateFrom(arrays: readonly Float32Array[], made: number): OptimizerState<never> {
    const before = this.#optimizer.stateDict();
    const state: Record<string, Tensor> = { ...before.state };
    const numbers = new Map(this.#optimizer.plan().map(({ parameter, index }) => [parameter, index]));
    let at = 0;
    for (const { parameter, state: buffers, counted, rule } of this.#updated) {
      const index = numbers.get(parameter);
      for (const name of buffers.keys()) state[`${index}.${name}`] = new Tensor(arrays[at++], parameter.shape);
      if (rule?.counts === true) state[`${index}.t`] = new Tensor(Float64Array.of(counted + made), []);
    }
    return { state, groups: before.groups as never };
  }

  /** What is remembered of a parameter under a name: the optimiser's own at first, else zeros. */
  #state(each: Updated, { config, rule }: PlannedUpdate, name: RuleDefinition['state'][number]): GpuBuffer {
    const found = each.state.get(name);
    if (found !== undefined) return found;
    const buffer = this.#session.buffer(each.parameter.size, `${rule.name}'s ${name}`);
    const kept = config[name];
    if (kept !== undefined) this.#session.upload(buffer, contiguousData(kept) as Float32Array);
    each.state.set(name, buffer);
    return buffer;
  }
}

/** The kernel that a rule calls at its t-th step, and the numbers that it gives it. */
function callOf(
  rule: RuleDefinition, { config }: PlannedUpdate, t: number,
): { kernel: UpdateName; numbers: readonly number[] } {
  return { kernel: rule.kernel, numbers: rule.numbers(checkedSettings(rule, config), t) };
}
