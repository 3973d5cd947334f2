/**
 * The summary of any module: one forward pass with an example of zeros, watched module by module. A module of the
 * user's own that holds parameters has a line without FLOPs, which nobody knows; what it computes otherwise shows in
 * the shapes of the layers that follow it.
 */

import { renderSummary, type LayerRow } from '../layers/summary.ts';
import { watchLayers } from './watch.ts';

/** What a summary asks of a module. */
interface Summarized {
  namedModules(): Array<[path: string, module: object]>;
  parameters(): Array<{ readonly dtype: string }>;
  probe(shapes: ReadonlyArray<readonly number[]>, read: () => undefined, fn: string): undefined;
}

/**
 * The table of a module for examples of these shapes; ownOf gives the parameters that a module itself holds, each of
 * which counts once. Throws, under the layer's path, where a shape does not fit.
 */
export function renderModuleSummary(
  module: Summarized, shapes: ReadonlyArray<readonly number[]>,
  ownOf: (part: object) => Array<{ readonly size: number }>,
): string {
  const names = new Map(module.namedModules().map(([path, each]) => [each, path]));
  const rows: LayerRow[] = [];
  const counted = new Set<object>();
  const add = (part: object, { layer, ...row }: LayerRow): void => {
    const uncounted = ownOf(part).filter((parameter) => !counted.has(parameter));
    for (const each of [part, ...uncounted]) counted.add(each);
    const parameters = uncounted.reduce((sum, { size }) => sum + size, 0);
    rows.push({ ...row, layer: `${names.get(part) ?? ''} ${layer}`.trim(), parameters });
  };
  const addUnknown = (part: object, shape: LayerRow['shape']): void => {
    if (ownOf(part).length > 0) add(part, { layer: part.constructor.name, shape, parameters: 0, flops: NaN });
  };
  const stop = watchLayers((part, shape) => {
    if (part._record === undefined) addUnknown(part, shape);
    else for (const row of part._record.rows(shape)) add(part, row);
  });
  try {
    module.probe(shapes, () => undefined, 'summary');
  } finally {
    stop();
  }
  // parameters that others use, and layers that compute something else than theirs
  for (const part of names.keys()) if (!counted.has(part)) addUnknown(part, null);
  const dtype = module.parameters()[0]?.dtype ?? 'float32';
  return renderSummary(`${module.constructor.name}, ${dtype}`, rows);
}
