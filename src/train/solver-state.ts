/** Everything that a Solver needs to go on exactly where it was, as one value; and that value as bytes. */

import type { Bytes } from '../io/bytes.ts';
import type { StateTree, TrainableModel } from '../models/model.ts';
import { describe } from '../runtime/check.ts';
import { printable } from '../runtime/text.ts';
import { shapeText } from '../tensor/check.ts';
import type { GeneratorState } from '../tensor/random/source.ts';
import { sameShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { findNonFinite } from './divergence.ts';
import { copyTree, decodeTree, encodeTree, isPlainObject } from './state-tree.ts';

/** A model's parameters and its state beside them, at one moment. */
export interface Snapshot {
  readonly params: Record<string, Tensor>;
  /** what the model's `state()` returned; null for models without */
  readonly state: StateTree;
}

/** The options that a resumed run must share with the one that was stopped. */
export type RunSettings = Record<string, StateTree>;

export interface SolverState {
  settings: RunSettings;
  iteration: number;
  epoch: number;
  /** the product of lrDecay over the epochs so far */
  decay: number;
  /** the iteration after which accuracy was last measured */
  lastCheck: number;
  trainSeconds: number;
  rng: GeneratorState;
  /** the order of the examples in the epoch under way, int32 (N), and that epoch's number; null before the first */
  order: Tensor | null;
  orderEpoch: number;
  lossHistory: number[];
  trainAccHistory: number[];
  valAccHistory: number[];
  bestValAcc: number;
  /** epochs on end whose validation accuracy was not above the best */
  staleEpochs: number;
  model: Snapshot;
  best: Snapshot | null;
  optimizer: StateTree;
  /** the slow weights of lookahead; null without */
  lookahead: StateTree;
}

/** The metadata entry that marks a checkpoint. */
const label = 'tilegrad checkpoint';
const version = 2;

/** What the model holds now, which training will overwrite. */
export function contentsOf(model: TrainableModel): Snapshot {
  return { params: { ...model.params }, state: model.state?.() ?? null };
}

/** A copy of what the model holds now. */
export function takeSnapshot(model: TrainableModel): Snapshot {
  return copyTree<{ params: Record<string, Tensor>; state: StateTree }>(contentsOf(model));
}

/** Puts a snapshot back into the model that it was taken from; the snapshot stays as it is. */
export function loadSnapshot(model: TrainableModel, snapshot: Snapshot): void {
  if (snapshot.state !== null) model.loadState?.(copyTree(snapshot.state));
  for (const [name, values] of Object.entries(snapshot.params)) model.params[name].assign(values);
}

/**
 * Loads snapshots in turn, so that the last one stays. Where the model refuses one, it is left as it was: a state that
 * does not fit is to be refused now, not when training ends and the best parameters are put back.
 */
export function loadSnapshots(model: TrainableModel, ...snapshots: ReadonlyArray<Snapshot | null>): void {
  const before = takeSnapshot(model);
  try {
    for (const snapshot of snapshots) if (snapshot !== null) loadSnapshot(model, snapshot);
  } catch (error) {
    loadSnapshot(model, before);
    throw error;
  }
}

/**
 * The state as a safetensors file with the given texts in its metadata. Throws TypeError, with fn in front, for model
 * or rule state that is not plain.
 */
export function encodeState(
  fn: string, state: SolverState, metadata: Readonly<Record<string, string>>,
): Bytes {
  const tree = {
    ...state,
    version,
    lossHistory: listTensor(state.lossHistory),
    trainAccHistory: listTensor(state.trainAccHistory),
    valAccHistory: listTensor(state.valAccHistory),
  };
  return encodeTree(fn, label, tree as unknown as StateTree, metadata);
}

/**
 * Decodes and checks a checkpoint against the model, the settings and the number of training examples of the run that
 * is to go on with it. Throws RangeError for a damaged file, another version, anything missing or unknown, and whatever
 * does not fit.
 */
export function decodeState(
  fn: string, bytes: Uint8Array, model: TrainableModel, settings: RunSettings, examples: number,
): SolverState {
  const tree = decodeTree(fn, label, bytes);
  if (!isPlainObject(tree)) throw new RangeError(`${fn}: the checkpoint is damaged`);
  if (tree.version !== version) {
    throw new RangeError(`${fn}: the checkpoint has version ${describe(tree.version)}, this library reads ${version}`);
  }
  checkSettings(fn, tree.settings, settings);
  const order = tree.order;
  if (order !== null && !(order instanceof Tensor && isOrder(order, examples))) {
    throw new RangeError(`${fn}: the checkpoint's order of examples is not a permutation of ${examples}`);
  }
  const iteration = count(fn, tree, 'iteration');
  const lossHistory = numberList(fn, tree, 'lossHistory');
  if (lossHistory.length !== iteration) {
    throw new RangeError(`${fn}: the checkpoint has ${lossHistory.length} losses for ${iteration} iterations`);
  }
  const epoch = count(fn, tree, 'epoch');
  if (epoch !== Math.floor(iteration / Math.max(1, Math.floor(examples / (settings.batchSize as number))))) {
    throw new RangeError(`${fn}: the checkpoint is in epoch ${epoch} after ${iteration} iterations`);
  }
  const state: SolverState = {
    settings,
    iteration,
    epoch,
    decay: finite(fn, tree, 'decay'),
    lastCheck: count(fn, tree, 'lastCheck'),
    trainSeconds: finite(fn, tree, 'trainSeconds'),
    rng: tree.rng as unknown as GeneratorState, // checked by setState
    order,
    orderEpoch: finite(fn, tree, 'orderEpoch'),
    lossHistory,
    trainAccHistory: numberList(fn, tree, 'trainAccHistory'),
    valAccHistory: numberList(fn, tree, 'valAccHistory'),
    bestValAcc: finite(fn, tree, 'bestValAcc'),
    staleEpochs: count(fn, tree, 'staleEpochs'),
    model: snapshot(fn, 'model', tree.model, model),
    best: tree.best === null ? null : snapshot(fn, 'best', tree.best, model),
    optimizer: tree.optimizer,
    lookahead: tree.lookahead ?? null,
  };
  for (const name of Object.keys(tree)) {
    if (name === 'version' || Object.hasOwn(state, name)) continue;
    throw new RangeError(`${fn}: the checkpoint has an unknown entry ${describe(name)}`);
  }
  return state;
}

function checkSettings(fn: string, saved: StateTree, wanted: RunSettings): void {
  if (!isPlainObject(saved)) throw new RangeError(`${fn}: the checkpoint lacks its settings`);
  for (const [name, value] of Object.entries(wanted)) {
    const before = canonical(saved[name]);
    const now = canonical(value);
    if (before !== now) {
      throw new RangeError(`${fn}: the checkpoint was made with ${name} ${printable(before)}, this Solver has ${printable(now)}`);
    }
  }
}

/** Equal text for equal values, whatever the order of keys. */
function canonical(value: StateTree): string {
  if (!isPlainObject(value)) return String(JSON.stringify(value));
  return `{${Object.keys(value).sort().map((key) => `${key}: ${canonical(value[key])}`).join(', ')}}`;
}

function snapshot(fn: string, name: string, saved: StateTree, model: TrainableModel): Snapshot {
  if (!isPlainObject(saved) || !isPlainObject(saved.params)) {
    throw new RangeError(`${fn}: the checkpoint lacks ${name}`);
  }
  const { params, state } = saved;
  for (const [key, tensor] of Object.entries(params)) {
    if (!(tensor instanceof Tensor)) throw new RangeError(`${fn}: the checkpoint's ${printable(key)} is not a tensor`);
    const parameter = Object.hasOwn(model.params, key) ? model.params[key] : undefined;
    if (parameter === undefined) {
      throw new RangeError(`${fn}: the checkpoint has a parameter ${printable(key)}, the model has not`);
    }
    if (!sameShape(tensor.shape, parameter.shape) || tensor.dtype !== parameter.dtype) {
      throw new RangeError(
        `${fn}: the checkpoint's ${printable(key)} is ${tensor.dtype} ${shapeText(tensor.shape)}, ` +
        `the model's ${parameter.dtype} ${shapeText(parameter.shape)}`,
      );
    }
  }
  for (const key of Object.keys(model.params)) {
    if (!Object.hasOwn(params, key)) {
      throw new RangeError(`${fn}: the model has a parameter ${printable(key)}, the checkpoint has not`);
    }
  }
  const kept = { params: params as Record<string, Tensor>, state: state ?? null };
  if (kept.state !== null && model.loadState === undefined) {
    throw new RangeError(`${fn}: the checkpoint holds state beside the parameters, the model has no loadState`);
  }
  if (kept.state === null && (model.state?.() ?? null) !== null) {
    throw new RangeError(`${fn}: the model has state beside the parameters, the checkpoint holds none`);
  }
  const bad = findNonFinite(kept);
  if (bad !== null) throw new RangeError(`${fn}: the checkpoint holds parameters that diverged (${bad})`);
  return kept;
}

function isOrder(order: Tensor, examples: number): boolean {
  if (order.dtype !== 'int32' || order.ndim !== 1 || order.size !== examples) return false;
  const seen = new Uint8Array(examples);
  for (const example of order.data) {
    if (example < 0 || example >= examples || seen[example] === 1) return false;
    seen[example] = 1;
  }
  return true;
}

function listTensor(values: readonly number[]): Tensor {
  return new Tensor(Float64Array.from(values));
}

function numberList(fn: string, tree: Record<string, StateTree>, name: string): number[] {
  const value = tree[name];
  if (!(value instanceof Tensor) || value.ndim !== 1) throw new RangeError(`${fn}: the checkpoint lacks ${name}`);
  return Array.from(value.data);
}

function finite(fn: string, tree: Record<string, StateTree>, name: string): number {
  const value = tree[name];
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new RangeError(`${fn}: the checkpoint's ${name} must be a finite number, got ${describe(value)}`);
  }
  return value;
}

function count(fn: string, tree: Record<string, StateTree>, name: string): number {
  const value = finite(fn, tree, name);
  if (!Number.isInteger(value) || value < 0) {
    throw new RangeError(`${fn}: the checkpoint's ${name} must be a count, got ${value}`);
  }
  return value;
}
