/** The contract's kernels through GPU.js. Each call sends its arrays to the GPU and reads the result back. */

import type { FloatArray } from '../../kernels/contract.ts';
import type { AvgPoolGeometry, ConvGeometry, PoolGeometry } from '../../kernels/geometry.ts';
import type { DeviceKernels } from '../device-kernels.ts';
import type { GpuJsKernel, Runner } from './runner.ts';
import * as sources from './sources.ts';

/** The contract's kernels on this GPU. */
export function gpuJsKernels(runner: Runner): DeviceKernels {
  return {
    ...matrixKernels(runner), ...convolutionKernels(runner), ...poolingKernels(runner), ...elementwiseKernels(runner),
  };
}

function channelSums(
  runner: Runner, x: FloatArray, out: FloatArray, outer: number, channels: number, inner: number,
): void {
  runner.run(sources.channelSumSource, { x }, { outer, channels, inner }, [channels], out);
}

function matrixKernels(runner: Runner): DeviceKernels {
  const gemm = (
    a: FloatArray, b: FloatArray, out: FloatArray, [rows, columns, inner]: readonly number[],
    transposeA: boolean, transposeB: boolean,
  ): void => {
    runner.run(sources.gemmSource(transposeA, transposeB), { a, b }, { rows, columns, inner }, [columns, rows], out);
  };
  return {
    async gemm(a, b, out, m, n, k, transposeA, transposeB, accumulate) {
      const before = accumulate ? out.slice() : null;
      gemm(a, b, out, [m, n, k], transposeA, transposeB);
      before?.forEach((value, i) => { out[i] += value; });
    },
    async affineForward(x, w, b, out, n, d, m, { relu }) {
      const sizes = { rows: n, columns: m, inner: d, relu: relu === true ? 1 : 0 };
      runner.run(sources.affineSource, { a: x, b: w, bias: b }, sizes, [m, n], out);
    },
    async affineBackward(dout, x, w, dx, dw, db, n, d, m) {
      if (dx !== null) gemm(dout, w, dx, [n, d, m], false, true);
      gemm(x, dout, dw, [d, m, n], true, false);
      channelSums(runner, dout, db, n, m, 1);
    },
    async sumRows(x, out, rows, columns) { channelSums(runner, x, out, rows, columns, 1); },
  };
}

function convolutionKernels(runner: Runner): DeviceKernels {
  const sizesOf = (g: ConvGeometry): Record<string, number> =>
    ({ ...g, groupChannels: g.channels / g.groups, groupFilters: g.filters / g.groups });
  return {
    async convForward(x, w, b, out, g, { scale, relu }) {
      const each = (value: number): Float32Array => new Float32Array(g.filters).fill(value);
      runner.run(
        sources.convForwardSource, { x, w, scale: scale ?? each(1), bias: b ?? each(0) },
        { ...sizesOf(g), relu: relu === true ? 1 : 0 }, [g.outWidth, g.outHeight, g.batch * g.filters], out,
      );
    },
    async convBackward(dout, x, w, dx, dw, db, g) {
      const sizes = sizesOf(g);
      const taps = [g.kernelWidth, g.kernelHeight, g.filters * sizes['groupChannels']];
      runner.run(sources.convFilterGradientSource, { dout, x }, sizes, taps, dw);
      channelSums(runner, dout, db, g.batch, g.filters, g.outHeight * g.outWidth);
      if (dx === null) return;
      runner.run(sources.convInputGradientSource, { dout, w }, sizes, [g.width, g.height, g.batch * g.channels], dx);
    },
  };
}

function poolingKernels(runner: Runner): DeviceKernels {
  const outputs = (g: PoolGeometry): number[] => [g.outWidth, g.outHeight, g.planes];
  const pixels = (g: PoolGeometry): number[] => [g.width, g.height, g.planes];
  const averageSizes = ({ countIncludePad, ...g }: AvgPoolGeometry): Record<string, number> =>
    ({ ...g, whole: countIncludePad ? 1 : 0 });
  return {
    async maxPoolForward(x, out, argmax, g) {
      runner.run(sources.maxPoolSource, { x }, { ...g }, outputs(g), out);
      if (argmax !== null) runner.run(sources.argmaxSource, { x }, { ...g }, outputs(g), argmax);
    },
    async maxPoolBackward(dout, argmax, dx, g, reluOut) {
      // places inside a plane are exact in float32: no plane has 2^24 pixels
      const given = { dout, argmax: Float32Array.from(argmax), gate: reluOut ?? new Float32Array(dout.length).fill(1) };
      runner.run(sources.maxPoolBackwardSource, given, { ...g }, pixels(g), dx);
    },
    async avgPoolForward(x, out, g) {
      runner.run(sources.avgPoolSource, { x }, averageSizes(g), outputs(g), out);
    },
    async avgPoolBackward(dout, dx, g) {
      runner.run(sources.avgPoolBackwardSource, { dout }, averageSizes(g), pixels(g), dx);
    },
  };
}

function elementwiseKernels(runner: Runner): DeviceKernels {
  const one = (kernel: GpuJsKernel, x: FloatArray, out: FloatArray, s: number = 0): void => {
    runner.run(kernel, { x, numbers: Float32Array.of(s) }, {}, [out.length], out);
  };
  const two = (kernel: GpuJsKernel, a: FloatArray, b: FloatArray, out: FloatArray, s: number = 0): void => {
    runner.run(kernel, { a, b, numbers: Float32Array.of(s) }, {}, [out.length], out);
  };
  const forward = sources.forwardSources;
  const backward = sources.backwardSources;
  return {
    async binary(operation, a, b, out) { two(sources.binarySources[operation], a, b, out); },
    async binaryScalar(operation, a, s, out) { one(sources.scalarSources[operation], a, out, s); },
    async unary(operation, x, out) { one(sources.unarySources[operation], x, out); },
    async axpy(alpha, x, y) { two(sources.axpySource, x, y, y, alpha); },
    async reluForward(x, out) { one(forward.reluForward, x, out); },
    async leakyReluForward(x, out, alpha) { one(forward.leakyReluForward, x, out, alpha); },
    async sigmoidForward(x, out) { one(forward.sigmoidForward, x, out); },
    async tanhForward(x, out) { one(forward.tanhForward, x, out); },
    async reluBackward(dout, x, dx) { two(backward.reluBackward, dout, x, dx); },
    async leakyReluBackward(dout, x, dx, alpha) { two(backward.leakyReluBackward, dout, x, dx, alpha); },
    async sigmoidBackward(dout, out, dx) { two(backward.sigmoidBackward, dout, out, dx); },
    async tanhBackward(dout, out, dx) { two(backward.tanhBackward, dout, out, dx); },
  };
}
