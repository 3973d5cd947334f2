/** The convolution family: emitters for the module, host functions for the registry. */

import type { ConvKernels } from '../../contract.ts';
import type { KernelBuilder } from '../kernel.ts';
import { takesDense, takesDepthwise, takesWinograd, takesWinogradGradient } from './choose.ts';
import { denseBackward, denseForward } from './dense.ts';
import { emitDense } from './dense-kernels.ts';
import { depthwiseBackward, depthwiseForward } from './depthwise.ts';
import { emitDepthwise } from './depthwise-kernels.ts';
import { directFilterGradient, directForward, directInputGradient } from './direct.ts';
import { emitDirectGradient } from './direct-gradient-kernels.ts';
import { emitDirect } from './direct-kernels.ts';
import { winogradFilterGradient, winogradForward, winogradInputGradient } from './winograd.ts';
import { emitWinogradGradient } from './winograd-gradient-kernels.ts';
import { emitWinograd } from './winograd-kernels.ts';

/** Adds the family's kernels to the module. */
export function emitConvolution(kernels: KernelBuilder): void {
  for (const float of ['f32', 'f64'] as const) {
    const { copyPlanes, storePixels } = emitDirect(kernels, float);
    emitDirectGradient(kernels, float, copyPlanes);
    emitDepthwise(kernels, float, copyPlanes, storePixels);
    emitDense(kernels, float);
  }
  const { strip, gather } = emitWinograd(kernels);
  emitWinogradGradient(kernels, strip, gather);
}

export const convolutionKernels: ConvKernels = {
  convForward(x, w, b, out, g, epilogue) {
    if (takesDense(g)) denseForward(x, w, b, out, g, epilogue);
    else if (takesDepthwise(g)) depthwiseForward(x, w, b, out, g, epilogue);
    else if (takesWinograd(x, g)) winogradForward(x, w, b, out, g, epilogue);
    else directForward(x, w, b, out, g, epilogue);
  },

  convBackward(dout, x, w, dx, dw, db, g) {
    if (takesDense(g)) return denseBackward(dout, x, w, dx, dw, db, g);
    if (takesDepthwise(g)) return depthwiseBackward(dout, x, w, dx, dw, db, g);
    if (dx !== null) {
      if (takesWinograd(x, g)) winogradInputGradient(dout, w, dx, g);
      else directInputGradient(dout, w, dx, g);
    }
    if (takesWinogradGradient(x, g)) winogradFilterGradient(dout, x, dw, db, g);
    else directFilterGradient(dout, x, dw, db, g);
  },
};
