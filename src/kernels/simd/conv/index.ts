/** The convolution family: emitters for the module, host functions for the registry. */

import { settings } from '../../../runtime/settings.ts';
import type { ConvKernels } from '../../contract.ts';
import { type ConvGeometry, isMostlyPadding } from '../../geometry.ts';
import { HeapExhausted } from '../../memory/heap.ts';
import type { KernelBuilder } from '../kernel.ts';
import { blockedFilterGradient, blockedForward, emitBlocks } from './blocks.ts';
import {
  takesBlocks, takesDense, takesDepthwise, takesPointwise, takesStride, takesToeplitz, takesWinograd,
} from './choose.ts';
import { takesHalving, takesHalvingGradient } from './choose-halving.ts';
import { mayHaveWinners } from './choose-winners.ts';
import { denseBackward, denseForward } from './dense.ts';
import { emitDense } from './dense-kernels.ts';
import { depthwiseBackward, depthwiseForward } from './depthwise.ts';
import { emitDepthwise } from './depthwise-kernels.ts';
import { emitDepthwiseHalving } from './depthwise-halving-kernels.ts';
import { emitDepthwiseQuads } from './depthwise-quad-kernels.ts';
import { emitDepthwiseRows } from './depthwise-row-kernels.ts';
import { directFilterGradient, directForward, directInputGradient } from './direct.ts';
import { emitDirectGradient } from './direct-gradient-kernels.ts';
import { emitDirect } from './direct-kernels.ts';
import { halvingFilterGradient, halvingForward, halvingInputGradient } from './halving.ts';
import { emitHalvingGradient } from './halving-gradient-kernels.ts';
import { emitHalving } from './halving-kernels.ts';
import { pointwiseBackward, pointwiseForward } from './pointwise.ts';
import { emitPointwise } from './pointwise-kernels.ts';
import { strideBackward, strideForward } from './pointwise-stride.ts';
import { emitPointwiseStride } from './pointwise-stride-kernels.ts';
import { emitGradientProduct, emitTileProduct } from './tile-product.ts';
import { toeplitzBackward, toeplitzForward } from './toeplitz.ts';
import { emitToeplitz } from './toeplitz-kernels.ts';
import { winnerFilterGradient } from './winner-gradient.ts';
import { emitWinnerGradient } from './winner-gradient-kernels.ts';
import { winogradFilterGradient, winogradForward, winogradInputGradient } from './winograd.ts';
import { emitWinogradFilters } from './winograd-filter-kernels.ts';
import { emitWinogradGradient } from './winograd-gradient-kernels.ts';
import { emitWinograd } from './winograd-kernels.ts';

/** Adds the family's kernels to the module. */
export function emitConvolution(kernels: KernelBuilder): void {
  for (const float of ['f32', 'f64'] as const) {
    const { copyPlanes, storePixels } = emitDirect(kernels, float);
    emitDirectGradient(kernels, float, copyPlanes);
    emitDepthwise(kernels, float, copyPlanes, storePixels);
    emitDepthwiseRows(kernels, float);
    emitDepthwiseHalving(kernels, float);
    emitDense(kernels, float);
    emitPointwise(kernels, float);
    emitPointwiseStride(kernels, float);
  }
  emitDepthwiseQuads(kernels);
  emitBlocks(kernels);
  emitToeplitz(kernels);
  const [product, gradientProduct] = [emitTileProduct(kernels), emitGradientProduct(kernels)];
  const { strip, gather } = emitWinograd(kernels, emitWinogradFilters(kernels), product);
  emitWinogradGradient(kernels, strip, gather, gradientProduct);
  emitWinnerGradient(kernels);
  emitHalvingGradient(kernels, emitHalving(kernels, strip, product), gradientProduct);
}

/** Throws HeapExhausted, so that another backend computes, where padded planes would be large and empty. */
function checkPlanes(g: ConvGeometry): void {
  if (!isMostlyPadding(g)) return;
  throw new HeapExhausted(`convolution: no memory for planes that are nearly all padding (${g.padTop}x${g.padLeft})`);
}

export const convolutionKernels: ConvKernels = {
  convForward(x, w, b, out, g, epilogue) {
    checkPlanes(g);
    const isProduct = !(epilogue.scale && settings().strict);
    if (isProduct && takesPointwise(g)) pointwiseForward(x, w, b, out, g, epilogue);
    else if (isProduct && takesStride(g)) strideForward(x, w, b, out, g, epilogue);
    else if (takesToeplitz(x, g)) toeplitzForward(x, w, b, out, g, epilogue);
    else if (takesDense(g)) denseForward(x, w, b, out, g, epilogue);
    else if (takesDepthwise(g)) depthwiseForward(x, w, b, out, g, epilogue);
    else if (takesWinograd(x, g)) winogradForward(x, w, b, out, g, epilogue);
    else if (takesHalving(x, g)) halvingForward(x, w, b, out, g, epilogue);
    else if (takesBlocks(x, g)) blockedForward(x, w, b, out, g, epilogue);
    else directForward(x, w, b, out, g, epilogue);
  },

  convBackward(dout, x, w, dx, dw, db, g) {
    checkPlanes(g);
    if (takesPointwise(g)) return pointwiseBackward(dout, x, w, dx, dw, db, g);
    if (takesStride(g)) return strideBackward(dout, x, w, dx, dw, db, g);
    if (takesToeplitz(x, g)) return toeplitzBackward(dout, x, w, dx, dw, db, g);
    if (takesDense(g)) return denseBackward(dout, x, w, dx, dw, db, g);
    if (takesDepthwise(g)) return depthwiseBackward(dout, x, w, dx, dw, db, g);
    if (takesWinograd(x, g)) {
      if (dx !== null) winogradInputGradient(dout, w, dx, g);
      if (mayHaveWinners(x, g) && winnerFilterGradient(dout, null, x, dw, db, g)) return;
      return winogradFilterGradient(dout, x, dw, db, g);
    }
    if (dx !== null) (takesHalvingGradient(x, g) ? halvingInputGradient : directInputGradient)(dout, w, dx, g);
    if (mayHaveWinners(x, g) && winnerFilterGradient(dout, null, x, dw, db, g)) return;
    if (takesHalving(x, g)) halvingFilterGradient(dout, x, dw, db, g);
    else (takesBlocks(x, g) ? blockedFilterGradient : directFilterGradient)(dout, x, dw, db, g);
  },
};
