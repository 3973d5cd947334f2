/**
 * The wide form of the kernels, for V8's experimental flag --experimental-wasm-revectorize.
 *
 * WebAssembly has vectors of 128 bits. With the flag V8's optimising compiler looks for pairs of stores to neighbouring
 * addresses, goes back along what is stored, and where both ways are alike makes one 256-bit operation of two. Nothing
 * is rounded differently: the lanes do what they did. V8's own trace (--trace-wasm-revectorize) shows what pairs:
 *
 * - Stores start it: a vector pairs with the one that is stored 16 bytes behind it, in every store of either. Where one
 *   store pairs a with b and another b with c, the vectors are taken apart and put together at every turn.
 * - Between the two stores there may be no load: both values are computed before either is stored.
 * - Loads pair where they are neighbours, too; a scalar in all lanes pairs with itself. Shuffles do not pair, so
 *   vectors that are to be transposed go through memory; and a vector of a pair that is given to a function makes V8
 *   end the process (conv/direct-kernels.ts stores what it hands over).
 * - A pair takes one register of 15, so a tile of sums may be twice as large. It must be: in the usual tiles of 4 x 2
 *   vectors only four sums are left that need not wait for each other, and nothing is gained (network e 25.3 in place
 *   of 24.5 ms on one thread; in tiles of 4 x 4 14.9).
 *
 * So products have tiles of 4 x 4 vectors (gemm/strips.ts), Winograd's pixels are pairs of vectors and its products
 * take 8 tiles (conv/winograd-transforms.ts); the other kernels are written as they always are, and pair where they do.
 */

import { settings } from '../../runtime/settings.ts';

/** Proves the kernels on this engine, switches the flag on, and gives null; or says why not, and changes nothing. */
export type WideProof = () => string | null;

let proof: WideProof | null = null;
let verdict: string | null = null;
let isProven = false;

/** Says how it is found out whether the wide form may be used. Forgets what was found out before. */
export function setWideProof(given: WideProof | null): void {
  proof = given;
  isProven = false;
}

/** Why the wide form is not used; null where it is. The proof is made at the first call. */
export function whyNotWide(): string | null {
  if (!settings().wideSimd) return 'wide SIMD is off; configure({ wideSimd: true }) turns it on';
  if (proof === null) {
    return "wide SIMD is asked for, but the test whether it is safe is missing: import 'tilegrad/node', in Node";
  }
  if (!isProven) {
    verdict = proof();
    isProven = true;
  }
  return verdict === null ? null : `wide SIMD is asked for, but refused: ${verdict}`;
}
