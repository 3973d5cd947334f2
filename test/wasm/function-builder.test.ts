import { describe, expect, it } from 'vitest';
import {
  constant,
  defineFunction,
  type FunctionBuilder,
  type FunctionReference,
  globalValue,
  load,
  loadSplat,
  Local,
  ModuleBuilder,
  type OpcodeName,
  select,
  shuffle,
  splat,
  type ValueType,
  vectorConstant,
} from '../../src/wasm/index.ts';
import { compile } from './support.ts';

function begin(parameters: ValueType[] = [], results: ValueType[] = []): FunctionBuilder {
  return new ModuleBuilder().function('kernel', parameters, results);
}

describe('the typed operand stack', () => {
  it('names function, instruction, expected and actual types', () => {
    const f = begin(['i32', 'f64']);
    expect(() => f.op('local.get', 0).op('local.get', 1).op('f64.add'))
      .toThrow(new TypeError('kernel, instruction 3: f64.add expects f64 f64, the stack has i32 f64'));
  });

  const broken: Array<[string, (f: FunctionBuilder) => unknown, RegExp]> = [
    ['an empty stack', (f) => f.op('i32.const', 1).op('i32.add'), /i32\.add expects i32 i32, the stack has i32/],
    ['operands of an outer block', (f) => f.op('i32.const', 1).op('block').op('drop'), /drop expects any on the stack, the block has nothing left/],
    ['a wrong store', (f) => f.op('i32.const', 0).op('f32.const', 1).op('v128.store'), /v128\.store expects i32 v128, the stack has i32 f32/],
    ['a wrong local', (f) => f.op('f32.const', 1).op('local.set', 0), /local\.set expects i32, the stack has f32/],
    ['an unknown local', (f) => f.op('local.get', 9), /local 9 does not exist, there are 1/],
    ['an unknown label', (f) => f.op('br', 1), /label 1 does not exist, 1 blocks are open/],
    ['an unknown function', (f) => f.op('call', 5), /call: there is no function 5/],
    ['an unknown type', (f) => f.op('i32.const', 0).op('call_indirect', 3), /call_indirect: there is no type 3/],
    ['an unknown global', (f) => f.op('global.get', 0), /there is no global 0/],
    ['an unknown instruction', (f) => f.op('i32.divide' as 'i32.add'), /unknown instruction i32\.divide/],
    ['leftovers', (f) => f.op('block').op('i32.const', 1).op('end'), /the block ends with i32 left over/],
    ['a missing result', (f) => f.op('block', 'f32').op('end'), /the end of block expects f32, the stack has nothing/],
    ['an if with a result but no else', (f) => f.op('i32.const', 1).op('if', 'i32').op('i32.const', 1).op('end'), /needs an else/],
    ['else outside if', (f) => f.op('block').op('else'), /else inside block/],
    ['select of different types', (f) => f.op('i32.const', 1).op('f32.const', 1).op('i32.const', 1).op('select'), /select expects f32, got i32/],
    ['select of vectors', (f) => f.op('v128.const', new Uint8Array(16)).op('v128.const', new Uint8Array(16)).op('i32.const', 1).op('select'),
      /use v128\.bitselect/],
    ['br_table without labels', (f) => f.op('i32.const', 1).op('br_table', []), /br_table needs at least its default label/],
    ['br_table with labels that differ', (f) => f.op('block', 'i32').op('block').op('i32.const', 0).op('br_table', [0, 1]),
      /its labels take different types, nothing and i32/],
    ['code after the end', (f) => f.op('end').op('nop'), /nop after the end of the function/],
    ['a local of no type', (f) => f.local('f16' as 'f32'), /f16 is not a type/],
  ];
  it.each(broken)('refuses %s', (_, write, message) => {
    expect(() => write(begin(['i32']))).toThrow(message);
  });

  it('refuses to build unfinished functions', () => {
    const module = new ModuleBuilder();
    module.function('open', [], []).op('block').op('end');
    expect(() => module.build()).toThrow(/open, instruction 2: the function is not finished: 1 blocks are open/);
  });

  it('lets anything follow a jump, as the engine does', () => {
    const f = begin([], ['i32']);
    f.op('unreachable').op('f64.add').op('drop').op('i32.add').op('end');
    expect(f.finished).toBe(true);
    const wrong = begin([], ['i32']).op('unreachable').op('f64.const', 1);
    expect(() => wrong.op('i32.eqz')).toThrow(/i32\.eqz expects i32, the stack has f64/);
  });

  it('agrees with the engine that such code is valid', () => {
    const module = new ModuleBuilder();
    module.function('f', [], ['i32']).op('unreachable').op('f64.add').op('drop').op('i32.add').op('select').op('end');
    expect(WebAssembly.validate(module.build())).toBe(true);
  });
});

