/** The host's side of convolution as a matrix product, for tiny images (see dense-kernels.ts). */

import type { ConvGeometry, Epilogue, FloatArray } from '../../contract.ts';
import { launchColumnSums, launchProduct } from '../gemm/host.ts';
import { beginLaunch, floatKind, type Launch } from '../launch.ts';
import { kernelIndex } from '../module.ts';
import { denseName, denseSlots as slots } from './dense-kernels.ts';

/** Rows and columns of the matrix. */
function matrixSize(g: ConvGeometry): [inputs: number, outputs: number] {
  return [g.channels * g.height * g.width, g.filters * g.outHeight * g.outWidth];
}

function setGeometry(launch: Launch, g: ConvGeometry, weights: number, matrix: number, scales: number): void {
  slots.set(launch, 'weights', weights);
  slots.set(launch, 'matrix', matrix);
  slots.set(launch, 'scales', scales);
  slots.set(launch, 'channels', g.channels);
  slots.set(launch, 'height', g.height);
  slots.set(launch, 'width', g.width);
  slots.set(launch, 'filters', g.filters);
  slots.set(launch, 'windowHeight', g.kernelHeight);
  slots.set(launch, 'windowWidth', g.kernelWidth);
  slots.set(launch, 'stride', g.strideY);
  slots.set(launch, 'pad', g.padTop);
  slots.set(launch, 'outHeight', g.outHeight);
  slots.set(launch, 'outWidth', g.outWidth);
}

/** convForward of the contract. */
export function denseForward(
  x: FloatArray, w: FloatArray, b: FloatArray | null, out: FloatArray, g: ConvGeometry, epilogue: Epilogue,
): void {
  const float = floatKind(x);
  const [inputs, outputs] = matrixSize(g);
  const launch = beginLaunch();
  try {
    const outAt = launch.output(out);
    const matrix = launch.scratch(inputs * outputs * x.BYTES_PER_ELEMENT);
    const biases = launch.scratch(outputs * x.BYTES_PER_ELEMENT);
    setGeometry(launch, g, launch.input(w), matrix, epilogue.scale ? launch.input(epilogue.scale) : 0);
    slots.set(launch, 'bias', b === null ? 0 : launch.input(b));
    slots.set(launch, 'biases', biases);
    launch.run(kernelIndex(denseName(float, 'matrix', 'expand')), g.channels);
    launch.run(kernelIndex(denseName(float, 'bias', 'expand')), 1);
    launchProduct(launch, {
      float, a: launch.input(x), b: matrix, out: outAt, m: g.batch, n: outputs, k: inputs, transposeA: false,
      transposeB: false, accumulate: false, bias: biases, relu: epilogue.relu === true,
    });
  } finally {
    launch.finish();
  }
}

/** convBackward of the contract. */
export function denseBackward(
  dout: FloatArray, x: FloatArray, w: FloatArray, dx: FloatArray | null, dw: FloatArray, db: FloatArray,
  g: ConvGeometry,
): void {
  const float = floatKind(x);
  const [inputs, outputs] = matrixSize(g);
  const launch = beginLaunch();
  try {
    const doutAt = launch.input(dout);
    const matrix = launch.scratch(inputs * outputs * x.BYTES_PER_ELEMENT);
    const plain = { float, accumulate: false, bias: 0, relu: false } as const;
    if (dx !== null) {
      setGeometry(launch, g, launch.input(w), matrix, 0);
      launch.run(kernelIndex(denseName(float, 'matrix', 'expand')), g.channels);
      launchProduct(launch, {
        ...plain, a: doutAt, b: matrix, out: launch.output(dx), m: g.batch, n: inputs, k: outputs, transposeA: false,
        transposeB: true,
      });
    }
    launchProduct(launch, {
      ...plain, a: launch.input(x), b: doutAt, out: matrix, m: inputs, n: outputs, k: g.batch, transposeA: true,
      transposeB: false,
    });
    setGeometry(launch, g, launch.output(dw), matrix, 0);
    launch.run(kernelIndex(denseName(float, 'matrix', 'fold')), g.channels);

    const biases = launch.scratch(outputs * x.BYTES_PER_ELEMENT);
    launchColumnSums(launch, float, doutAt, biases, g.batch, outputs);
    setGeometry(launch, g, 0, 0, 0);
    slots.set(launch, 'bias', launch.output(db));
    slots.set(launch, 'biases', biases);
    launch.run(kernelIndex(denseName(float, 'bias', 'fold')), 1);
  } finally {
    launch.finish();
  }
}
