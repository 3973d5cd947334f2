/** A network as the layers that compute, without the containers: what programs of other systems are written from. */

import { checkModule } from '../containers.ts';
import type { Module } from '../module.ts';
import type { GraphValue } from './definition.ts';
import { unknownClass } from './describe.ts';
import { definitionOf } from './registry.ts';
import type { Settings } from './types.ts';

/** One layer at work. A layer that is used twice is two nodes with one path. */
export interface LayerNode {
  /** the layer's name, as in its architecture */
  readonly layer: string;
  /** what it was made with: see Architecture */
  readonly settings: Settings;
  /** where the layer is: its parameters have names that begin so; null for what holds none, as the sum of a Residual */
  readonly path: string | null;
  /** the layer itself; its `stateDict()` has its parameters and averages in PyTorch's layout */
  readonly module: Module;
  /** what it takes: values count from 0, the network's inputs first, then the nodes in their order */
  readonly inputs: readonly GraphValue[];
}

export interface LayerGraph {
  /** how many inputs the network has: the values 0 to inputs - 1 */
  readonly inputs: number;
  /** each after those that it takes values of */
  readonly nodes: readonly LayerNode[];
  /** what comes out, as values */
  readonly outputs: readonly GraphValue[];
}

/**
 * The layers of a module in the order in which they compute at test time, with what each takes: containers are gone, a
 * residual block is a node Add, a dense one a node Concatenate. Dropout is a node too, though it does nothing then.
 * Throws TypeError as describeModule does.
 */
export function layerGraph(module: Module): LayerGraph {
  return graphOf('layerGraph', module);
}

/** The layer graph under the caller's name; what it has to say of a class that nobody has made known may be more. */
export function graphOf(fn: string, module: Module, unknown: string = ''): LayerGraph {
  checkModule(fn, 'module', module);
  const paths = new Map(module.namedModules().map(([path, each]) => [each, path]));
  const inputs = inputCount(module);
  const nodes: LayerNode[] = [];
  const traced = (part: Module, values: readonly GraphValue[]): readonly GraphValue[] => {
    const definition = definitionOf(part);
    const path = paths.get(part) ?? null;
    if (definition === undefined) throw unknownClass(path === null || path === '' ? fn : `${fn}: ${path}`, part, unknown);
    const [layer, { describe, trace }] = definition;
    if (trace !== undefined) return trace(part, values, (next, ...given) => traced(next, given)[0]);
    nodes.push({ layer, settings: describe(part), path, module: part, inputs: values });
    return [inputs + nodes.length - 1];
  };
  const outputs = traced(module, Array.from({ length: inputs }, (_, i) => i));
  return { inputs, nodes, outputs };
}

/** How many inputs forward takes: only graphs have several, and layers that join values. */
function inputCount(module: Module): number {
  const graph = (module as Partial<{ _graph: { inputs: readonly unknown[] } }>)._graph;
  return graph === undefined ? 1 : graph.inputs.length;
}
