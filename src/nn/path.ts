/**
 * Where in a model an error arose. While modules call each other, the calls under way are remembered; an error on the
 * way out gets the path of the innermost one in front of its message, once: `block2.conv1: Conv2d: ...`. The path is
 * looked up only then, so a call that succeeds pays for two array operations.
 */

/** the modules whose forward is under way, the outermost first */
const calls: object[] = [];
/** errors that carry a path already */
const named: WeakSet<Error> = new WeakSet();

/** A path with more names than this is cut in its middle. */
const mostNames = 20;

/** Runs a module's forward. */
export function underPath<T>(module: object, forward: () => T): T {
  calls.push(module);
  try {
    return forward();
  } catch (error) {
    if (error instanceof Error && !named.has(error)) {
      named.add(error);
      const path = pathOf(calls);
      if (path !== '') error.message = `${path}: ${error.message}`;
    }
    throw error;
  } finally {
    calls.pop();
  }
}

/** The path of the module that is computing; '' for the outermost and outside of any. */
export function currentPath(): string {
  return pathOf(calls);
}

/** The names by which each module of the chain is a field of one before it, joined by dots. */
function pathOf(chain: readonly object[]): string {
  const names: string[] = [];
  let owner = chain[0]; // a chain that a module keeps to itself has no name, its layers are found in the module
  for (let i = 1; i < chain.length; i++) {
    const name = nameWithin(owner, chain[i], 4) ?? nameWithin(chain[i - 1], chain[i], 4);
    if (name === null) continue;
    names.push(name);
    owner = chain[i];
  }
  return names.length > mostNames ? [...names.slice(0, mostNames / 2), '...', ...names.slice(-mostNames / 2)].join('.') : names.join('.');
}

/** The way from owner to target through fields, arrays and plain objects; null where there is none. */
function nameWithin(owner: object, target: object, depth: number): string | null {
  for (const [name, value] of Object.entries(owner)) {
    if (value === target) return name;
    if (depth === 0 || typeof value !== 'object' || value === null) continue;
    const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
    const inner = plain ? nameWithin(value as object, target, depth - 1) : null;
    if (inner !== null) return `${name}.${inner}`;
  }
  return null;
}
