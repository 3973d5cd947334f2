/** The part of ndarray-ops that the tests call; the package comes without types. */
declare module 'ndarray-ops' {
  import type { NdArray } from 'ndarray';

  type View = NdArray<Float32Array | Float64Array | Int32Array | Uint8Array>;
  const operations: {
    assign(out: View, x: View): void;
    addeq(out: View, x: View): void;
    mulseq(out: View, s: number): void;
    sum(x: View): number;
    sup(x: View): number;
    argmax(x: View): number[];
  };
  export default operations;
}
