/**
 * Layers that follow each other, each the only one that takes the output of the one before, as chains: a chain computes
 * neighbours that have a common form at once (see Sequential), which a graph of single layers would not.
 */

import { sequential } from '../../nn/containers.ts';
import { LayerModule } from '../../nn/layer-module.ts';
import type { Module } from '../../nn/module.ts';
import { SymbolicValue } from '../../nn/symbol.ts';

/** The same outputs with chains in place of single layers. `made` holds all symbols, each after its inputs. */
export function withChains(made: readonly SymbolicValue[], outputs: readonly SymbolicValue[]): SymbolicValue[] {
  const takers = new Map<SymbolicValue, SymbolicValue[]>();
  const needed = new Set(outputs);
  for (const symbol of [...made].reverse()) {
    if (!needed.has(symbol)) continue;
    for (const from of symbol.inputs) {
      needed.add(from);
      takers.set(from, [...takers.get(from) ?? [], symbol]);
    }
  }
  const isLayer = ({ module }: SymbolicValue): boolean => module instanceof LayerModule;
  /** whether the next layer takes the value into its chain */
  const goesOn = (symbol: SymbolicValue): boolean => {
    const all = takers.get(symbol) ?? [];
    return isLayer(symbol) && all.length === 1 && isLayer(all[0]) && !outputs.includes(symbol);
  };
  const found = new Map<SymbolicValue, SymbolicValue>();
  const begun = new Map<SymbolicValue, { readonly from: SymbolicValue; readonly layers: Module[] }>();
  for (const symbol of made) {
    if (!needed.has(symbol)) continue;
    const module = symbol.module as Module;
    const [first] = symbol.inputs;
    const chain = begun.get(first) ?? { from: first, layers: [] };
    chain.layers.push(module);
    if (goesOn(symbol)) {
      begun.set(symbol, chain);
      continue;
    }
    const inputs = (isLayer(symbol) ? [chain.from] : symbol.inputs).map((each) => found.get(each) ?? each);
    const whole = chain.layers.length === 1 ? module : sequential(...chain.layers);
    found.set(symbol, new SymbolicValue(symbol.shape, whole, inputs));
  }
  return outputs.map((symbol) => found.get(symbol) ?? symbol);
}
