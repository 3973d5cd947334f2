import { describe, expect, it } from 'vitest';
import {
  callValue, constant, defineFunction, elementAddress, type FunctionBuilder, globalValue, load, loadSplat,
  ModuleBuilder, select, splat,
} from '../../src/wasm/index.ts';
import { compile, evaluate, instantiate } from './support.ts';

describe('statements', () => {
  it('sums an array by countdown', () => {
    const { call, memory } = compile(['i32', 'i32'], ['f32'], (f, x, count) => {
      const total = f.local('f32');
      f.countdown(count, () => {
        f.set(total, total.add(load('f32', x)));
        f.increase(x, 4);
      });
      f.return(total);
    });
    new Float32Array(memory.buffer).set([1, 2, 3, 4.5], 4);
    expect(call(16, 4)).toBe(10.5);
    expect(call(20, 1)).toBe(2);
  });

  it('sets the vector constants of a loop once, at the function\'s start', () => {
    let builder: FunctionBuilder | undefined;
    const { call } = compile(['i32'], ['f32'], (f, count) => {
      const sums = f.let(constant('f32x4', 7));
      f.countdown(count, () => {
        f.set(sums, sums.mul(1.5).add(constant('f32x4', 2.25)).mul(1.5));
        f.set(sums, sums.add(constant('f32x4', 0)));
      });
      f.return(sums.lane(3));
      builder = f.builder;
    });
    expect(call(1)).toBe((7 * 1.5 + 2.25) * 1.5);
    expect(call(2)).toBe(((7 * 1.5 + 2.25) * 1.5 * 1.5 + 2.25) * 1.5);
    // where each number's four lanes stand in the code: 7 and 0 where they are used, the others once in front of them
    const code = builder!.encode().toUint8Array();
    const places = (value: number): number[] => {
      const lane = [...new Uint8Array(new Float32Array([value]).buffer)];
      const lanes = [...lane, ...lane, ...lane, ...lane];
      return [...code.keys()].filter((at) => lanes.every((byte, i) => code[at + i] === byte));
    };
    expect([1.5, 2.25, 7, 0].map((value) => places(value).length)).toEqual([1, 1, 1, 1]);
    expect(Math.max(...places(1.5), ...places(2.25))).toBeLessThan(places(7)[0]);
  });

  it('runs for loops the right number of times, none when from >= to', () => {
    const { call } = compile(['i32', 'i32'], ['i32'], (f, from, to) => {
      const i = f.local('i32');
      const turns = f.local('i32', 0);
      f.for(i, from, to.add(1).sub(1), 3, () => f.increase(turns, 1));
      f.return(turns);
    });
    expect(call(0, 9)).toBe(3);
    expect(call(0, 10)).toBe(4);
    expect(call(5, 5)).toBe(0);
    expect(call(5, -5)).toBe(0);
    expect(call(-4, 2)).toBe(2);
  });

  it('computes the end of a for loop once', () => {
    const { call } = compile(['i32'], ['i32'], (f, n) => {
      const i = f.local('i32');
      f.doFor(i, 0, n.mul(2), 1, () => f.if(n.lt(100), () => f.increase(n, 1)));
      f.return(i);
    });
    expect(call(4)).toBe(8);
  });

  it('leaves blocks early, repeats, and chooses', () => {
    const { call } = compile(['i32'], ['i32'], (f, n) => {
      const sum = f.local('i32', 0);
      f.repeat(n, () => {
        f.block((exit) => {
          f.breakIf(exit, n.and(1));
          f.increase(sum, n);
        });
      });
      f.if(sum.gt(20), () => f.set(sum, 20), () => f.increase(sum, 100));
      f.return(sum);
    });
    expect(call(6)).toBe(112);
    expect(call(10)).toBe(20);
    expect(call(0)).toBe(100);
    expect(call(-3)).toBe(100);
  });

  it('switches', () => {
    const { call } = compile(['i32'], ['i32'], (f, n) => {
      const out = f.local('i32', 0);
      f.switch(n, [() => f.set(out, 10), () => f.set(out, 11)], () => f.set(out, -1));
      f.return(out);
    });
    expect([0, 1, 2, -1].map((n) => call(n))).toEqual([10, 11, -1, -1]);
  });

  it('breaks out of nested loops to the right label', () => {
    const { call } = compile(['i32'], ['i32'], (f, n) => {
      const i = f.local('i32', 0);
      const steps = f.local('i32', 0);
      f.block((exit) => {
        f.loop((outer) => {
          f.increase(i, 1);
          f.loop((inner) => {
            f.increase(steps, 1);
            f.if(steps.eq(n), () => f.break(exit));
            f.breakIf(inner, steps.rem(3));
          });
          f.breakIf(outer, i.lt(100));
        });
      });
      f.return(i.mul(1000).add(steps));
    });
    expect(call(7)).toBe(3007);
    expect(call(5)).toBe(2005);
  });

  it('calls functions, directly and by table', () => {
    const module = new ModuleBuilder();
    const log = module.importFunction('env', 'log', ['f64'], []);
    const counter = module.global('counter', 'i32', true, 5, 'counter');
    const square = defineFunction(module, 'square', ['f64'], ['f64'], (f, x) => f.return(x.mul(x)));
    const report = defineFunction(module, 'report', ['i32'], [], (f, i) => {
      f.setGlobal(counter, globalValue(counter).add(i));
      f.call(log, callValue(square, 'f64', 3));
    });
    const position = module.addToTable(report);
    defineFunction(module, 'main', ['i32'], [], (f, i) => f.callIndirect(module, constant('i32', position), i), 'main');
    const seen: number[] = [];
    const { exports, call } = instantiate(module, { env: { log: (x: number) => seen.push(x) } });
    call(7);
    expect(seen).toEqual([9]);
    expect((exports.counter as unknown as WebAssembly.Global).value).toBe(12);
  });
});

describe('expressions', () => {
  it('folds constants of addresses into the immediates of loads and stores', () => {
    const { call, memory } = compile(['i32'], ['f64'], (f, p) => {
      f.store(p.add(8).add(8), constant('f64', 2.5), 16);
      f.store(p.sub(8), constant('f64', 0.25));
      f.return(load('f64', p.add(40), -8).add(load('f64', p, -8)).add(load('f64', elementAddress(p, 4, 8))));
    });
    expect(call(64)).toBe(5.25);
    expect(new Float64Array(memory.buffer)[12]).toBe(2.5);
  });

  it('picks the instruction by the kind', () => {
    expect(evaluate('f32', ['f32', 'f32'], [0.1, 0.2], (a, b) => a.add(b))).toBe(Math.fround(Math.fround(0.1) + Math.fround(0.2)));
    expect(evaluate('i32', ['i32', 'i32'], [-7, 2], (a, b) => a.div(b))).toBe(-3);
    expect(evaluate('i32', ['i32', 'i32'], [-7, 2], (a, b) => a.ltU(b))).toBe(0);
    expect(evaluate('f64', ['f64'], [3], (a) => select(a.gt(2), a.mul(10), 1))).toBe(30);
    expect(evaluate('f32', ['f32'], [3], (a) => splat('f32x4', a).mul(2).lane(3))).toBe(6);
    expect(evaluate('i32', ['i32'], [5], (a) => a.sub(3).add(3).mul(1).shl(2))).toBe(20);
  });

  it('loads one element into every lane', () => {
    const { call, memory } = compile(['i32'], ['f64'], (f, p) => f.return(loadSplat('f64x2', p, 8).lane(1)));
    new Float64Array(memory.buffer)[3] = 1.5;
    expect(call(16)).toBe(1.5);
  });
});
