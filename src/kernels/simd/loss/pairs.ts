/** Two neighbouring elements as float64: what the losses compute with. */

import { apply, type Body, type FloatKind, load, loadZero, type Value } from '../../../wasm/index.ts';

export function loadPair(float: FloatKind, from: Value): Value {
  if (float === 'f64') return load('f64x2', from);
  return apply('f64x2.promote_low_f32x4', 'f64x2', [loadZero('f64x2', from).as('f32x4')]);
}

export function storePair(f: Body, float: FloatKind, to: Value, pair: Value): void {
  if (float === 'f64') f.store(to, pair);
  else f.storeLane(to, apply('f32x4.demote_f64x2_zero', 'f32x4', [pair]).as('f64x2'), 0);
}
