/** The host's side of depthwise convolution (the kernels are in depthwise-kernels.ts). */

import { roundUp } from '../../../runtime/numbers.ts';
import { bytesOf } from '../../../wasm/index.ts';
import type { ConvKernels, FloatArray } from '../../contract.ts';
import { floatKind, launch, launched, staged } from '../launch.ts';
import { normTuning } from '../tuning.ts';
import { depthwise, depthwiseGradient, tileOverhang } from './depthwise-kernels.ts';
import { columnsOfPart, forwardPass, inputGradientPass, type Pass, tapTable } from './direct.ts';
import { planeSizes } from './direct-kernels.ts';

/** Runs a pass of one channel on every plane, inside a launch. `filters` stands for the taps of a filter here. */
function runPlanes(
  x: FloatArray, w: FloatArray, out: FloatArray, scales: FloatArray | null, bias: FloatArray | null, relu: boolean,
  pass: Pass, taps: number,
): void {
  const float = floatKind(x);
  const bytes = bytesOf(float);
  const lanes = 16 / bytes;
  const outHeight = Math.max(...pass.parts.map((part) => part.outHeight));
  const outWidth = Math.max(...pass.parts.map((part) => part.outWidth));
  const partColumns = columnsOfPart(pass, roundUp(outWidth, lanes), lanes);
  const planeRows = (outHeight - 1) * pass.strideY + pass.windowHeight;
  const entries = pass.parts.flatMap((part) => {
    const table = tapTable(pass, part, planeRows, partColumns, bytes);
    const tapCount = table.length / 2 - 1;
    // as depthwisePart has them
    return [staged(table), tapCount, part.outOffset * bytes, part.outHeight, part.outWidth];
  });
  const perTask = Math.max(1, Math.floor(normTuning.elementsPerTask / pass.outPlane));
  launch(depthwise[float]).from(planeSizes, { ...pass, filters: taps, planeRows, partColumns }).perTask(perTask)
    .x(x).w(w).parts(Int32Array.from(entries)).partCount(pass.parts.length).scales(scales).bias(bias).relu(relu)
    .out(out).outPlaneBytes(pass.outPlane * bytes).outRowBytes(pass.outRow * bytes).outPixelBytes(pass.outPixel * bytes)
    .scratch(planeRows * pass.strideX * partColumns * bytes + tileOverhang)
    .run(Math.ceil(pass.batch * pass.imageChannels / perTask));
}

/** convForward of the contract. */
export const depthwiseForward: ConvKernels['convForward'] = launched((x, w, b, out, g, epilogue) => {
  const taps = g.kernelHeight * g.kernelWidth;
  runPlanes(x, w, out, epilogue.scale ?? null, b, epilogue.relu === true, forwardPass(g), taps);
});

/** convBackward of the contract. */
export const depthwiseBackward: ConvKernels['convBackward'] = launched((dout, x, w, dx, dw, db, g) => {
  const taps = g.kernelHeight * g.kernelWidth;
  if (dx !== null) runPlanes(dout, w, dx, null, null, false, inputGradientPass(g), taps);
  const float = floatKind(x);
  const bytes = bytesOf(float);
  const pass = forwardPass(g);
  const partColumns = columnsOfPart(pass, roundUp(g.outWidth, 16 / bytes), 16 / bytes);
  const planeRows = (g.outHeight - 1) * g.strideY + pass.windowHeight;
  const table = tapTable(pass, pass.parts[0], planeRows, partColumns, bytes);
  const planesOffset = roundUp(16 * (taps + 1), 64);
  launch(depthwiseGradient[float]).from(planeSizes, { ...pass, filters: taps, planeRows, partColumns })
    .x(x).dout(dout).taps(staged(table)).tapCount(taps).outHeight(g.outHeight).outWidth(g.outWidth).dw(dw).db(db)
    .planesOffset(planesOffset).scratch(planesOffset + planeRows * pass.strideX * partColumns * bytes)
    .run(g.channels);
});
