/**
 * The checksum of zip entries and checkpoints: CRC-32 with the polynomial 0xEDB88320 (ISO 3309), and that of
 * TensorBoard's records, with another polynomial. Eight bytes are taken at a time: table k says what a byte becomes
 * after k more bytes, and the eight are independent of one another (Kounavis & Berry, "A systematic approach to
 * building high performance software-based CRC generators", 2005).
 */

const slices = 8;

/** The function that computes the CRC with a polynomial, given in the reversed order of bits. */
function crcOf(polynomial: number): (bytes: Uint8Array) => number {
  const table = new Int32Array(slices * 256);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ polynomial : remainder >>> 1;
    table[byte] = remainder;
  }
  for (let i = 256; i < table.length; i++) table[i] = (table[i - 256] >>> 8) ^ table[table[i - 256] & 0xff];
  return (bytes) => {
    let crc = -1;
    let i = 0;
    for (; i + slices <= bytes.length; i += slices) {
      const low = crc ^ (bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24));
      crc = table[0x700 | (low & 0xff)] ^ table[0x600 | ((low >>> 8) & 0xff)] ^
        table[0x500 | ((low >>> 16) & 0xff)] ^ table[0x400 | (low >>> 24)] ^
        table[0x300 | bytes[i + 4]] ^ table[0x200 | bytes[i + 5]] ^ table[0x100 | bytes[i + 6]] ^ table[bytes[i + 7]];
    }
    for (; i < bytes.length; i++) crc = (crc >>> 8) ^ table[(crc ^ bytes[i]) & 0xff];
    return (crc ^ -1) >>> 0;
  };
}

/** The CRC-32 of the bytes, as an unsigned 32-bit integer. */
export const crc32: (bytes: Uint8Array) => number = crcOf(0xedb88320);
/** The CRC-32C of the bytes (Castagnoli, Braeuer & Herrmann 1993), likewise. */
export const crc32c: (bytes: Uint8Array) => number = crcOf(0x82f63b78);
