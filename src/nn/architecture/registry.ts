/** The layers that can be described: those of this library, and what programs add. */

import { checkFunction, checkOptions, checkString, describe } from '../../runtime/check.ts';
import { Module } from '../module.ts';
import type { LayerDefinition } from './definition.ts';
import { ownLayers } from './known.ts';

/** What programs have added. */
const added = new Map<string, LayerDefinition>();

/** The definition under a name; undefined where there is none. */
export function definitionNamed(name: string): LayerDefinition | undefined {
  return added.get(name) ?? ownLayers().get(name);
}

function definitionOfType(type: unknown): [name: string, definition: LayerDefinition] | undefined {
  return [...added, ...ownLayers()].find(([, definition]) => definition.type === type);
}

/** The definition of a module's own class, and its name; undefined where the class is not known. */
export function definitionOf(module: Module): [name: string, definition: LayerDefinition] | undefined {
  return definitionOfType(module.constructor);
}

/** The names that are known. */
export function knownLayers(): string[] {
  return [...ownLayers().keys(), ...added.keys()];
}

/**
 * Makes a class of modules known, so that networks which hold such a module can be described, saved and loaded:
 *
 *   registerLayer('Squeeze', { type: Squeeze, describe: ({ channels }) => ({ channels }),
 *     build: ({ channels }) => new Squeeze(channels as number) });
 *
 * A name that was registered before is taken over. Throws TypeError for what is no name or no definition, RangeError
 * for the name of a layer of this library.
 */
export function registerLayer<M extends Module>(name: string, definition: LayerDefinition<M>): void {
  const fn = 'registerLayer';
  if (checkString(fn, 'name', name) === '') throw new RangeError(`${fn}: name must not be empty`);
  checkOptions(fn, definition, ['type', 'describe', 'build', 'children', 'trace']);
  const { type, children, trace } = definition;
  if (typeof type !== 'function' || !((type as { prototype?: unknown }).prototype instanceof Module)) {
    throw new TypeError(`${fn}: type must be a class that extends Module, got ${describe(type)}`);
  }
  checkFunction(fn, 'describe', definition.describe);
  checkFunction(fn, 'build', definition.build);
  if (children !== undefined) checkFunction(fn, 'children', children);
  if (trace !== undefined) checkFunction(fn, 'trace', trace);
  const known = definitionOfType(type)?.[0];
  if (ownLayers().has(name) || (known !== undefined && ownLayers().has(known))) {
    throw new RangeError(`${fn}: name must not be that of a layer of this library, nor type its class, got ${describe(name)}`);
  }
  if (known !== undefined) added.delete(known);
  added.set(name, definition as unknown as LayerDefinition);
}
