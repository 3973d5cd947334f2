/** Kinds of values: the scalar types, and the 128-bit vector by how its lanes are read. */

import type { ValueType } from './opcodes.ts';

export type ScalarKind = 'i32' | 'i64' | 'f32' | 'f64';
export type VectorKind = 'i8x16' | 'i16x8' | 'i32x4' | 'i64x2' | 'f32x4' | 'f64x2';
export type Kind = ScalarKind | VectorKind;

/** The element types that kernels are emitted for. */
export type FloatKind = 'f32' | 'f64';

interface KindFacts {
  readonly type: ValueType;
  readonly bytes: number;
  readonly lanes: number;
  /** the scalar that a lane is read into and splatted from */
  readonly scalar: ScalarKind;
}

const facts: Readonly<Record<Kind, KindFacts>> = {
  i32: { type: 'i32', bytes: 4, lanes: 1, scalar: 'i32' },
  i64: { type: 'i64', bytes: 8, lanes: 1, scalar: 'i64' },
  f32: { type: 'f32', bytes: 4, lanes: 1, scalar: 'f32' },
  f64: { type: 'f64', bytes: 8, lanes: 1, scalar: 'f64' },
  i8x16: { type: 'v128', bytes: 16, lanes: 16, scalar: 'i32' },
  i16x8: { type: 'v128', bytes: 16, lanes: 8, scalar: 'i32' },
  i32x4: { type: 'v128', bytes: 16, lanes: 4, scalar: 'i32' },
  i64x2: { type: 'v128', bytes: 16, lanes: 2, scalar: 'i64' },
  f32x4: { type: 'v128', bytes: 16, lanes: 4, scalar: 'f32' },
  f64x2: { type: 'v128', bytes: 16, lanes: 2, scalar: 'f64' },
};

/** The WebAssembly type that holds this kind. */
export function typeOf(kind: Kind): ValueType {
  return facts[kind].type;
}

/** Bytes of one scalar, or of the whole vector (16). */
export function bytesOf(kind: Kind): number {
  return facts[kind].bytes;
}

/** Lanes of a vector; 1 for scalars. */
export function lanesOf(kind: Kind): number {
  return facts[kind].lanes;
}

/** The scalar kind of a vector's lanes as extract_lane gives them: i32 for the narrow integers. */
export function laneKind(kind: Kind): ScalarKind {
  return facts[kind].scalar;
}

export function isVector(kind: Kind): kind is VectorKind {
  return facts[kind].type === 'v128';
}

/** The vector of a float type: f32 -> f32x4, f64 -> f64x2. */
export function vectorOf(float: FloatKind): 'f32x4' | 'f64x2' {
  return float === 'f32' ? 'f32x4' : 'f64x2';
}
