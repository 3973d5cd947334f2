/**
 * The summary of any module: one forward pass with an example of zeros, watched layer by layer. What is no layer (a
 * module of the user's own that computes something itself) shows in the shapes of the layers that follow it.
 */

import { renderSummary, type LayerRow } from '../layers/summary.ts';
import { watchLayers, type WatchedLayer } from './watch.ts';

/** What a summary asks of a module. */
interface Summarized {
  namedModules(): Array<[path: string, module: object]>;
  parameters(): Array<{ readonly dtype: string }>;
  probe(shapes: ReadonlyArray<readonly number[]>, read: () => undefined, fn: string): undefined;
}

/** The table of a module for examples of these shapes. Throws, under the layer's path, where a shape does not fit. */
export function renderModuleSummary(module: Summarized, shapes: ReadonlyArray<readonly number[]>): string {
  const names = new Map(module.namedModules().map(([path, each]) => [each, path]));
  const rows: LayerRow[] = [];
  const counted = new Set<WatchedLayer>();
  const stop = watchLayers((layer, input) => {
    for (const row of layer._record.rows(input)) {
      const again = counted.has(layer); // a layer that is used twice has its parameters once
      rows.push({ ...row, layer: `${names.get(layer) ?? ''} ${row.layer}`.trim(), parameters: again ? 0 : row.parameters });
    }
    counted.add(layer);
  });
  try {
    module.probe(shapes, () => undefined, 'summary');
  } finally {
    stop();
  }
  const dtype = module.parameters()[0]?.dtype ?? 'float32';
  return renderSummary(`${module.constructor.name}, ${dtype}`, rows);
}
