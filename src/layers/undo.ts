/**
 * What a training pass renews beside the parameters, running averages, is put back where the step that it was made for
 * throws: one batch with a NaN would spoil them for good.
 */

let noted: Array<() => void> | null = null;

/** Notes how something that changes now is put back; of no account outside undoneOnError. */
export function noteUndo(undo: () => void): void {
  noted?.push(undo);
}

/** Runs fn; where it throws, what was noted meanwhile is undone, the latest first. */
export function undoneOnError<T>(fn: () => T): T {
  const before = noted;
  const own: Array<() => void> = [];
  noted = own;
  try {
    const result = fn();
    before?.push(...own);
    return result;
  } catch (error) {
    for (const undo of own.reverse()) undo();
    throw error;
  } finally {
    noted = before;
  }
}
