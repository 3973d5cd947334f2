/** The contract's kernels on a WebGPU device, arrays in and arrays out. Each call goes to the device and back. */

import type { FloatArray } from '../../kernels/contract.ts';
import type { DeviceKernels } from '../device-kernels.ts';
import { Call } from './call.ts';
import * as operations from './operations.ts';
import type { Session } from './session.ts';
import { groupsFor, type Job, job, type Shader } from './shader.ts';
import {
  axpyShader, type BackwardName, binaryShaders, type ForwardName, scalarShaders, unaryShaders,
} from './shaders/elementwise.ts';
import { updateRules, type UpdateName, updateShaders } from './shaders/update.ts';
import type { GpuBuffer } from './types.ts';

/** A job of one shader for every element, told the number s. */
function elementwise<Buffer extends string>(
  of: Shader<Buffer, 'length', 's'>, buffers: Readonly<Record<Buffer, GpuBuffer>>, length: number, s: number = 0,
): Job {
  return job(of, buffers, { length, s }, groupsFor(length));
}

/** A kernel of some arrays and numbers that reads them off the contract's arguments. */
type Open = (fn: string) => Call;

/** The contract's kernels on this device. */
export function webGpuKernels(session: Session): DeviceKernels {
  const open: Open = (fn) => new Call(session, fn);
  return {
    ...matrixKernels(open), ...convolutionKernels(open), ...poolingKernels(open), ...activationKernels(open),
    ...batchnormKernels(open), ...lossKernels(open), ...updateKernels(open), ...elementwiseKernels(open),
  };
}

function matrixKernels(open: Open): DeviceKernels {
  return {
    async gemm(a, b, out, m, n, k, transposeA, transposeB, accumulate) {
      const call = open('gemm');
      const target = accumulate ? call.changed('out', out, out) : call.output('out', out);
      await call.run(operations.product(
        call.input('a', a), call.input('b', b), target, [m, n, k], { transposeA, transposeB, accumulate },
      ));
    },
    async affineForward(x, w, b, out, n, d, m, epilogue) {
      const call = open('affineForward');
      const options = { bias: call.input('b', b), relu: epilogue.relu === true };
      await call.run(operations.product(call.input('x', x), call.input('w', w), call.output('out', out), [n, m, d], options));
    },
    async affineBackward(dout, x, w, dx, dw, db, n, d, m) {
      const call = open('affineBackward');
      const upstream = call.input('dout', dout);
      const jobs = [
        operations.product(call.input('x', x), upstream, call.output('dw', dw), [d, m, n], { transposeA: true }),
        operations.channelSums(upstream, call.output('db', db), { outer: n, channels: m, inner: 1 }),
      ];
      if (dx !== null) {
        jobs.push(operations.product(
          upstream, call.input('w', w), call.output('dx', dx), [n, d, m], { transposeB: true },
        ));
      }
      await call.run(...jobs);
    },
  };
}

function convolutionKernels(open: Open): DeviceKernels {
  return {
    async convForward(x, w, b, out, g, { scale, relu }) {
      const call = open('convForward');
      await call.run(operations.convForward(
        call.input('x', x), call.input('w', w), call.optional('b', b), call.output('out', out), g,
        { scale: call.optional('scale', scale), relu },
      ));
    },
    async convBackward(dout, x, w, dx, dw, db, g) {
      const call = open('convBackward');
      const to = { dx: dx === null ? null : call.output('dx', dx), dw: call.output('dw', dw), db: call.output('db', db) };
      await call.run(...operations.convBackward(call.input('dout', dout), call.input('x', x), call.input('w', w), to, g));
    },
  };
}

