/** Protocol buffers by the table of messages, on top of the package pbf, which reads and writes the single values. */

import { PbfReader, PbfWriter } from 'pbf';
import { decodeUtf8, type Bytes } from '../bytes.ts';
import { messages, type Message, type MessageName } from './messages.ts';

/** A field as the table has it. */
type Field = readonly [number: number, type: string, list?: 'list'];

/** How deeply messages of a file may lie in each other; in a model without subgraphs it is 6. */
const deepest = 20;
/** Messages and texts that a file may hold: each takes some hundred bytes of memory, even an empty one. */
const most = 500_000;

const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** The fields of a message by number. */
const byNumber = new Map(Object.entries(messages).map(([message, fields]) => [
  message,
  new Map((Object.entries(fields) as Array<[string, Field]>).map(([name, field]) => [field[0], { name, field }])),
]));

/** Encodes a message. What is undefined is left out. */
export function encodeMessage<Name extends MessageName>(name: Name, message: Message<Name>): Bytes {
  const writer = new PbfWriter();
  writeFields(name, message, writer);
  return writer.finish().slice();
}

function writeFields(name: MessageName, message: object, writer: PbfWriter): void {
  const values = message as Record<string, unknown>;
  for (const [key, [number, type]] of Object.entries(messages[name]) as Array<[string, Field]>) {
    const given = values[key];
    if (given === undefined) continue;
    for (const value of Array.isArray(given) ? given as unknown[] : [given]) writeField(number, type, value, writer);
  }
}

function writeField(number: number, type: string, value: unknown, writer: PbfWriter): void {
  switch (type) {
    case 'int': return writer.writeVarintField(number, value as number);
    case 'float': return writer.writeFloatField(number, value as number);
    case 'double': return writer.writeDoubleField(number, value as number);
    case 'text': return writer.writeStringField(number, value as string);
    case 'bytes': return writer.writeBytesField(number, value as Uint8Array);
    default: {
      const fields = (inner: object, to: PbfWriter): void => writeFields(type as MessageName, inner, to);
      writer.writeMessage(number, fields, value as object);
    }
  }
}

/**
 * Decodes a message; fields that may stand several times are lists, empty where there are none. Bytes are views of the
 * file. Throws RangeError, with `fn` in front, for bytes that are no such message: truncated, a length that leads out
 * of the message around it, another wire type, text that is not UTF-8, nesting beyond any model's, and more messages
 * than any model has.
 */
export function decodeMessage<Name extends MessageName>(fn: string, name: Name, bytes: Uint8Array): Message<Name> {
  const reading: Reading = { fn, reader: new PbfReader(bytes), left: most };
  return readMessage(reading, name, bytes.length, 0) as Message<Name>;
}

interface Reading {
  readonly fn: string;
  readonly reader: PbfReader;
  /** messages and texts that may still come */
  left: number;
}

function damaged({ fn, reader }: Reading, what: string): RangeError {
  return new RangeError(`${fn}: the file is damaged or no ONNX file: ${what} at byte ${Math.min(reader.pos, reader.length)}`);
}

function readMessage(reading: Reading, name: MessageName, end: number, depth: number): Record<string, unknown> {
  const { reader } = reading;
  if (depth > deepest) throw new RangeError(`${reading.fn}: messages are nested more than ${deepest} deep`);
  const message: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(messages[name]) as Array<[string, Field]>) {
    if (field[2] === 'list') message[key] = [];
  }
  const fields = byNumber.get(name)!;
  while (reader.pos < end) {
    const tag = readVarint(reading, end);
    const [number, kind] = [Math.floor(tag / 8), tag % 8];
    if (number === 0) throw damaged(reading, 'a field with the number 0');
    const known = fields.get(number);
    if (known === undefined) {
      skip(reading, kind, end);
      continue;
    }
    const [, type, list] = known.field;
    if (list === undefined) message[known.name] = readValue(reading, type, kind, end, depth);
    else readInto(reading, message[known.name] as unknown[], type, kind, end, depth);
  }
  return message;
}

/** One more value of a list, or all of them where numbers are packed. */
function readInto(reading: Reading, list: unknown[], type: string, kind: number, end: number, depth: number): void {
  if (kind !== wire.bytes || !(type in scalarKinds)) {
    list.push(readValue(reading, type, kind, end, depth));
    return;
  }
  const last = readLength(reading, end);
  while (reading.reader.pos < last) list.push(readValue(reading, type, scalarKinds[type], last, depth));
}

/** The wire types of numbers. */
const scalarKinds: Readonly<Record<string, number>> = { int: wire.varint, float: wire.fixed32, double: wire.fixed64 };

function readValue(reading: Reading, type: string, kind: number, end: number, depth: number): unknown {
  const { reader, fn } = reading;
  if (kind !== (scalarKinds[type] ?? wire.bytes)) throw damaged(reading, `a field of another kind (${kind})`);
  if (type === 'int') return readVarint(reading, end);
  if (type === 'float') {
    room(reading, 4, end);
    return reader.readFloat();
  }
  if (type === 'double') {
    room(reading, 8, end);
    return reader.readDouble();
  }
  if (--reading.left < 0) throw new RangeError(`${fn}: the file has more than ${most} parts`);
  const last = readLength(reading, end);
  if (type !== 'text' && type !== 'bytes') return readMessage(reading, type as MessageName, last, depth + 1);
  const bytes = reader.buf.subarray(reader.pos, last);
  reader.pos = last;
  return type === 'bytes' ? bytes : decodeUtf8(`${fn}: text at byte ${last - bytes.length}`, bytes);
}

/** Reads a length, and gives the position to which it leads. */
function readLength(reading: Reading, end: number): number {
  const length = readVarint(reading, end);
  room(reading, length, end);
  return reading.reader.pos + length;
}

function room(reading: Reading, length: number, end: number): void {
  if (!(length >= 0 && length <= end - reading.reader.pos)) throw damaged(reading, `a part of ${length} bytes that is not there`);
}

/** Reads an integer of at most ten bytes, as signed. */
function readVarint(reading: Reading, end: number): number {
  const { reader } = reading;
  let at = reader.pos;
  while (at < end && at < reader.pos + 10 && reader.buf[at] >= 0x80) at++;
  if (at >= end || at >= reader.pos + 10) throw damaged(reading, 'an integer without an end');
  return reader.readVarint(true);
}

function skip(reading: Reading, kind: number, end: number): void {
  const { reader } = reading;
  if (kind === wire.varint) readVarint(reading, end);
  else if (kind === wire.bytes) reader.pos = readLength(reading, end);
  else if (kind === wire.fixed32 || kind === wire.fixed64) {
    const length = kind === wire.fixed32 ? 4 : 8;
    room(reading, length, end);
    reader.pos += length;
  } else throw damaged(reading, `a field of an unknown kind (${kind})`);
}
