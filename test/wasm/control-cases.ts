import { expect } from 'vitest';
import { type FunctionBuilder, ModuleBuilder, type ValueType } from '../../src/wasm/index.ts';
import { add } from './opcode-cases.ts';
import { instantiate } from './support.ts';

/** Runs a function from i32 parameters to i32 that is written with plain instructions. */
function run(
  write: (f: FunctionBuilder, module: ModuleBuilder) => void, values: number[], results: ValueType[] = ['i32'],
  prepare: (module: ModuleBuilder) => void = () => undefined,
): unknown {
  const module = new ModuleBuilder();
  prepare(module);
  const f = module.function('main', values.map(() => 'i32'), results, 'main');
  write(f, module);
  f.op('end');
  return instantiate(module).call(...values);
}

add(['unreachable'], () => {
  expect(() => run((f) => f.op('unreachable'), [])).toThrow(WebAssembly.RuntimeError);
});
add(['block', 'br', 'end'], () => {
  const result = run((f) => {
    f.op('block', 'i32').op('i32.const', 7).op('br', 0).op('i32.const', 1).op('drop').op('end');
  }, []);
  expect(result).toBe(7);
});
add(['loop', 'br_if'], () => {
  const sum = (n: number): unknown => run((f) => {
    const total = f.local('i32');
    f.op('loop');
    f.op('local.get', total).op('local.get', 0).op('i32.add').op('local.set', total);
    f.op('local.get', 0).op('i32.const', 1).op('i32.sub').op('local.tee', 0).op('br_if', 0);
    f.op('end').op('local.get', total);
  }, [n]);
  expect(sum(4)).toBe(10);
  expect(sum(1)).toBe(1);
});
add(['if', 'else'], () => {
  const choose = (n: number): unknown => run((f) => {
    f.op('local.get', 0).op('if', 'i32').op('i32.const', 11).op('else').op('i32.const', 22).op('end');
  }, [n]);
  expect([choose(1), choose(0), choose(-9)]).toEqual([11, 22, 11]);
});
add(['br_table', 'return'], () => {
  const choose = (n: number): unknown => run((f) => {
    f.op('block').op('block').op('local.get', 0).op('br_table', [0, 1]).op('end');
    f.op('i32.const', 100).op('return').op('end').op('i32.const', 200);
  }, [n]);
  expect([choose(0), choose(1), choose(9)]).toEqual([100, 200, 200]);
});
add(['call'], () => {
  const result = run((f, module) => {
    const twice = module.functionAt(0);
    f.op('local.get', 0).op('call', twice!.index);
  }, [21], ['i32'], (module) => {
    module.function('twice', ['i32'], ['i32']).op('local.get', 0).op('i32.const', 2).op('i32.mul').op('end');
  });
  expect(result).toBe(42);
});
add(['call_indirect'], () => {
  const choose = (n: number): unknown => run((f, module) => {
    f.op('i32.const', 5).op('local.get', 0).op('call_indirect', module.typeIndex(['i32'], ['i32']));
  }, [n], ['i32'], (module) => {
    for (const factor of [10, 100]) {
      const each = module.function(`times${factor}`, ['i32'], ['i32']);
      each.op('local.get', 0).op('i32.const', factor).op('i32.mul').op('end');
      module.addToTable(each);
    }
  });
  expect([choose(0), choose(1)]).toEqual([50, 500]);
  expect(() => choose(2)).toThrow(WebAssembly.RuntimeError);
});
add(['drop', 'select'], () => {
  const choose = (n: number): unknown => run((f) => {
    f.op('i32.const', 3).op('i32.const', 4).op('local.get', 0).op('select').op('i32.const', 99).op('drop');
  }, [n]);
  expect([choose(1), choose(0)]).toEqual([3, 4]);
});
add(['local.get', 'local.set', 'local.tee'], () => {
  const result = run((f) => {
    const a = f.local('i32');
    const unused = f.local('f64');
    const b = f.local('i32');
    f.op('f64.const', 1).op('local.set', unused);
    f.op('local.get', 0).op('local.set', a).op('i32.const', 6).op('local.tee', b);
    f.op('local.get', a).op('i32.mul').op('local.get', b).op('i32.add');
  }, [7]);
  expect(result).toBe(48);
});
add(['global.get', 'global.set'], () => {
  const result = run((f) => {
    f.op('global.get', 0).op('i32.const', 1).op('i32.add').op('global.set', 0).op('global.get', 0);
    f.op('global.get', 1).op('i32.trunc_f64_s').op('i32.add');
  }, [], ['i32'], (module) => {
    module.global('count', 'i32', true, 41);
    module.global('half', 'f64', false, 1000.5);
  });
  expect(result).toBe(1042);
});