function poolingKernels(open: Open): DeviceKernels {
  return {
    async maxPoolForward(x, out, argmax, g) {
      const call = open('maxPoolForward');
      const places = argmax === null ? call.scratch(out.length) : call.output('argmax', argmax);
      await call.run(operations.maxPoolForward(call.input('x', x), call.output('out', out), places, g));
    },
    async maxPoolBackward(dout, argmax, dx, g, reluOut) {
      const call = open('maxPoolBackward');
      await call.run(operations.maxPoolBackward(
        call.input('dout', dout), call.input('argmax', argmax), call.output('dx', dx), g, call.optional('reluOut', reluOut),
      ));
    },
    async avgPoolForward(x, out, g) {
      const call = open('avgPoolForward');
      await call.run(operations.avgPoolForward(call.input('x', x), call.output('out', out), g));
    },
    async avgPoolBackward(dout, dx, g) {
      const call = open('avgPoolBackward');
      await call.run(operations.avgPoolBackward(call.input('dout', dout), call.output('dx', dx), g));
    },
    async adaptiveAvgPoolForward(x, out, g) {
      const call = open('adaptiveAvgPoolForward');
      await call.run(operations.adaptiveAvgPoolForward(call.input('x', x), call.output('out', out), g));
    },
    async adaptiveAvgPoolBackward(dout, dx, g) {
      const call = open('adaptiveAvgPoolBackward');
      await call.run(operations.adaptiveAvgPoolBackward(call.input('dout', dout), call.output('dx', dx), g));
    },
  };
}

function activationKernels(open: Open): DeviceKernels {
  const forward = (name: ForwardName) => async (x: FloatArray, out: FloatArray, alpha: number = 0): Promise<void> => {
    const call = open(name);
    await call.run(operations.activationForward(name, call.input('x', x), call.output('out', out), x.length, alpha));
  };
  const backward = (name: BackwardName) =>
    async (dout: FloatArray, x: FloatArray, dx: FloatArray, alpha: number = 0): Promise<void> => {
      const call = open(name);
      const target = call.output('dx', dx);
      await call.run(operations.activationBackward(name, call.input('dout', dout), call.input('x', x), target, x.length, alpha));
    };
  return {
    reluForward: forward('reluForward'), reluBackward: backward('reluBackward'),
    leakyReluForward: forward('leakyReluForward'), leakyReluBackward: backward('leakyReluBackward'),
    eluForward: forward('eluForward'),
    eluBackward: (dout, x, _out, dx, alpha) => backward('eluBackward')(dout, x, dx, alpha),
    sigmoidForward: forward('sigmoidForward'), sigmoidBackward: backward('sigmoidBackward'),
    tanhForward: forward('tanhForward'), tanhBackward: backward('tanhBackward'),
    geluForward: forward('geluForward'), geluBackward: backward('geluBackward'),
    siluForward: forward('siluForward'), siluBackward: backward('siluBackward'),
  };
}

function batchnormKernels(open: Open): DeviceKernels {
  const backward = (fn: 'batchnormBackward' | 'batchnormBackwardConstant'): DeviceKernels['batchnormBackward'] =>
    async (dout, x, gamma, mean, variance, reluOut, dx, dgamma, dbeta, g, eps, passed = null, more = null) => {
      const call = open(fn);
      const { length } = dout;
      const jobs: Job[] = [];
      let upstream = call.input('dout', dout);
      if (more !== null) {
        const sum = call.scratch(length);
        jobs.push(elementwise(binaryShaders.add, { a: upstream, b: call.input('more', more), out: sum }, length));
        upstream = sum;
      }
      if (reluOut !== null) {
        const masked = passed === null ? call.scratch(length) : call.output('passed', passed);
        jobs.push(operations.activationBackward('reluBackward', upstream, call.input('reluOut', reluOut), masked, length));
        upstream = masked;
      } else if (passed !== null) {
        const copy = call.output('passed', passed);
        jobs.push(elementwise(scalarShaders.mul, { x: upstream, out: copy }, length, 1));
        upstream = copy;
      }
      const norm = {
        gamma: call.input('gamma', gamma), mean: call.input('mean', mean), variance: call.input('variance', variance),
      };
      const to = { dx: call.output('dx', dx), dgamma: call.output('dgamma', dgamma), dbeta: call.output('dbeta', dbeta) };
      const constant = fn === 'batchnormBackwardConstant';
      await call.run(...jobs, ...operations.batchnormBackward(upstream, call.input('x', x), norm, to, g, eps, constant));
    };
  return {
    async batchnormStatistics(x, mean, variance, g) {
      const call = open('batchnormStatistics');
      await call.run(operations.batchnormStatistics(
        call.input('x', x), call.output('mean', mean), call.output('variance', variance), g,
      ));
    },
    async batchnormApply(x, gamma, beta, mean, variance, out, g, eps, relu, added = null) {
      const call = open('batchnormApply');
      const norm = {
        gamma: call.input('gamma', gamma), beta: call.input('beta', beta), mean: call.input('mean', mean),
        variance: call.input('variance', variance),
      };
      const to = call.output('out', out);
      if (added === null) {
        await call.run(operations.batchnormApply(call.input('x', x), norm, to, g, eps, relu));
        return;
      }
      const { length } = x;
      const [shifted, sum] = [call.scratch(length), relu ? call.scratch(length) : to];
      await call.run(
        operations.batchnormApply(call.input('x', x), norm, shifted, g, eps, false),
        elementwise(binaryShaders.add, { a: shifted, b: call.input('added', added), out: sum }, length),
        ...(relu ? [operations.activationForward('reluForward', sum, to, length, 0)] : []),
      );
    },
    batchnormBackward: backward('batchnormBackward'),
    batchnormBackwardConstant: backward('batchnormBackwardConstant'),
  };
}

