/** Base64 by RFC 4648, in browsers and Node alike. */

/** Bytes converted per call: the arguments of one fromCharCode call live on the stack. */
const block = 0x2000;

/** The base64 text of bytes of any length. */
export function encodeBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let start = 0; start < bytes.length; start += block) {
    binary += String.fromCharCode(...bytes.subarray(start, start + block));
  }
  return btoa(binary);
}

/** A data: address that puts a PNG file into a page. */
export function pngDataUrl(png: Uint8Array): string {
  return `data:image/png;base64,${encodeBase64(png)}`;
}
