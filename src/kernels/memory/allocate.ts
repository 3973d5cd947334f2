/**
 * Where results live. Outside a step, every result is an ordinary garbage-collected typed array. Inside a step
 * (`inStep`), a backend that owns memory hands out slices of it, which the next step reuses.
 *
 * The seam: a backend installs a StepMemory with `installStepMemory`; nothing above the kernels knows which is in use.
 */

export type DType = 'float32' | 'float64' | 'int32' | 'uint8';
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** Says whether memory that was handed out may still be read. A whole step shares one lease. */
export interface Lease {
  readonly valid: boolean;
  /** where the elements are once it is not, of an array that was to be kept */
  readonly copy?: TypedArray;
}

/** One array that was lent on its own (see loan.ts). Its tensors carry it as their lease. */
export interface Loan extends Lease {
  /** gives the memory back: what still refers to it refuses to be read from now on, unless it is to be kept */
  release(): void;
  /** has the array stay readable though it is released: within a step to its end, else for as long as it is reached */
  keep(): void;
}

/** A backend's memory: what steps reuse, and where parameters and optimiser state live. */
export interface StepMemory {
  /** starts a step: everything handed out during the last one becomes invalid */
  begin(): void;
  /** an array with unspecified contents, valid until the step ends */
  allocate(dtype: DType, length: number): TypedArray;
  /** the same with a loan, which gives it back to the step before its end; null where `allocate` is to serve */
  borrow?(dtype: DType, length: number): readonly [array: TypedArray, loan: Loan] | null;
  /** ends the step and invalidates what it handed out */
  end(): void;
  readonly lease: Lease;
  /** a single array outside steps, with unspecified contents, and its loan; null where an ordinary array is to serve */
  lend?(dtype: DType, length: number): readonly [array: TypedArray, loan: Loan] | null;
  /** a zeroed array outside steps, which lives until it is collected; null when the backend has no room for it */
  resident?(dtype: DType, length: number): TypedArray | null;
}

let installed: StepMemory | null = null;
/** what the step under way uses: that which was installed when it began */
let active: StepMemory | null = null;
let depth = 0;
/** where the loans of what is allocated outside a step are noted; null where nothing is lent */
let loans: Loan[] | null = null;
/** the loan of the array that was allocated last, if it was lent */
let latest: Loan | null = null;

/**
 * Makes steps use this memory (null: garbage-collected arrays). Called by a backend when it is selected. Inside a step
 * it takes effect with the next one: kernels of every backend accept arrays of either kind.
 */
export function installStepMemory(memory: StepMemory | null): void {
  installed = memory;
}

let chooseBackend: () => void = () => undefined;

/** Registers what gives the configured backend the chance to install its memory before the first is handed out. */
export function onMemoryNeeded(choose: () => void): void {
  chooseBackend = choose;
}

/** An array of the given type. Its contents are unspecified: the caller overwrites all of it. */
export function allocate(dtype: DType, length: number): TypedArray {
  const lent = loans === null ? null
    : active === null ? installed?.lend?.(dtype, length) ?? null : active.borrow?.(dtype, length) ?? null;
  if (lent === null) {
    latest = null;
    return active === null ? allocateCollected(dtype, length) : active.allocate(dtype, length);
  }
  latest = lent[1];
  loans!.push(latest);
  return lent[0];
}

/**
 * Runs fn; what it allocates is lent where the backend has memory for it, inside a step the step's, and the loans are
 * added to the list.
 */
export function lend<T>(list: Loan[], fn: () => T): T {
  if (installed === null) chooseBackend();
  const before = loans;
  loans = list;
  try {
    return fn();
  } finally {
    loans = before;
    latest = null;
  }
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

/**
 * A zeroed array for parameters and optimiser state: in the backend's memory, where kernels reach it without copying,
 * or an ordinary one where the backend has no memory of its own. It is garbage-collected as a whole either way; a
 * subarray of it does not keep it alive, so keep the array itself.
 */
export function residentArray(dtype: DType, length: number): TypedArray {
  if (installed === null) chooseBackend();
  return installed?.resident?.(dtype, length) ?? allocateCollected(dtype, length);
}

/** The lease that the array allocated last falls under; null when it is garbage-collected. */
export function currentLease(): Lease | null {
  return latest ?? active?.lease ?? null;
}

/** True inside a step. */
export function insideStep(): boolean {
  return depth > 0;
}

/**
 * Runs one step. Results that must outlive it are copied out by the caller before fn returns (`allocateCollected`).
 * Steps do not nest: an inner one is part of the outer. Throws TypeError for an fn that goes on after it has returned:
 * an async function before it begins, any other that gives a promise when it has given it.
 */
export function inStep<T>(fn: () => T): T {
  if (Object.prototype.toString.call(fn) === '[object AsyncFunction]') throw goesOn();
  if (depth > 0) return finished(fn());
  if (installed === null) chooseBackend();
  installed?.begin();
  active = installed;
  depth = 1;
  const before = loans;
  loans = null;
  try {
    return finished(fn());
  } finally {
    loans = before;
    depth = 0;
    active?.end();
    active = null;
  }
}

/** result, unless it is yet to come. */
function finished<T>(result: T): T {
  if (typeof (result as PromiseLike<unknown> | null)?.then !== 'function') return result;
  // the error below is all that the caller hears of it
  (result as PromiseLike<unknown>).then(undefined, () => undefined);
  throw goesOn();
}

function goesOn(): TypeError {
  return new TypeError(
    'inStep: fn must be a function that has finished when it returns, got one that gives a promise: ' +
    "a step's memory is used again as soon as fn has returned",
  );
}
