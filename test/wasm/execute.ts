import { type OpcodeName, opcodes, ModuleBuilder } from '../../src/wasm/index.ts';
import { type Instance, instantiate } from './support.ts';

export type Datum = number | bigint | Uint8Array;

/** Where memory instructions point: 64, in a page whose byte i holds (37 i + 11) mod 256. */
export const address = 64;
const vectorAddress = 1024;
const resultAddress = 2048;

/** The page that every instruction finds. */
export const pattern: Uint8Array = Uint8Array.from({ length: 65536 }, (_, i) => (37 * i + 11) & 0xff);

export interface Outcome {
  readonly result: Datum | undefined;
  /** the bytes from `address` on, afterwards */
  readonly memory: DataView;
}

/**
 * Runs one instruction with the types of its table line: scalars come in as parameters, vectors (16 bytes) through
 * memory; a vector result is read back from memory. Immediates default to offset 0 and lane 0.
 */
export function execute(name: OpcodeName, operands: readonly Datum[], immediates: readonly unknown[] = []): Outcome {
  const opcode = opcodes.get(name)!;
  const { call, memory } = compiled(name, immediates);
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(pattern);
  operands.forEach((value, i) => {
    if (value instanceof Uint8Array) bytes.set(value, vectorAddress + 16 * i);
  });
  const returned = call(...(operands.filter((value) => !(value instanceof Uint8Array)) as number[])) as
    number | bigint | undefined;
  const after = memory.buffer;
  return {
    result: opcode.results![0] === 'v128' ? new Uint8Array(after, resultAddress, 16).slice() : returned,
    memory: new DataView(after, address),
  };
}

const instances = new Map<string, Instance>();

/** The instruction in a function of its own, kept for further operands. */
function compiled(name: OpcodeName, immediates: readonly unknown[]): Instance {
  const key = `${name} ${immediates.join()}`;
  const known = instances.get(key);
  if (known !== undefined) return known;
  const opcode = opcodes.get(name)!;
  if (opcode.operands === null || opcode.results === null) throw new Error(`${name} has no fixed types`);
  const shared = name.includes('atomic');
  const module = new ModuleBuilder();
  module.memory({ initial: 1, maximum: 4, shared }, 'memory');
  const scalars = opcode.operands.filter((type) => type !== 'v128');
  const [result] = opcode.results;
  const f = module.function('main', scalars, result === undefined || result === 'v128' ? [] : [result], 'main');
  if (result === 'v128') f.op('i32.const', resultAddress);
  let parameter = 0;
  opcode.operands.forEach((type, i) => {
    if (type === 'v128') f.op('i32.const', vectorAddress + 16 * i).op('v128.load');
    else f.op('local.get', parameter++);
  });
  (f.op as (name: OpcodeName, ...immediates: unknown[]) => typeof f).call(f, name, ...immediates);
  if (result === 'v128') f.op('v128.store');
  f.op('end');
  const instance = instantiate(module);
  if (opcode.operands.length > 0 && name !== 'memory.grow') instances.set(key, instance);
  return instance;
}
