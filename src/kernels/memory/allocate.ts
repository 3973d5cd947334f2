/**
 * Where results live. Outside a step, every result is an ordinary garbage-collected typed array. Inside a step
 * (`inStep`), a backend that owns memory hands out slices of it, which the next step reuses.
 *
 * The seam: a backend installs a StepMemory with `installStepMemory`; nothing above the kernels knows which one is in use.
 */

export type DType = 'float32' | 'float64' | 'int32' | 'uint8';
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** Says whether memory handed out during a step may still be read. One lease is shared by a whole step. */
export interface Lease {
  readonly valid: boolean;
}

/** Memory that is reused step after step. */
export interface StepMemory {
  /** starts a step: everything handed out during the last one becomes invalid */
  begin(): void;
  /** an array with unspecified contents, valid until the step ends */
  allocate(dtype: DType, length: number): TypedArray;
  /** ends the step and invalidates what it handed out */
  end(): void;
  readonly lease: Lease;
}

let installed: StepMemory | null = null;
let depth = 0;

/** Makes steps use this memory (null: garbage-collected arrays). Called by a backend when it is selected. */
export function installStepMemory(memory: StepMemory | null): void {
  if (depth > 0) throw new Error('configure: the backend cannot change inside a training step');
  installed = memory;
}

/** An array of the given type. Its contents are unspecified: the caller overwrites all of it. */
export function allocate(dtype: DType, length: number): TypedArray {
  if (depth > 0 && installed !== null) return installed.allocate(dtype, length);
  return allocateCollected(dtype, length);
}

/** A zeroed, garbage-collected array, also inside a step: for state that outlives it. */
export function allocateCollected(dtype: DType, length: number): TypedArray {
  switch (dtype) {
    case 'float32': return new Float32Array(length);
    case 'float64': return new Float64Array(length);
    case 'int32': return new Int32Array(length);
    case 'uint8': return new Uint8Array(length);
  }
}

/** The lease that arrays allocated now fall under; null when they are garbage-collected. */
export function currentLease(): Lease | null {
  return depth > 0 && installed !== null ? installed.lease : null;
}

/** True inside a step. */
export function insideStep(): boolean {
  return depth > 0;
}

/**
 * Runs one step. Results that must outlive it are copied out by the caller before fn returns (`allocateCollected`).
 * Steps do not nest: an inner one is part of the outer.
 */
export function inStep<T>(fn: () => T): T {
  if (depth > 0) return fn();
  const memory = installed;
  memory?.begin();
  depth = 1;
  try {
    return fn();
  } finally {
    depth = 0;
    memory?.end();
  }
}
