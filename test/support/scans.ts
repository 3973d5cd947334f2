/** JPEG files with more scans than an encoder writes. */

const markers = (file: Uint8Array, marker: number): number[] =>
  Array.from(file.keys()).filter((at) => file[at] === 0xff && file[at + 1] === marker);

export const scansIn = (file: Uint8Array): number => markers(file, 0xda).length;

/** A progressive file whose scan that refines the means of the blocks is there so many times more. */
export function withMoreScans(file: Uint8Array, more: number): Uint8Array {
  const starts = markers(file, 0xda);
  const spectrum = (at: number): number => at + 5 + 2 * file[at + 4]; // first, last, bits before and after
  const at = starts.find((start) => file[spectrum(start) + 1] === 0 && file[spectrum(start) + 2] >= 16)!;
  const end = Array.from(file.keys()).find((i) => i > at + 2 && file[i] === 0xff && file[i + 1] !== 0)!;
  const scan = file.slice(at, end);
  const out = new Uint8Array(file.length + more * scan.length);
  out.set(file.subarray(0, end));
  for (let i = 0; i < more; i++) out.set(scan, end + i * scan.length);
  out.set(file.subarray(end), end + more * scan.length);
  return out;
}

/** The file with 8192x8192 as its size. */
export function claimingMuch(file: Uint8Array): Uint8Array {
  const [frame] = markers(file, 0xc2);
  const out = file.slice();
  out.set([0x20, 0, 0x20, 0], frame + 5);
  return out;
}
