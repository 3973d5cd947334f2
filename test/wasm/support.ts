import type { Kind } from '../../src/wasm/index.ts';
import { type Body, defineFunction, type Local, ModuleBuilder, type Value } from '../../src/wasm/index.ts';

export interface Instance {
  readonly call: (...values: Array<number | bigint>) => unknown;
  readonly memory: WebAssembly.Memory;
  readonly exports: Readonly<Record<string, (...values: Array<number | bigint>) => unknown>>;
}

/** Instantiates a finished module; the memory it imports as env.memory or exports as memory comes with it. */
export function instantiate(module: ModuleBuilder, imports: WebAssembly.Imports = {}): Instance {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.build()), imports);
  const functions = exports as unknown as Instance['exports'];
  return { call: functions.main, memory: exports.memory as WebAssembly.Memory, exports: functions };
}

/** A module with one page of memory and one exported function written by `write`. */
export function compile(
  parameters: readonly Kind[], results: readonly Kind[], write: (f: Body, ...parameters: Local[]) => void,
  shared: boolean = false,
): Instance {
  const module = new ModuleBuilder();
  module.memory({ initial: 1, maximum: 2, shared }, 'memory');
  defineFunction(module, 'main', parameters, results, write, 'main');
  return instantiate(module);
}

/** The value of an expression of parameters. */
export function evaluate(
  kind: Kind,
  parameters: readonly Kind[],
  values: ReadonlyArray<number | bigint>,
  expression: (...parameters: Local[]) => Value,
): unknown {
  return compile(parameters, [kind], (f, ...locals) => f.return(expression(...locals))).call(...values);
}
