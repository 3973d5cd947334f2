/** What is being trained now: two trainings of one network at a time would overwrite each other's weights unnoticed. */

const trained = new WeakSet<object>();

/** Throws TypeError, with fn in front, where one of these models or parameters is being trained. */
export function checkUntrained(fn: string, parts: readonly object[]): void {
  if (parts.some((part) => trained.has(part))) {
    throw new TypeError(`${fn}: the model is being trained already, by fit(), Solver.train() or trainOnDevice(); await that, stop it with its signal, or close() it`);
  }
}

/** Marks these as being trained; returns what takes the mark off again, once. Throws as checkUntrained does. */
export function claimForTraining(fn: string, parts: readonly object[]): () => void {
  checkUntrained(fn, parts);
  const own = [...parts];
  for (const part of own) trained.add(part);
  return () => { for (const part of own.splice(0)) trained.delete(part); };
}
