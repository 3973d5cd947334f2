/**
 * An assembler for WebAssembly modules: opcodes, typed function bodies, modules, and on top expressions and statements.
 */

export { Body, callValue, defineFunction, globalValue, type Label } from './body.ts';
export { ByteWriter } from './bytes.ts';
export { FunctionBuilder, type FunctionReference, type GlobalReference } from './function-builder.ts';
export {
  bytesOf, type FloatKind, isVector, type Kind, laneKind, lanesOf, type ScalarKind, typeOf, type VectorKind, vectorOf,
} from './kinds.ts';
export {
  atomicCompareExchange, atomicLoad, atomicNotify, atomicUpdate, atomicWait, elementAddress, load, loadByte,
  loadBytesWidened, loadLane, loadSplat, loadZero, memorySize, scale,
} from './memory-values.ts';
export { type MemoryLimits, ModuleBuilder } from './module-builder.ts';
export { type OpcodeName, opcodes, type ValueType } from './opcodes.ts';
export {
  apply,
  constant,
  Local,
  multiplyAdd,
  negativeMultiplyAdd,
  operand,
  type Operand,
  select,
  shuffle,
  splat,
  toFloat,
  Value,
  vectorConstant,
} from './values.ts';