function lossKernels(open: Open): DeviceKernels {
  return {
    async softmaxLoss(scores, labels, dscores, n, classes) {
      const call = open('softmaxLoss');
      const loss = new Float32Array(1);
      await call.run(...operations.softmaxLoss(
        call.input('scores', scores), call.input('labels', labels), call.scratch(n), call.output('dscores', dscores),
        call.output('loss', loss), 0, [n, classes],
      ));
      return loss[0];
    },
  };
}

function updateKernels(open: Open): DeviceKernels {
  const kernels = (Object.keys(updateRules) as UpdateName[]).map((name) => {
    const { state, numbers } = updateRules[name];
    // the contract's order: w, dw, state, nextW, next state, then numbers
    type Rest = ReadonlyArray<FloatArray | number | boolean>;
    const kernel = async (w: FloatArray, dw: FloatArray, ...rest: Rest): Promise<void> => {
      const call = open(name);
      const arrays = rest.slice(0, 2 * state.length + 1) as FloatArray[];
      const nextW = arrays[state.length];
      const buffers = Object.fromEntries(state.map((each, i) =>
        [each, call.changed(each, arrays[i], arrays[state.length + 1 + i])]));
      const values = Object.fromEntries(numbers.map((each, i) => [each, Number(rest[arrays.length + i])]));
      await call.run(job(
        updateShaders[name], { w: call.changed('w', w, nextW), dw: call.input('dw', dw), ...buffers },
        { length: w.length, ...values }, groupsFor(w.length),
      ));
    };
    return [name, kernel] as const;
  });
  return Object.fromEntries(kernels) as DeviceKernels;
}

function elementwiseKernels(open: Open): DeviceKernels {
  const total = (fn: string, square: boolean) => async (x: FloatArray): Promise<number> => {
    const call = open(fn);
    const sum = new Float32Array(1);
    const geometry = { outer: x.length, channels: 1, inner: 1 };
    await call.run(operations.channelSums(call.input('x', x), call.output('sum', sum), geometry, { square }));
    return sum[0];
  };
  return {
    async binary(operation, a, b, out) {
      const call = open('binary');
      const buffers = { a: call.input('a', a), b: call.input('b', b), out: call.output('out', out) };
      await call.run(elementwise(binaryShaders[operation], buffers, out.length));
    },
    async binaryScalar(operation, a, s, out) {
      const call = open('binaryScalar');
      const buffers = { x: call.input('a', a), out: call.output('out', out) };
      await call.run(elementwise(scalarShaders[operation], buffers, out.length, s));
    },
    async unary(operation, x, out) {
      const call = open('unary');
      const buffers = { x: call.input('x', x), out: call.output('out', out) };
      await call.run(elementwise(unaryShaders[operation], buffers, out.length));
    },
    async axpy(alpha, x, y) {
      const call = open('axpy');
      const buffers = { x: call.input('x', x), y: call.changed('y', y, y) };
      await call.run(elementwise(axpyShader, buffers, y.length, alpha));
    },
    sum: total('sum', false),
    sumOfSquares: total('sumOfSquares', true),
    async sumRows(x, out, rows, columns) {
      const call = open('sumRows');
      const geometry = { outer: rows, channels: columns, inner: 1 };
      await call.run(operations.channelSums(call.input('x', x), call.output('out', out), geometry));
    },
  };
}
