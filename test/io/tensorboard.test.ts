import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/io/crc32.ts';
import { encodeEvents, type ScalarEvent } from '../../src/io/index.ts';
import { readEvents } from './event-reader.ts';

describe('encodeEvents', () => {
  it('computes the checksum of RFC 3720, appendix B.4', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  });

  it('is read back by another reader, in pieces too, whatever step and figures are', () => {
    const events: ScalarEvent[] = [
      { step: 0, wallTime: 0, scalars: {} },
      { step: 127, wallTime: 1.7e9 + 0.25, scalars: { loss: 2.5, 'accuracy/validation': 0.5 } },
      { step: 128, wallTime: 1.7e9 + 1, scalars: { 'Größe 漢': -0, ['x'.repeat(300)]: 1e30 } },
      { step: 2 ** 53 - 1, wallTime: 1.7e9 + 2, scalars: { loss: NaN, rate: Infinity } },
    ];
    const bytes = Buffer.concat([encodeEvents(events.slice(0, 2)), encodeEvents(events.slice(2), { begin: false })]);
    const [first, ...rest] = readEvents(bytes);
    expect(first).toEqual({ wallTime: 0, step: 0, version: 'brain.Event:2', scalars: {} });
    expect(rest).toEqual(events.map((event) => ({
      ...event, version: null,
      scalars: Object.fromEntries(Object.entries(event.scalars).map(([tag, value]) => [tag, Math.fround(value)])),
    })));
  });

  it('writes the very bytes that the format names', () => {
    // a record of 13 bytes: the length 9, a checksum, key 0x09 (field 1, eight bytes) of 1.0 ...
    const bytes = encodeEvents([{ step: 3, wallTime: 1, scalars: { a: 1 } }], { begin: false });
    const message = [9, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10, 3, 0x2a, 10,
      0x0a, 8, 0x0a, 1, 0x61, 0x15, 0, 0, 0x80, 0x3f];
    expect([...bytes.subarray(0, 8)]).toEqual([message.length, 0, 0, 0, 0, 0, 0, 0]);
    expect([...bytes.subarray(12, -4)]).toEqual(message);
  });

  it('refuses what is no event', () => {
    expect(() => encodeEvents([{ step: -1, wallTime: 0, scalars: {} }])).toThrow('encodeEvents: events[0].step must be');
    expect(() => encodeEvents([{ step: 1, wallTime: 0, scalars: { a: 'b' as unknown as number } }]))
      .toThrow('encodeEvents: events[0].scalars["a"] must be a number, got "b"');
  });
});