describe('immediates', () => {
  const refused: Array<[OpcodeName, unknown[]]> = [
    ['f32x4.extract_lane', [4]], ['i8x16.extract_lane_u', [-1]], ['f64x2.extract_lane', [0.5]],
  ];
  it.each(refused)('%s refuses lane %s', (name, immediates) => {
    const f = begin().op('v128.const', new Uint8Array(16));
    expect(() => (f.op as (...all: unknown[]) => unknown).call(f, name, ...immediates)).toThrow(
      /lane must be an integer/,
    );
  });

  it('refuses lanes of lane stores, shuffles and constants that do not exist', () => {
    const vector = (): FunctionBuilder => begin().op('i32.const', 0).op('v128.const', new Uint8Array(16));
    expect(() => vector().op('v128.store64_lane', 0, 2)).toThrow(/0 to 1, got 2/);
    expect(() => begin().op('v128.const', new Uint8Array(15))).toThrow(/16 integers below 256/);
    const pair = (): FunctionBuilder => begin().op('v128.const', new Uint8Array(16)).op('v128.const', new Uint8Array(16));
    expect(() => pair().op('i8x16.shuffle', new Array(16).fill(32))).toThrow(/16 integers below 32/);
    expect(() => begin().op('i32.const', 0).op('i32.load', -4)).toThrow(RangeError);
  });
});

describe('modules', () => {
  it('refuse what the format cannot hold', () => {
    const module = new ModuleBuilder();
    expect(() => module.memory({ initial: 1, shared: true })).toThrow(/needs a maximum/);
    module.memory({ initial: 1 }, 'memory');
    expect(() => module.importMemory('env', 'memory', { initial: 1 })).toThrow(/has a memory already/);
    expect(() => module.global('vector', 'v128', true, 0)).toThrow(/cannot be a vector/);
    expect(() => module.global('wide', 'i64', true, 0)).toThrow(/is i64, its first value is a number/);
    module.function('f', [], [], 'memory2').op('end');
    expect(() => module.function('g', [], [], 'memory2')).toThrow(/two exports are called memory2/);
    expect(() => module.importFunction('env', 'late', [], [])).toThrow(/must be imported before/);
    const constantGlobal = new ModuleBuilder();
    constantGlobal.global('fixed', 'i32', false, 1);
    expect(() => constantGlobal.function('f', [], []).op('i32.const', 1).op('global.set', 0)).toThrow(/fixed is immutable/);
    const data = new ModuleBuilder();
    data.data(0, new Uint8Array(1));
    expect(() => data.build()).toThrow(/data without a memory/);
  });

  it('import memory, write data, export tables and globals, and name their functions', () => {
    const module = new ModuleBuilder();
    module.importMemory('env', 'memory', { initial: 1, maximum: 2, shared: true });
    module.data(100, Uint8Array.of(1, 2, 3));
    for (const [type, value] of [['i32', -7], ['i64', -7n], ['f32', 0.5], ['f64', 0.1]] as const) {
      module.global(`g_${type}`, type, false, value, type);
    }
    const crash = defineFunction(module, 'crash_here', [], [], (f) => f.trap(), 'crash');
    module.addToTable(crash);
    module.exportTable('table');
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.build()), { env: { memory } });
    expect([...new Uint8Array(memory.buffer, 99, 5)]).toEqual([0, 1, 2, 3, 0]);
    expect(['i32', 'i64', 'f32', 'f64'].map((name) => (exports[name] as WebAssembly.Global).value)).toEqual([-7, -7n, 0.5, 0.1]);
    expect((exports.table as WebAssembly.Table).length).toBe(1);
    let stack = '';
    try {
      (exports.crash as () => void)();
    } catch (error) {
      stack = String((error as Error).stack);
    }
    expect(stack).toContain('crash_here');
  });

  it('take table and globals from another module, and put functions where they are told', () => {
    const owner = new ModuleBuilder();
    owner.table(10);
    owner.exportTable('table');
    owner.global('shared', 'i32', true, 41, 'shared');
    const { table, shared } = new WebAssembly.Instance(new WebAssembly.Module(owner.build())).exports;
    const module = new ModuleBuilder();
    module.importTable('owner', 'table', 10, 6);
    const imported = module.importGlobal('owner', 'shared', 'i32', true);
    const own = module.global('own', 'i32', false, 1);
    expect(() => module.importGlobal('owner', 'late', 'i32', true)).toThrow(/must be imported before/);
    const next = defineFunction(module, 'next', [], ['i32'], (f) => {
      f.setGlobal(imported, globalValue(imported).add(globalValue(own)));
      f.return(globalValue(imported));
    });
    expect(module.addToTable(next)).toBe(6);
    void new WebAssembly.Instance(new WebAssembly.Module(module.build()), { owner: { table, shared } });
    expect((table as WebAssembly.Table).get(5)).toBeNull();
    expect(((table as WebAssembly.Table).get(6) as () => number)()).toBe(42);
    expect((shared as WebAssembly.Global).value).toBe(42);
  });

  it('leave out functions that nothing uses, and write the others once', () => {
    const written: string[] = [];
    const module = new ModuleBuilder();
    const add = (name: string, callees: FunctionReference[], exportName?: string): FunctionReference =>
      defineFunction(module, name, [], [], (f) => {
        written.push(name);
        for (const callee of callees) f.call(callee);
      }, exportName);
    const leaf = add('leaf', []);
    const unused = add('unused', [leaf]);
    add('root', [add('left', [leaf]), add('right', [leaf])], 'root');
    const bytes = module.build();
    expect(written.sort()).toEqual(['leaf', 'left', 'right', 'root']);
    expect(new TextDecoder('latin1').decode(bytes)).not.toContain(unused.name);
    expect(WebAssembly.validate(bytes)).toBe(true);
  });
});

