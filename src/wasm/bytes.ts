/**
 * A growing byte buffer with the encodings of the WebAssembly binary format: LEB128 integers, floats, names, vectors.
 */

/** For numbers on their way to bytes. */
const scratch: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(8));
const encoder: TextEncoder = new TextEncoder();

export class ByteWriter {
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  byte(value: number): this {
    if (this.#length === this.#buffer.length) this.#grow(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  bytes(values: ArrayLike<number>): this {
    if (this.#length + values.length > this.#buffer.length) this.#grow(values.length);
    this.#buffer.set(values, this.#length);
    this.#length += values.length;
    return this;
  }

  /** Unsigned LEB128 of an integer 0..2^32-1: seven bits a byte, low bits first, the top bit says that more follow. */
  unsigned(value: number): this {
    if (value >= 0 && value < 0x80 && Number.isInteger(value)) return this.byte(value);
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
      throw new RangeError(`ByteWriter.unsigned: value must be an integer from 0 to 4294967295, got ${value}`);
    }
    let rest = value;
    while (rest >= 0x80) {
      this.byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.byte(rest);
    return this;
  }

  /**
   * Signed LEB128 of a 32-bit integer. Values from 2^31 to 2^32-1 are taken as the bit pattern (an address in the upper
   * half of a 4 GiB memory is one), so they become negative.
   */
  signed32(value: number): this {
    if (!Number.isInteger(value) || value < -0x80000000 || value > 0xffffffff) {
      throw new RangeError(`ByteWriter.signed32: value must be an integer of 32 bits, got ${value}`);
    }
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7; // arithmetic: fills with the sign
      const finished = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
      this.byte(finished ? low : low | 0x80);
      if (finished) return this;
    }
  }

  /** Signed LEB128 of a 64-bit integer; values from 2^63 to 2^64-1 are taken as the bit pattern. */
  signed64(value: bigint): this {
    if (value < -(1n << 63n) || value >= 1n << 64n) {
      throw new RangeError(`ByteWriter.signed64: value must be an integer of 64 bits, got ${value}`);
    }
    let rest = BigInt.asIntN(64, value);
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      const finished = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
      this.byte(finished ? low : low | 0x80);
      if (finished) return this;
    }
  }

  float32(value: number): this {
    scratch.setFloat32(0, value, true);
    return this.bytes(new Uint8Array(scratch.buffer, 0, 4));
  }

  float64(value: number): this {
    scratch.setFloat64(0, value, true);
    return this.bytes(new Uint8Array(scratch.buffer, 0, 8));
  }

  /** A length-prefixed UTF-8 name. */
  name(text: string): this {
    const encoded = encoder.encode(text);
    return this.unsigned(encoded.length).bytes(encoded);
  }

  /** Another writer's bytes, prefixed by their count. */
  sized(content: ByteWriter): this {
    return this.unsigned(content.length).append(content);
  }

  append(content: ByteWriter): this {
    return this.bytes(content.#buffer.subarray(0, content.#length));
  }

  toUint8Array(): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(0, this.#length);
  }

  #grow(more: number): void {
    const larger = new Uint8Array(Math.max(this.#length + more, 2 * this.#buffer.length));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}
