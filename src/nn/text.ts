/** What a module looks like in print: its layers and their settings, nested as the modules are. */

import type { Plain, Settings } from './architecture/types.ts';

/** What the text asks of a module. */
interface Printed {
  readonly _settings: Settings;
}

/** The modules among a module's fields, by the field's name. */
type ChildrenOf<M> = (module: M) => ReadonlyArray<readonly [name: string, child: M]>;

/**
 * The module as PyTorch prints one: `Linear(inFeatures=4, outFeatures=2, bias=true)` on one line, and one made of
 * others with a line for each, indented, behind the name of its field. Settings have the names and values that
 * describeModule gives them; dtype stands there only where it is not float32. A module that holds itself ends in
 * `Name(...)`.
 */
export function moduleText<M extends Printed>(module: M, childrenOf: ChildrenOf<M>, above: readonly M[] = []): string {
  const { name } = module.constructor;
  if (above.includes(module)) return `${name}(...)`;
  const settings = Object.entries(module._settings)
    .filter(([key, value]) => key !== 'dtype' || value !== 'float32')
    .map(([key, value]) => `${key}=${valueText(value)}`).join(', ');
  const children = childrenOf(module)
    .map(([key, child]) => `(${key}): ${moduleText(child, childrenOf, [...above, module])}`);
  if (children.length === 0) return `${name}(${settings})`;
  const lines = settings === '' ? children : [settings, ...children];
  return `${name}(\n${lines.join('\n').replaceAll(/^/gm, '  ')}\n)`;
}

function valueText(value: Plain): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}
