/**
 * A WebAssembly module put together in memory: types, imports, functions, one table, one memory, globals, exports,
 * element and data segments, and the name section that profilers and stack traces read.
 */

import { ByteWriter } from './bytes.ts';
import {
  FunctionBuilder, type FunctionReference, type GlobalReference, type ModuleScope, type Signature, typeCodes,
} from './function-builder.ts';
import type { ValueType } from './opcodes.ts';

/** Sizes in pages of 64 KiB. A shared memory needs a maximum. */
export interface MemoryLimits {
  readonly initial: number;
  readonly maximum?: number;
  readonly shared?: boolean;
}

interface Export {
  readonly name: string;
  readonly kind: number;
  readonly index: number;
}

interface GlobalDefinition extends GlobalReference {
  readonly initial: number | bigint;
}

const functionKind = 0x00;
const tableKind = 0x01;
const memoryKind = 0x02;
const globalKind = 0x03;
const sectionIds = {
  custom: 0, type: 1, import: 2, function: 3, table: 4, memory: 5, global: 6, export: 7, element: 9, code: 10, data: 11,
};

export class ModuleBuilder implements ModuleScope {
  readonly #types: Signature[] = [];
  readonly #imported: Array<FunctionReference & { readonly module: string }> = [];
  readonly #functions: FunctionBuilder[] = [];
  readonly #unwritten: Array<() => void> = [];
  readonly #globals: GlobalDefinition[] = [];
  readonly #exports: Export[] = [];
  readonly #importedGlobals: Array<GlobalReference & { readonly module: string }> = [];
  readonly #table: FunctionReference[] = [];
  /** entries that the table has at least, the position of the first function, and where it is imported from */
  #tableSize: number = 0;
  #tableFirst: number = 0;
  #tableFrom: readonly [string, string] | null = null;
  readonly #data: Array<{ readonly address: number; readonly bytes: Uint8Array }> = [];
  #memory: { readonly limits: MemoryLimits; readonly from: readonly [string, string] | null } | null = null;

  /** Takes the memory from the import module.name. */
  importMemory(module: string, name: string, limits: MemoryLimits): void {
    this.#setMemory(limits, [module, name]);
  }

  /** Gives the module a memory of its own. */
  memory(limits: MemoryLimits, exportName?: string): void {
    this.#setMemory(limits, null);
    if (exportName !== undefined) this.#export(exportName, memoryKind, 0);
  }

  /** Takes the table from the import module.name; functions that are added to it stand there from `first` on. */
  importTable(module: string, name: string, size: number, first: number): void {
    this.#tableFrom = [module, name];
    this.#tableSize = size;
    this.#tableFirst = first;
  }

  /** Gives the module a table of so many entries, more than functions are added to it. */
  table(size: number): void {
    this.#tableSize = size;
  }

