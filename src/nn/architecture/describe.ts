/** From a module to its architecture and back. The weights are `stateDict` and `loadStateDict`. */

import { checkRecord, describe } from '../../runtime/check.ts';
import { sameShape } from '../../tensor/shape.ts';
import { checkModule } from '../containers.ts';
import { join, type Module, parameterFields } from '../module.ts';
import { definitionNamed, definitionOf, knownLayers } from './registry.ts';
import type { Architecture, LayerArchitecture, Plain, Settings } from './types.ts';

/** Modules in modules; more are no network but an endless one. */
const deepest = 64;

/**
 * The architecture of a module as plain data: what `buildModule` makes a module of the same layers of. A layer that
 * stands in several places stands so in the data, and so does a parameter. Throws TypeError for what is no module and,
 * naming path and class, for a module of a class that is neither of this library nor was given to `registerLayer`, or
 * whose description is not plain data.
 */
export function describeModule(module: Module): LayerArchitecture {
  const fn = 'describeModule';
  const paths = new Map<Module, string>();
  const visit = (part: Module, path: string): Architecture => {
    const known = paths.get(part);
    if (known !== undefined) return { same: known };
    paths.set(part, path);
    const where = path === '' ? fn : `${fn}: ${path}`;
    const definition = definitionOf(part);
    if (definition === undefined) throw unknownClass(where, part);
    const [layer, { describe: settingsOf, children: childrenOf }] = definition;
    const settings = checkPlain(`${where}: what ${layer} is described by`, settingsOf(part)) as Settings;
    const children = Object.entries(childrenOf?.(part) ?? {})
      .map(([name, child]) => [name, visit(checkModule(where, name, child), join(path, name))] as const);
    return {
      layer, ...(Object.keys(settings).length > 0 ? { settings } : {}),
      ...(children.length > 0 ? { children: Object.fromEntries(children) } : {}),
    };
  };
  const architecture = visit(checkModule(fn, 'module', module), '') as LayerArchitecture;
  const names = new Map(module.namedParameters().map(([name, parameter]) => [parameter, name]));
  const shared = parameterFields(module)
    .map(([name, parameter]) => [name, names.get(parameter)!] as const)
    .filter(([name, first]) => name !== first);
  return shared.length === 0 ? architecture : { ...architecture, shared: Object.fromEntries(shared) };
}

/** What is said of a module whose class nobody has made known; hint: what this caller needs beside that. */
export function unknownClass(where: string, module: Module, hint: string = ''): TypeError {
  const { name } = module.constructor;
  return new TypeError(`${where}: ${describe(name)} is a class of its own; registerLayer makes it known${hint}`);
}

/**
 * A module of an architecture, with initial weights. Throws, naming the path, TypeError for what is no architecture and
 * for settings of the wrong kind, RangeError for layers that are not known and settings out of range.
 */
export function buildModule(architecture: Architecture): Module {
  const fn = 'buildModule';
  const built = new Map<string, Module>();
  const visit = (part: unknown, path: string, depth: number): Module => {
    const where = path === '' ? fn : `${fn}: ${path}`;
    if (depth > deepest) throw new RangeError(`${where}: modules are nested deeper than ${deepest} levels`);
    const { layer, same, settings = {}, children = {} } = checkRecord(where, 'a layer', part);
    if (same !== undefined) {
      const first = built.get(same as string);
      if (first === undefined) throw new RangeError(`${where}: same must be the path of a layer before, got ${describe(same)}`);
      return first;
    }
    const definition = typeof layer === 'string' ? definitionNamed(layer) : undefined;
    if (definition === undefined) {
      throw new RangeError(`${where}: the layer ${describe(layer)} is not known; registerLayer makes your own known; known are ${knownLayers().join(', ')}`);
    }
    const modules = Object.entries(checkRecord(where, 'children', children))
      .map(([name, child]) => [name, visit(child, join(path, name), depth + 1)] as const);
    const module = named(where, () => definition.build(
      checkRecord(where, 'settings', settings) as Settings, Object.fromEntries(modules),
    ));
    built.set(path, checkModule(where, `what build of ${layer as string} returns`, module));
    return module;
  };
  const module = visit(architecture, '', 0);
  share(fn, module, checkRecord(fn, 'shared', (architecture as LayerArchitecture).shared ?? {}));
  return module;
}

/** Puts parameters in the place of others. Throws RangeError for names that are none, and such as differ in shape. */
function share(fn: string, module: Module, shared: Readonly<Record<string, unknown>>): void {
  const parameters = new Map(parameterFields(module));
  for (const [name, first] of Object.entries(shared)) {
    const [own, other] = [parameters.get(name), parameters.get(first as string)];
    if (own === undefined || other === undefined || !sameShape(own.shape, other.shape) || own.dtype !== other.dtype) {
      throw new RangeError(
        `${fn}: shared: ${describe(name)} and ${describe(first)} must be parameters of one shape and element type`,
      );
    }
    const path = name.split('.');
    const root = module as unknown as Record<string, unknown>;
    const owner = path.slice(0, -1).reduce((object, key) => Object(object[key]), root);
    owner[path[path.length - 1]] = other;
  }
}

/** Runs make, whose errors get the place in front of their messages. */
function named<T>(where: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof Error) error.message = `${where}: ${error.message}`;
    throw error;
  }
}

/** Throws TypeError for what JSON would change or leave out. */
function checkPlain(what: string, value: unknown, depth: number = 0): Plain {
  const plain = value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
  if (plain) return value as Plain;
  const isObject = typeof value === 'object' && value !== null &&
    (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype);
  if (!isObject || depth > 16) throw new TypeError(`${what} must be plain data, got ${describe(value)}`);
  for (const each of Object.values(value)) checkPlain(what, each, depth + 1);
  return value as Plain;
}
