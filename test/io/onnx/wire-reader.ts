/** Protocol buffers by field numbers alone, after the format's description: what tests hold the library's reader to. */

export class Wire {
  readonly #fields: Map<number, Array<number | Uint8Array>> = new Map();

  constructor(bytes: Uint8Array) {
    let at = 0;
    const varint = (): bigint => {
      let value = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const byte = bytes[at++];
        if (byte === undefined) throw new Error('truncated');
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return BigInt.asIntN(64, value);
      }
    };
    while (at < bytes.length) {
      const tag = Number(varint());
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      let value: number | Uint8Array;
      if (tag % 8 === 0) value = Number(varint());
      else if (tag % 8 === 5) value = view.getFloat32((at += 4) - 4, true);
      else if (tag % 8 === 1) value = view.getFloat64((at += 8) - 8, true);
      else {
        const length = Number(varint());
        value = bytes.subarray(at, at += length);
      }
      this.#fields.set(tag >>> 3, [...this.#fields.get(tag >>> 3) ?? [], value]);
    }
  }

  numbers(field: number): number[] { return (this.#fields.get(field) ?? []) as number[]; }
  number(field: number): number { return this.numbers(field)[0]; }
  bytes(field: number): Uint8Array { return this.#fields.get(field)![0] as Uint8Array; }
  text(field: number): string { return new TextDecoder().decode(this.bytes(field)); }
  texts(field: number): string[] {
    return (this.#fields.get(field) ?? []).map((bytes) => new TextDecoder().decode(bytes as Uint8Array));
  }

  messages(field: number): Wire[] {
    return (this.#fields.get(field) ?? []).map((bytes) => new Wire(bytes as Uint8Array));
  }

  message(field: number): Wire { return this.messages(field)[0]; }
}

export function wire(bytes: Uint8Array): Wire {
  return new Wire(bytes);
}