describe('expressions that cannot be', () => {
  const builder = begin(['i32', 'v128']);
  const i = new Local('i32', 0, builder);
  const v = new Local('f32x4', 1, builder);

  it('mixes of kinds', () => {
    expect(() => i.add(constant('f32', 1))).toThrow(new TypeError('expected i32, got f32'));
    expect(() => v.mul(constant('f64x2', 1))).toThrow(/expected f32x4, got f64x2/);
    expect(() => load('f32', v)).toThrow(/expected i32, got f32x4/);
    expect(() => splat('f32x4', i)).toThrow(/expected f32, got i32/);
    expect(() => select(v, i, 1)).toThrow(/expected i32, got f32x4/);
    expect(() => shuffle(v, v, [0, 1, 2, 8])).toThrow(/takes 4 lanes from 0 to 7/);
    expect(() => vectorConstant('f32x4', [1, 2])).toThrow(/has 4 lanes, got 2/);
  });

  it('operations that a kind lacks', () => {
    expect(() => v.shl(1)).toThrow(/there is no instruction f32x4\.shl/);
    expect(() => i.sqrt()).toThrow(/there is no instruction i32\.sqrt/);
    expect(() => i.neg()).toThrow(/subtract from 0/);
    expect(() => v.rem(v)).toThrow(/there is no instruction f32x4\.rem_s/);
    expect(() => loadSplat('f32x4', v)).toThrow(TypeError);
  });

  it('locals of another function', () => {
    expect(() => compile([], ['i32'], (f) => f.return(i))).toThrow(/main: local 0 belongs to kernel/);
  });

  it('calls with the wrong number or type of arguments', () => {
    const module = new ModuleBuilder();
    const callee = defineFunction(module, 'callee', ['i32', 'f32x4'], [], () => undefined);
    defineFunction(module, 'caller', [], [], (f) => {
      expect(() => f.call(callee, 1)).toThrow(/callee takes 2 arguments, got 1/);
      expect(() => f.call(callee, 1, 1)).toThrow(/argument 1 is a vector/);
    });
  });
});