  /** Takes a global variable from an import. Before the first one of the module's own. */
  importGlobal(module: string, name: string, type: ValueType, mutable: boolean): GlobalReference {
    if (this.#globals.length > 0) {
      throw new TypeError(`ModuleBuilder.importGlobal: ${name} must be imported before globals are defined`);
    }
    const reference = { module, name, type, mutable, index: this.#importedGlobals.length };
    this.#importedGlobals.push(reference);
    return reference;
  }

  /** Imports must come before the first function, because functions are numbered in that order. */
  importFunction(
    module: string, name: string, parameters: readonly ValueType[], results: readonly ValueType[],
  ): FunctionReference {
    if (this.#functions.length > 0) {
      throw new TypeError(`ModuleBuilder.importFunction: ${name} must be imported before functions are defined`);
    }
    const reference = { module, name, parameters, results, index: this.#imported.length };
    this.#imported.push(reference);
    return reference;
  }

  /** Begins a function; write its body into the result. With exportName it can be called from outside. */
  function(
    name: string, parameters: readonly ValueType[], results: readonly ValueType[], exportName?: string,
  ): FunctionBuilder {
    const index = this.#imported.length + this.#functions.length;
    const builder = new FunctionBuilder(name, index, { parameters, results }, this);
    this.#functions.push(builder);
    if (exportName !== undefined) this.#export(exportName, functionKind, index);
    return builder;
  }

  /**
   * A function that is numbered when it is first referred to, and whose body `write` writes when the module is built:
   * what is neither exported nor in the table nor called by others is left out.
   */
  functionWhenUsed(
    name: string, parameters: readonly ValueType[], results: readonly ValueType[],
    write: (builder: FunctionBuilder) => void, exportName?: string,
  ): FunctionReference {
    let begun: FunctionBuilder | null = null;
    const begin = (): FunctionBuilder => {
      const builder = this.function(name, parameters, results, exportName);
      this.#unwritten.push(() => write(builder));
      return builder;
    };
    if (exportName !== undefined) begun = begin();
    return { name, parameters, results, get index() { return (begun ??= begin()).index; } };
  }

  /** A global variable of this instance (each worker has its own). i64 takes a bigint. */
  global(
    name: string, type: ValueType, mutable: boolean, initial: number | bigint, exportName?: string,
  ): GlobalReference {
    if (type === 'v128') throw new TypeError(`ModuleBuilder.global: ${name} cannot be a vector`);
    if ((type === 'i64') !== (typeof initial === 'bigint')) {
      throw new TypeError(`ModuleBuilder.global: ${name} is ${type}, its first value is a ${typeof initial}`);
    }
    const global = { name, type, mutable, initial, index: this.#importedGlobals.length + this.#globals.length };
    this.#globals.push(global);
    if (exportName !== undefined) this.#export(exportName, globalKind, global.index);
    return global;
  }

  /** Appends a function to the table and returns its position there, for call_indirect. */
  addToTable(target: FunctionReference): number {
    return this.#tableFirst + this.#table.push(target) - 1;
  }

  /** Exports the table under this name. */
  exportTable(name: string): void {
    this.#export(name, tableKind, 0);
  }

  /** Bytes written to memory at every instantiation (so by every worker that instantiates the module). */
  data(address: number, bytes: Uint8Array): void {
    this.#data.push({ address, bytes });
  }

  /** The number of a signature among the module's types: the immediate of call_indirect. */
  typeIndex(parameters: readonly ValueType[], results: readonly ValueType[]): number {
    const key = (signature: Signature): string => `${signature.parameters.join()}>${signature.results.join()}`;
    const found = this.#types.findIndex((type) => key(type) === key({ parameters, results }));
    return found >= 0 ? found : this.#types.push({ parameters, results }) - 1;
  }

  functionAt(index: number): FunctionReference | undefined {
    return this.#imported[index] ?? this.#functions[index - this.#imported.length];
  }

  signatureAt(typeIndex: number): Signature | undefined {
    return this.#types[typeIndex];
  }

  globalAt(index: number): GlobalReference | undefined {
    return this.#importedGlobals[index] ?? this.#globals[index - this.#importedGlobals.length];
  }

  /** The binary module. Throws TypeError when a function is unfinished or something refers to a missing memory. */
  build(): Uint8Array<ArrayBuffer> {
    for (const { index } of this.#table) this.functionAt(index);
    for (const write of this.#unwritten) write(); // which may add more
    this.#unwritten.length = 0;
    const functionTypes = this.#functions.map((each) => this.typeIndex(each.parameters, each.results));
    const importTypes = this.#imported.map((each) => this.typeIndex(each.parameters, each.results));
    if (this.#data.length > 0 && this.#memory === null) throw new TypeError('ModuleBuilder.build: data without a memory');

    const out = new ByteWriter().bytes([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]); // "\0asm", version 1
    section(out, 'type', this.#types, (to, type) => {
      to.byte(0x60);
      for (const side of [type.parameters, type.results]) {
        to.unsigned(side.length);
        for (const each of side) to.byte(typeCodes[each]);
      }
    });
    const imports: Array<(to: ByteWriter) => void> = this.#imported.map((each, i) => (to) =>
      to.name(each.module).name(each.name).byte(functionKind).unsigned(importTypes[i]));
    const memory = this.#memory;
    if (memory !== null && memory.from !== null) {
      const [module, name] = memory.from;
      imports.push((to) => writeLimits(to.name(module).name(name).byte(memoryKind), memory.limits));
    }
    const tableSize = Math.max(this.#tableSize, this.#tableFirst + this.#table.length);
    if (this.#tableFrom !== null) {
      const [module, name] = this.#tableFrom;
      imports.push((to) => to.name(module).name(name).bytes([tableKind, 0x70, 0]).unsigned(tableSize));
    }
    for (const { module, name, type, mutable } of this.#importedGlobals) {
      imports.push((to) => to.name(module).name(name).bytes([globalKind, typeCodes[type], mutable ? 1 : 0]));
    }
    section(out, 'import', imports, (to, write) => write(to));
    section(out, 'function', functionTypes, (to, type) => to.unsigned(type));
    section(out, 'table', this.#tableFrom === null && tableSize > 0 ? [tableSize] : [], (to, size) =>
      to.byte(0x70).byte(1).unsigned(size).unsigned(size)); // funcref, fixed size
    section(out, 'memory', memory !== null && memory.from === null ? [memory.limits] : [], writeLimits);
    section(out, 'global', this.#globals, writeGlobal);
    section(out, 'export', this.#exports, (to, each) => to.name(each.name).byte(each.kind).unsigned(each.index));
    section(out, 'element', this.#table.length > 0 ? [this.#table] : [], (to, targets) => {
      to.bytes([0, 0x41]).signed32(this.#tableFirst).byte(0x0b).unsigned(targets.length); // active, from a constant
      for (const target of targets) to.unsigned(target.index);
    });
    section(out, 'code', this.#functions, (to, each) => to.sized(each.encode()));
    section(out, 'data', this.#data, (to, each) =>
      to.bytes([0, 0x41]).signed32(each.address).byte(0x0b).unsigned(each.bytes.length).bytes(each.bytes));
    this.#writeNames(out);
    return out.toUint8Array();
  }

  #setMemory(limits: MemoryLimits, from: readonly [string, string] | null): void {
    if (this.#memory !== null) throw new TypeError('ModuleBuilder: the module has a memory already');
    if (limits.shared === true && limits.maximum === undefined) {
      throw new TypeError('ModuleBuilder: a shared memory needs a maximum');
    }
    this.#memory = { limits, from };
  }

  #export(name: string, kind: number, index: number): void {
    if (this.#exports.some((each) => each.name === name)) {
      throw new TypeError(`ModuleBuilder: two exports are called ${name}`);
    }
    this.#exports.push({ name, kind, index });
  }

  #writeNames(out: ByteWriter): void {
    const all = [...this.#imported, ...this.#functions];
    const map = new ByteWriter().unsigned(all.length);
    for (const each of all) map.unsigned(each.index).name(each.name);
    const content = new ByteWriter().name('name').byte(1).sized(map); // subsection 1: function names
    out.byte(sectionIds.custom).sized(content);
  }
}

function section<T>(
  out: ByteWriter, id: keyof typeof sectionIds, items: readonly T[], write: (to: ByteWriter, item: T) => void,
): void {
  if (items.length === 0) return;
  const content = new ByteWriter().unsigned(items.length);
  for (const item of items) write(content, item);
  out.byte(sectionIds[id]).sized(content);
}

function writeLimits(to: ByteWriter, limits: MemoryLimits): void {
  const flags = (limits.maximum === undefined ? 0 : 1) | (limits.shared === true ? 2 : 0);
  to.byte(flags).unsigned(limits.initial);
  if (limits.maximum !== undefined) to.unsigned(limits.maximum);
}

function writeGlobal(to: ByteWriter, global: GlobalDefinition): void {
  to.byte(typeCodes[global.type]).byte(global.mutable ? 1 : 0);
  if (global.type === 'i32') to.byte(0x41).signed32(Number(global.initial));
  if (global.type === 'i64') to.byte(0x42).signed64(BigInt(global.initial));
  if (global.type === 'f32') to.byte(0x43).float32(Number(global.initial));
  if (global.type === 'f64') to.byte(0x44).float64(Number(global.initial));
  to.byte(0x0b);
}
