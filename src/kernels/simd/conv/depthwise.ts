/** The host's side of depthwise convolution (the kernels are in the files beside this one). */

import { roundUp } from '../../../runtime/numbers.ts';
import { bytesOf } from '../../../wasm/index.ts';
import type { ConvKernels, Epilogue, FloatArray } from '../../contract.ts';
import type { ConvGeometry } from '../../geometry.ts';
import { floatKind, launch, launched, staged } from '../launch.ts';
import { normTuning } from '../tuning.ts';
import { depthwiseQuadStride, depthwiseStride } from './choose.ts';
import { depthwiseHalving, depthwiseHalvingGradient, depthwiseHalvingInput } from './depthwise-halving-kernels.ts';
import { depthwise, depthwiseGradient, tileOverhang } from './depthwise-kernels.ts';
import { depthwiseQuads, depthwiseQuadsGradient, depthwiseQuadsInput } from './depthwise-quad-kernels.ts';
import { depthwiseRows, depthwiseRowsGradient } from './depthwise-row-kernels.ts';
import { sumBytes } from './depthwise-taps.ts';
import { columnsOfPart, forwardPass, inputGradientPass, type Pass, tapTable } from './direct.ts';
import { edgeBytes, planeSizes } from './direct-kernels.ts';

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
    .scratch(edgeBytes + planeRows * pass.strideX * partColumns * bytes + tileOverhang)
    .run(Math.ceil(pass.batch * pass.imageChannels / perTask));
}

/** Planes that a task of the usual form takes. */
function planesPerTask(g: ConvGeometry): number {
  return Math.max(1, Math.floor(normTuning.elementsPerTask / (g.height * g.width)));
}

/** A convolution of the usual form with stride 1, inside a launch; turned: its gradient at the input. */
function runRows(
  x: FloatArray, w: FloatArray, b: FloatArray | null, out: FloatArray, g: ConvGeometry, epilogue: Epilogue,
  turned: boolean,
): void {
  const planes = g.batch * g.channels;
  const perTask = planesPerTask(g);
  launch(depthwiseRows[floatKind(x)]).planes(planes).perTask(perTask).channels(g.channels).height(g.height)
    .width(g.width).x(x).w(w).turned(turned).scales(epilogue.scale ?? null).bias(b).relu(epilogue.relu === true)
    .out(out).run(Math.ceil(planes / perTask));
}

/** A convolution to planes of 2x2 float32, inside a launch; turned, with stride 1: its gradient at the input. */
function runQuads(
  x: FloatArray, w: FloatArray, b: FloatArray | null, out: FloatArray, g: ConvGeometry, epilogue: Epilogue,
  stride: 1 | 2, turned: boolean,
): void {
  const [planes, perTask] = [g.batch * g.channels, planesPerTask(g)];
  launch(depthwiseQuads[stride]).planes(planes).perTask(perTask).channels(g.channels).x(x).w(w).turned(turned)
    .scales(epilogue.scale ?? null).bias(b).relu(epilogue.relu === true).out(out).run(Math.ceil(planes / perTask));
}

/** The gradients of runQuads, inside a launch. */
function quadsBackward(
  dout: FloatArray, x: FloatArray, w: FloatArray, dx: FloatArray | null, dw: FloatArray, db: FloatArray,
  g: ConvGeometry, stride: 1 | 2,
): void {
  const [planes, perTask] = [g.batch * g.channels, planesPerTask(g)];
  if (dx !== null && stride === 1) runQuads(dout, w, null, dx, g, {}, stride, true);
  if (dx !== null && stride === 2) {
    launch(depthwiseQuadsInput).planes(planes).perTask(perTask).channels(g.channels).dout(dout).w(w).dx(dx)
      .run(Math.ceil(planes / perTask));
  }
  launch(depthwiseQuadsGradient[stride]).batch(g.batch).channels(g.channels).x(x).dout(dout).dw(dw).db(db)
    .run(g.channels);
}

/** convForward of the contract. */
export const depthwiseForward: ConvKernels['convForward'] = launched((x, w, b, out, g, epilogue) => {
  const quadStride = depthwiseQuadStride(x, g);
  if (quadStride !== 0) return runQuads(x, w, b, out, g, epilogue, quadStride, false);
  const [scales, relu] = [epilogue.scale ?? null, epilogue.relu === true];
  switch (depthwiseStride(x, g)) {
    case 0: return runPlanes(x, w, out, scales, b, relu, forwardPass(g), g.kernelHeight * g.kernelWidth);
    case 1: return runRows(x, w, b, out, g, epilogue, false);
    case 2: {
      const [planes, perTask] = [g.batch * g.channels, planesPerTask(g)];
      launch(depthwiseHalving[floatKind(x)]).planes(planes).perTask(perTask).channels(g.channels).height(g.outHeight)
        .width(g.outWidth).x(x).w(w).scales(scales).bias(b).relu(relu).out(out).run(Math.ceil(planes / perTask));
    }
  }
});

/** convBackward of the contract. */
export const depthwiseBackward: ConvKernels['convBackward'] = launched((dout, x, w, dx, dw, db, g) => {
  const quadStride = depthwiseQuadStride(x, g);
  if (quadStride !== 0) return quadsBackward(dout, x, w, dx, dw, db, g, quadStride);
  const stride = depthwiseStride(x, g);
  if (stride === 0) return planesBackward(dout, x, w, dx, dw, db, g);
  const float = floatKind(x);
  if (dx !== null && stride === 1) runRows(dout, w, null, dx, g, {}, true);
  if (dx !== null && stride === 2) {
    const [planes, perTask] = [g.batch * g.channels, planesPerTask(g)];
    launch(depthwiseHalvingInput[float]).planes(planes).perTask(perTask).channels(g.channels).height(g.outHeight)
      .width(g.outWidth).dout(dout).w(w).dx(dx).run(Math.ceil(planes / perTask));
  }
  launch((stride === 1 ? depthwiseRowsGradient : depthwiseHalvingGradient)[float]).batch(g.batch).channels(g.channels)
    .height(g.outHeight).width(g.outWidth).x(x).dout(dout).dw(dw).db(db).scratch(sumBytes).run(g.channels);
});

/** The gradients of any geometry, inside a launch. */
function planesBackward(
  dout: FloatArray, x: FloatArray, w: FloatArray, dx: FloatArray | null, dw: FloatArray, db: FloatArray,
  g: ConvGeometry,
): void {
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
}
