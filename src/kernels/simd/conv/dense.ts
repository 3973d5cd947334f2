/** The host's side of convolution as a matrix product, for tiny images (see dense-kernels.ts). */

import type { ConvKernels } from '../../contract.ts';
import type { ConvGeometry } from '../../geometry.ts';
import { launchColumnSums, launchProduct } from '../gemm/gemm.ts';
import { floatKind, launch, launched, scratch } from '../launch.ts';
import { denseExpand, denseExpandBias, denseFold, denseFoldBias, denseSizes } from './dense-kernels.ts';

/** Rows and columns of the matrix, and pixels of an output plane. */
function matrixSize(g: ConvGeometry): { inputs: number; outputs: number; pixels: number } {
  const pixels = g.outHeight * g.outWidth;
  return { inputs: g.channels * g.height * g.width, outputs: g.filters * pixels, pixels };
}

/** What the kernels take of a geometry that has one stride and one pad. */
function sizesOf(g: ConvGeometry): ConvGeometry & { stride: number; pad: number } {
  return { ...g, stride: g.strideY, pad: g.padTop };
}

/** convForward of the contract. */
export const denseForward: ConvKernels['convForward'] = launched((x, w, b, out, g, epilogue) => {
  const float = floatKind(x);
  const { inputs, outputs, pixels } = matrixSize(g);
  const matrix = scratch(inputs * outputs * x.BYTES_PER_ELEMENT);
  const biases = scratch(outputs * x.BYTES_PER_ELEMENT);
  const scales = epilogue.scale ?? null;
  launch(denseExpand[float]).from(denseSizes, sizesOf(g)).w(w).scales(scales).matrix(matrix).run(g.channels);
  launch(denseExpandBias[float]).bias(b).filters(g.filters).pixels(pixels).biases(biases).run(1);
  const relu = epilogue.relu === true;
  launchProduct(float, { a: x, b: matrix, out, m: g.batch, n: outputs, k: inputs, bias: biases, relu });
});

/** convBackward of the contract. */
export const denseBackward: ConvKernels['convBackward'] = launched((dout, x, w, dx, dw, db, g) => {
  const float = floatKind(x);
  const { inputs, outputs, pixels } = matrixSize(g);
  const matrix = scratch(inputs * outputs * x.BYTES_PER_ELEMENT);
  if (dx !== null) {
    launch(denseExpand[float]).from(denseSizes, sizesOf(g)).w(w).scales(null).matrix(matrix).run(g.channels);
    launchProduct(float, { a: dout, b: matrix, out: dx, m: g.batch, n: inputs, k: outputs, transposeB: true });
  }
  launchProduct(float, { a: x, b: dout, out: matrix, m: inputs, n: outputs, k: g.batch, transposeA: true });
  launch(denseFold[float]).from(denseSizes, sizesOf(g)).matrix(matrix).dw(dw).run(g.channels);
  const biases = scratch(outputs * x.BYTES_PER_ELEMENT);
  launchColumnSums(float, dout, biases, g.batch, outputs);
  launch(denseFoldBias[float]).biases(biases).filters(g.filters).pixels(pixels).db(db).run(1);
});
