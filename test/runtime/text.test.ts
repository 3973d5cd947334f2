/** Foreign text in messages: what reaches a terminal has no power over it, whatever a file or an argument is called. */

import { describe as group, expect, it } from 'vitest';
import fc from 'fast-check';
import { zipSync } from 'fflate';
import { decodeNpz, decodeSafetensors, encodeNpy, encodeSafetensors } from '../../src/io/index.ts';
import { main } from '../../src/node/commands/program.ts';
import { ProgressLine } from '../../src/node/commands/progress.ts';
import { loadCifar10 } from '../../src/node/index.ts';
import { readTar } from '../../src/data/tar.ts';
import { checkOptions, describe } from '../../src/runtime/check.ts';
import { longestMessage, printable } from '../../src/runtime/text.ts';
import { tensor } from '../../src/tensor/index.ts';
import { decodeTree } from '../../src/train/state-tree.ts';
import { recording } from '../cli/terminal.ts';
import { tarOf } from '../node/archive.ts';

/** Clears the screen, renames the window, reverses the text, breaks the line, and leaves half a character. */
const hostile = '\u001b[2J\u001b]0;x\u0007\u009b31m\u202eevil\u2066\r\n\u2028\ud800\u{e0041}';
const power = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

group('printable', () => {
  it('escapes what acts on a terminal and keeps what can be seen', () => {
    expect(printable(hostile)).toBe(
      '\\x1b[2J\\x1b]0;x\\x07\\x9b31m\\u202eevil\\u2066\\x0d\\x0a\\u2028\\ud800\\u{e0041}',
    );
    expect(printable('größe/日本語/😀 a.txt')).toBe('größe/日本語/😀 a.txt');
  });

  it('keeps its bound', () => {
    expect(printable('a'.repeat(300))).toBe(`${'a'.repeat(200)}...`);
    expect(printable('abc', 3)).toBe('abc');
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 50 }), fc.nat(40), (text, limit) => {
      const shown = printable(text, limit);
      expect(power.test(shown)).toBe(false);
      expect(shown.length).toBeLessThanOrEqual(6 * limit + 3);
    }));
  });
});

group('describe', () => {
  it('shows no raw character of any value', () => {
    const named = Object.defineProperty(() => 0, 'name', { value: hostile });
    class Plain { field: number = 1; }
    Object.defineProperty(Plain, 'name', { value: hostile });
    const object: Record<string, number> = { [hostile]: 1 };
    for (const value of [hostile, named, new Plain(), Symbol(hostile), hostile.repeat(100), [hostile], object]) {
      expect(describe(value)).not.toMatch(power);
      expect(describe(value).length).toBeLessThan(400);
    }
    expect(messageOf(() => checkOptions('f', object, []))).not.toMatch(power);
  });

  it('takes no name from the fields of data', () => {
    expect(describe(JSON.parse('{ "constructor": { "name": "Tensor" } }'))).toBe('an Object');
    expect(describe(JSON.parse('{ "__proto__": { "constructor": { "name": "Tensor" } } }'))).toBe('an Object');
    expect(describe(Object.assign(new Date(0), { constructor: { name: 'Tensor' } }))).toBe('a Date');
    expect(describe(Object.create(null))).toBe('an object');
    expect(describe(new Uint8Array(1))).toBe('a Uint8Array');
    expect(describe(new Int32Array(1))).toBe('an Int32Array');
    expect(describe(Object.defineProperty(() => 0, 'name', { value: 5 }))).toBe('a function');
  });
});

group('names of foreign origin in messages', () => {
  it('of tensors and of metadata in weight files', () => {
    const named = encodeSafetensors({ [hostile.slice(0, -3)]: tensor([1]) });
    expect(messageOf(() => decodeSafetensors(named.slice(0, -1)))).not.toMatch(power);
    const archive = zipSync({ [hostile]: encodeNpy(tensor([1])) });
    expect(messageOf(() => decodeNpz(archive))).not.toMatch(power);
    const damaged = zipSync({ [`${hostile}.npy`]: Uint8Array.of(1, 2, 3) });
    expect(messageOf(() => decodeNpz(damaged))).not.toMatch(power);
  });

  it('of fields in checkpoints', () => {
    const bytes = encodeSafetensors({}, { kind: JSON.stringify({ [hostile]: { a: 1 } }).replace('1', '['.repeat(40) + ']'.repeat(40)) });
    expect(messageOf(() => decodeTree('load', 'kind', bytes))).not.toMatch(power);
  });

  it('of entries in archives', async () => {
    const bytes = tarOf([{ name: '\u001b[2Jx', bytes: new Uint8Array(600) }]);
    async function* source(): AsyncGenerator<Uint8Array, void> {
      yield bytes.subarray(0, 700);
    }
    const read = async (): Promise<void> => {
      for await (const entry of readTar(source())) expect(entry.name).toBe('\u001b[2Jx');
    };
    await expect(read()).rejects.toThrow('inside \\x1b[2Jx');
  });

  it('of paths', async () => {
    const error = await loadCifar10(`/nowhere/${hostile}`).catch((caught: unknown) => caught);
    expect((error as Error).message).toMatch(/loadCifar10: cannot read \/nowhere\/\\x1b/);
    expect((error as Error).message).not.toMatch(power);
  });
});

group('the terminal', () => {
  it('gets nothing raw from arguments', async () => {
    for (const argv of [
      [hostile], ['train', '--model', hostile], ['train', '--recipe', hostile], ['train', '--epochs', hostile],
      [`--${hostile}`], ['train', '--data', `/nowhere/${hostile}`, '--out', `/dev/null/${hostile}`], ['data', hostile],
    ]) {
      const surroundings = recording();
      expect(await main(argv, surroundings)).not.toBe(0);
      expect(surroundings.err().replaceAll('\n', '')).not.toMatch(power);
      expect(surroundings.out().replaceAll('\n', '')).not.toMatch(power);
      expect(surroundings.err().length).toBeLessThan(6 * longestMessage);
    }
  });

  it('nor from lines that stand above the progress line', () => {
    const surroundings = recording();
    new ProgressLine(surroundings.stdout).print(`report: ${hostile}`);
    expect(surroundings.out()).toBe(`report: ${printable(hostile)}\n`);
  });
});
