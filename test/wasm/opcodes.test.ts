import { describe, expect, it, vi } from 'vitest';
import { features } from '../../src/runtime/features.ts';
import { FunctionBuilder, opcodes } from '../../src/wasm/index.ts';
import './control-cases.ts';
import { cases } from './opcode-cases.ts';
import './vector-cases.ts';

/** Node 20 has no relaxed SIMD without a flag. */
const runs = (name: string): boolean => !name.includes('relaxed') || features().relaxedSimd;

describe('every instruction of the table does what its name says', () => {
  it('has a case for each, and none besides', () => {
    expect([...cases.keys()].sort()).toEqual([...opcodes.keys()].sort());
  });

  for (const name of opcodes.keys()) {
    it.skipIf(!runs(name))(name, () => {
      const emitted = vi.spyOn(FunctionBuilder.prototype, 'op');
      try {
        cases.get(name)!(name);
        expect(emitted.mock.calls.some(([each]) => each === name)).toBe(true);
      } finally {
        emitted.mockRestore();
      }
    });
  }
});
