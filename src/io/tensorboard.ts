/**
 * Scalars as TensorBoard reads them: a file of records (TFRecord), each a protocol-buffers message `Event`.
 *
 * A record is the message's length (8 bytes), a checksum of these 8, the message, and a checksum of it: CRC-32C,
 * rotated and shifted by a constant, so that a checksum stored inside data does not become the data's own. All
 * little-endian.
 *
 * Of protocol buffers two things are needed (protobuf.dev, "Encoding"): a field is a key, its number times 8 plus its
 * wire type, and then the value; whole numbers, keys and lengths are "varints", seven bits a byte, the lowest first,
 * with the top bit set where more follow. Wire type 0 is a varint, 1 eight bytes, 2 a length and so many bytes, 5 four
 * bytes.
 */

import { checkInteger, checkNumber, checkOptions, checkRecord, describe } from '../runtime/check.ts';
import type { Bytes } from './bytes.ts';
import { crc32c } from './crc32.ts';

/** Figures of one moment of training. */
export interface ScalarEvent {
  /** steps made */
  readonly step: number;
  /** when, in seconds since 1970 */
  readonly wallTime: number;
  /** by TensorBoard's tag; kept as float32, NaN and infinities too. A slash in a tag makes a group. */
  readonly scalars: Readonly<Record<string, number>>;
}

export interface EncodeEventsOptions {
  /** begin with the record that a file has to begin with; true by default, false for what is appended to a file */
  begin?: boolean;
}

/**
 * Encodes events as the bytes of a TensorBoard event file, or of a further piece of one. TensorBoard finds files whose
 * name holds `tfevents`. Throws TypeError or RangeError for events that are none: a step that is no count, a time or a
 * scalar that is no number.
 */
export function encodeEvents(events: readonly ScalarEvent[], options: EncodeEventsOptions = {}): Bytes {
  const fn = 'encodeEvents';
  checkOptions(fn, options, ['begin']);
  if (!Array.isArray(events)) throw new TypeError(`${fn}: events must be an array, got ${describe(events)}`);
  const messages: number[][] = [];
  if (options.begin ?? true) messages.push([...double(1, 0), ...bytes(3, utf8('brain.Event:2'))]);
  for (const [i, event] of (events as readonly ScalarEvent[]).entries()) {
    const name = `events[${i}]`;
    checkRecord(fn, name, event);
    checkInteger(fn, `${name}.step`, event.step, 0);
    checkNumber(fn, `${name}.wallTime`, event.wallTime, 0);
    const values = Object.entries(checkRecord(fn, `${name}.scalars`, event.scalars)).map(([tag, value]) => {
      if (typeof value === 'number') return bytes(1, [...bytes(1, utf8(tag)), ...float(2, value)]);
      throw new TypeError(`${fn}: ${name}.scalars[${describe(tag)}] must be a number, got ${describe(value)}`);
    });
    // Event: 1 wall_time, 2 step, 3 file_version, 5 summary; Summary: 1 value, repeated; Value: 1 tag, 2 simple_value
    messages.push([...double(1, event.wallTime), ...varint(2 * 8), ...varint(event.step), ...bytes(5, values.flat())]);
  }
  return Uint8Array.from(messages.flatMap(record));
}

function record(message: readonly number[]): number[] {
  const length = fixed(8, (view) => view.setBigUint64(0, BigInt(message.length), true));
  return [...length, ...maskedChecksum(length), ...message, ...maskedChecksum(message)];
}

function maskedChecksum(data: readonly number[]): number[] {
  const crc = crc32c(Uint8Array.from(data));
  return fixed(4, (view) => view.setUint32(0, ((crc >>> 15) | (crc << 17)) + 0xa282ead8, true));
}

function varint(value: number): number[] {
  const out: number[] = [];
  // not by shifts: steps may have more than 32 bits
  for (; value >= 128; value = Math.floor(value / 128)) out.push((value % 128) + 128);
  return [...out, value];
}

function double(field: number, value: number): number[] {
  return [...varint(field * 8 + 1), ...fixed(8, (view) => view.setFloat64(0, value, true))];
}

function float(field: number, value: number): number[] {
  return [...varint(field * 8 + 5), ...fixed(4, (view) => view.setFloat32(0, value, true))];
}

function bytes(field: number, contents: readonly number[]): number[] {
  return [...varint(field * 8 + 2), ...varint(contents.length), ...contents];
}

function fixed(length: number, write: (view: DataView) => void): number[] {
  const out = new Uint8Array(length);
  write(new DataView(out.buffer));
  return [...out];
}

const utf8 = (text: string): number[] => [...new TextEncoder().encode(text)];
