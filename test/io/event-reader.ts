/** A reader of TensorBoard's event files, written from the format and not from the writer: bit by bit, in BigInt. */

export interface ReadEvent {
  readonly wallTime: number;
  readonly step: number;
  readonly version: string | null;
  readonly scalars: Record<string, number>;
}

/** CRC-32C by its definition, one bit at a time, masked. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  const value = BigInt(~crc >>> 0);
  return Number((((value >> 15n) | (value << 17n)) + 0xa282ead8n) & 0xffffffffn);
}

type Field = readonly [number: number, value: bigint | Buffer];

function fields(message: Buffer): Field[] {
  const out: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number): Buffer => {
    at += length;
    if (at > message.length) throw new Error('a field goes on behind its message');
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const key = Number(varint());
    const type = key & 7;
    if (![0, 1, 2, 5].includes(type)) throw new Error(`wire type ${type}`);
    const value = type === 0 ? varint() : take(type === 1 ? 8 : type === 5 ? 4 : Number(varint()));
    out.push([key >> 3, value]);
  }
  return out;
}

/** All events of a file; throws where a record is not whole or a checksum is wrong. */
export function readEvents(file: Uint8Array): ReadEvent[] {
  const bytes = Buffer.from(file);
  const events: ReadEvent[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at));
    const message = bytes.subarray(at + 12, at + 12 + length);
    if (bytes.readUInt32LE(at + 8) !== maskedCrc(bytes.subarray(at, at + 8))) throw new Error('checksum of a length');
    if (bytes.readUInt32LE(at + 12 + length) !== maskedCrc(message)) throw new Error('checksum of a message');
    at += 16 + length;
    const event = { wallTime: NaN, step: 0, version: null as string | null, scalars: {} as Record<string, number> };
    for (const [number, value] of fields(message)) {
      if (number === 1) event.wallTime = (value as Buffer).readDoubleLE();
      else if (number === 2) event.step = Number(value);
      else if (number === 3) event.version = (value as Buffer).toString();
      else if (number !== 5) throw new Error(`field ${number} of an event`);
      else for (const [, scalar] of fields(value as Buffer)) {
        const parts = new Map(fields(scalar as Buffer));
        event.scalars[(parts.get(1) as Buffer).toString()] = (parts.get(2) as Buffer).readFloatLE();
      }
    }
    events.push(event);
  }
  return events;
}
