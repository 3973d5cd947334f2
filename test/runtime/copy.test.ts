import { describe, expect, it, vi } from 'vitest';
import { copyBytes } from '../../src/runtime/copy.ts';

describe('copyBytes', () => {
  const memories = { own: () => new ArrayBuffer(64), shared: () => new SharedArrayBuffer(64) };

  for (const [source, make] of Object.entries(memories)) {
    for (const [target, makeTarget] of Object.entries(memories)) {
      it(`copies these bytes and no others from ${source} to ${target} memory`, () => {
        const from = new Uint8Array(make(), 8, 40);
        for (let i = 0; i < 40; i++) from[i] = 100 + i;
        for (const [start, at, count] of [[0, 0, 40], [0, 3, 17], [5, 0, 35], [9, 11, 20], [7, 7, 0]]) {
          const to = new Uint8Array(makeTarget(), 16, 40).fill(1);
          const expected = new Uint8Array(40).fill(1);
          expected.set(from.slice(start, start + count), at);
          copyBytes(from, start, to, at, count);
          expect([...to]).toEqual([...expected]);
          expect(new Uint8Array(to.buffer, 0, 16).every((byte) => byte === 0)).toBe(true);
        }
      });
    }
  }

  it('does without a Buffer that takes no plain arrays', async () => {
    class Stranger extends Uint8Array {
      copy(to: Uint8Array): number {
        if (!(to instanceof Stranger)) throw new TypeError('argument should be a Buffer');
        return 0;
      }
    }
    for (const Buffer of [Stranger, class extends Stranger { override copy = undefined as never; }, {}, () => 1]) {
      vi.resetModules();
      vi.stubGlobal('Buffer', Buffer);
      const { copyBytes } = await import('../../src/runtime/copy.ts');
      vi.unstubAllGlobals();
      const to = new Uint8Array(4);
      copyBytes(Uint8Array.of(1, 2, 3, 4), 1, to, 0, 3);
      expect([...to]).toEqual([2, 3, 4, 0]);
    }
  });
});
