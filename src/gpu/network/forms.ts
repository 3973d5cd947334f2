/**
 * The layers of tilegrad/nn that have a form on devices, by class. A subclass may compute anything and is not known.
 */

import type { ChannelGeometry } from '../../kernels/geometry.ts';
import { type AvgPoolParam, avgPoolSizes, convSizes, type PoolParam, poolSizes } from '../../layers/geometry.ts';
import type { LayerRecord } from '../../layers/record.ts';
import type { DropoutRecord } from '../../layers/records/elementwise.ts';
import { Conv2d } from '../../nn/layers/convolution.ts';
import { Dropout, ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Tanh } from '../../nn/layers/elementwise.ts';
import { Linear } from '../../nn/layers/linear.ts';
import { BatchNorm1d, BatchNorm2d } from '../../nn/layers/norm.ts';
import { AdaptiveAvgPool2d, AvgPool2d, MaxPool2d } from '../../nn/layers/pooling.ts';
import type { Module } from '../../nn/module.ts';
import { sizeOf } from '../../tensor/shape.ts';
import * as operations from '../webgpu/operations.ts';
import { groupsFor, type Job, job } from '../webgpu/shader.ts';
import { type BackwardName, binaryShaders, copyRowsShader, type ForwardName } from '../webgpu/shaders/elementwise.ts';
import { movingAverageShader } from '../webgpu/shaders/normalisation.ts';
import type { GpuBuffer } from '../webgpu/types.ts';
import type { Form, Place } from './form.ts';

type FormOf<M extends Module> = (module: M) => Form;

/** A form without parameters. */
function plain(build: Form['build']): Form {
  return { parameters: [], states: [], build };
}

/** A job where there is something for it to write to. */
function wanted<T>(target: T | null, make: (target: T) => Job): Job[] {
  return target === null ? [] : [make(target)];
}

const linear: FormOf<Linear> = ({ weight, bias }) => ({
  parameters: bias === null ? [weight] : [weight, bias],
  states: [],
  build: ({ batch, inputs: [x], output, parameter }) => {
    const [features, outputs] = weight.shape;
    const w = parameter(weight);
    const b = bias === null ? null : parameter(bias);
    return {
      forward: [operations.product(x.buffer, w.value, output.buffer, [batch, outputs, features], { bias: b?.value })],
      back: (dout, [dx]) => [
        operations.product(x.buffer, dout, w.gradient, [features, outputs, batch], { transposeA: true }),
        ...wanted(b, ({ gradient }) =>
          operations.channelSums(dout, gradient, { outer: batch, channels: outputs, inner: 1 })),
        ...wanted(dx, (to) => operations.product(dout, w.value, to, [batch, features, outputs], { transposeB: true })),
      ],
    };
  },
});

const convolution: FormOf<Conv2d> = ({ weight, bias, _record: { param } }) => ({
  parameters: bias === null ? [weight] : [weight, bias],
  states: [],
  build: ({ batch, inputs: [x], output, parameter }) => {
    const g = convSizes('Conv2d', [batch, ...x.shape], weight.shape, param);
    const w = parameter(weight);
    const b = bias === null ? null : parameter(bias);
    return {
      forward: [operations.convForward(x.buffer, w.value, b?.value ?? null, output.buffer, g)],
      back: (dout, [dx]) =>
        operations.convBackward(dout, x.buffer, w.value, { dx, dw: w.gradient, db: b?.gradient ?? null }, g),
    };
  },
});

const batchnorm: FormOf<BatchNorm1d | BatchNorm2d> = (module) => {
  const { weight, bias, _record: { param: { eps = 1e-5, momentum = 0.9 } } } = module;
  const entries = module.stateEntries().filter(({ name }) => name.startsWith('running_'));
  return {
    parameters: [weight, bias],
    states: entries,
    build: ({ batch, inputs: [x], output, parameter, state, scratch }: Place) => {
      const [channels] = weight.shape;
      const g: ChannelGeometry = { outer: batch, channels, inner: sizeOf(x.shape) / channels };
      const count = g.outer * g.inner;
      const [gamma, beta] = [parameter(weight), parameter(bias)];
      const [mean, variance] = [scratch(channels), scratch(channels)];
      const norm = { gamma: gamma.value, beta: beta.value, mean, variance };
      const renew = (sample: GpuBuffer, i: number, take: number): Job =>
        job(
          movingAverageShader, { sample, running: state(entries[i]) }, { length: channels, keep: momentum, take },
          groupsFor(channels),
        );
      return {
        forward: [
          operations.batchnormStatistics(x.buffer, mean, variance, g),
          operations.batchnormApply(x.buffer, norm, output.buffer, g, eps),
          renew(mean, 0, 1 - momentum),
          renew(variance, 1, (1 - momentum) * count / (count - 1)), // what is kept is the corrected variance
        ],
        back: (dout, [dx]) => operations.batchnormBackward(
          dout, x.buffer, { gamma: gamma.value, mean, variance },
          { dx, dgamma: gamma.gradient, dbeta: beta.gradient }, g, eps, false,
        ),
      };
    },
  };
};

function alphaOf({ settings }: LayerRecord): number {
  return settings!['alpha'] as number;
}

/** The way back starts from the input or from the output, as the contract says of each. */
function activation(forward: ForwardName, backward: BackwardName, from: 'input' | 'output', alpha: number = 0): Form {
  return plain(({ batch, inputs: [x], output }) => {
    const length = batch * sizeOf(x.shape);
    const saved = from === 'input' ? x.buffer : output.buffer;
    return {
      forward: [operations.activationForward(forward, x.buffer, output.buffer, length, alpha)],
      back: (dout, [dx]) =>
        wanted(dx, (to) => operations.activationBackward(backward, dout, saved, to, length, alpha)),
    };
  });
}

const maxPool: FormOf<MaxPool2d> = ({ _record: { settings } }) => plain(({ batch, inputs: [x], output, scratch }) => {
  const g = poolSizes('MaxPool2d', [batch, ...x.shape], settings as unknown as PoolParam);
  const argmax = scratch(batch * sizeOf(output.shape));
  return {
    forward: [operations.maxPoolForward(x.buffer, output.buffer, argmax, g)],
    back: (dout, [dx]) => wanted(dx, (to) => operations.maxPoolBackward(dout, argmax, to, g)),
  };
});

const averagePool: FormOf<AvgPool2d> = ({ _record: { settings } }) => plain(({ batch, inputs: [x], output }) => {
  const g = avgPoolSizes('AvgPool2d', [batch, ...x.shape], settings as unknown as AvgPoolParam);
  return {
    forward: [operations.avgPoolForward(x.buffer, output.buffer, g)],
    back: (dout, [dx]) => wanted(dx, (to) => operations.avgPoolBackward(dout, to, g)),
  };
});

const adaptivePool: FormOf<AdaptiveAvgPool2d> = () => plain(({ batch, inputs: [x], output }) => {
  const [channels, height, width] = x.shape;
  const [, outHeight, outWidth] = output.shape;
  const g = { planes: batch * channels, height, width, outHeight, outWidth };
  return {
    forward: [operations.adaptiveAvgPoolForward(x.buffer, output.buffer, g)],
    back: (dout, [dx]) => wanted(dx, (to) => operations.adaptiveAvgPoolBackward(dout, to, g)),
  };
});

/** The masks are drawn on the processor, from the layer's own generator: a run drops what it would drop there. */
const dropout: FormOf<Dropout> = (module) => plain(({ batch, inputs: [x], output, drawn }) => {
  const { keep } = module._record as DropoutRecord;
  const [rng] = module.generators();
  const length = batch * sizeOf(x.shape);
  const mask = drawn(length, (array) => {
    for (let i = 0; i < length; i++) array[i] = rng.random() < keep ? 1 / keep : 0;
  });
  const masked = (a: GpuBuffer, out: GpuBuffer): Job =>
    job(binaryShaders.mul, { a, b: mask, out }, { length, s: 0 }, groupsFor(length));
  return { forward: [masked(x.buffer, output.buffer)], back: (dout, [dx]) => wanted(dx, (to) => masked(dout, to)) };
});

/** The sum of two values of one shape. */
export const addForm: Form = plain(({ batch, inputs: [x, y], output: { buffer: out, shape } }) => {
  const length = batch * sizeOf(shape);
  const sizes = { length, run: length, fromStride: 0, fromOffset: 0, toStride: 0, toOffset: 0 };
  return {
    forward: [job(binaryShaders.add, { a: x.buffer, b: y.buffer, out }, { length, s: 0 }, groupsFor(length))],
    back: (dout, dxs) => dxs.flatMap((dx) =>
      wanted(dx, (to) => job(copyRowsShader, { x: dout, out: to }, sizes, groupsFor(length)))),
  };
});

/** Values side by side along the channels. */
export const concatForm: Form = plain(({ batch, inputs, output: { buffer: out, shape } }) => {
  const whole = sizeOf(shape);
  const parts = inputs.map(({ shape: part }) => sizeOf(part));
  const offsets = parts.map((_, i) => parts.slice(0, i).reduce((sum, part) => sum + part, 0));
  return {
    forward: inputs.map(({ buffer: x }, i) => job(copyRowsShader, { x, out }, {
      length: batch * parts[i], run: parts[i], fromStride: parts[i], fromOffset: 0, toStride: whole,
      toOffset: offsets[i],
    }, groupsFor(batch * parts[i]))),
    back: (dout, dxs) => dxs.flatMap((dx, i) => wanted(dx, (out) => job(copyRowsShader, { x: dout, out }, {
      length: batch * parts[i], run: parts[i], fromStride: whole, fromOffset: offsets[i], toStride: parts[i],
      toOffset: 0,
    }, groupsFor(batch * parts[i])))),
  };
});

type ModuleClass = abstract new (...given: never[]) => Module;

function known<M extends Module>(type: new (...given: never[]) => M, form: FormOf<M>): [ModuleClass, FormOf<Module>] {
  return [type, form as FormOf<Module>];
}

const forms: ReadonlyMap<unknown, FormOf<Module>> = new Map([
  known(Linear, linear), known(Conv2d, convolution), known(BatchNorm1d, batchnorm), known(BatchNorm2d, batchnorm),
  known(ReLU, () => activation('reluForward', 'reluBackward', 'output')),
  known(LeakyReLU, ({ _record }) => activation('leakyReluForward', 'leakyReluBackward', 'input', alphaOf(_record))),
  known(ELU, ({ _record }) => activation('eluForward', 'eluBackward', 'input', alphaOf(_record))),
  known(GELU, () => activation('geluForward', 'geluBackward', 'input')),
  known(SiLU, () => activation('siluForward', 'siluBackward', 'input')),
  known(Sigmoid, () => activation('sigmoidForward', 'sigmoidBackward', 'output')),
  known(Tanh, () => activation('tanhForward', 'tanhBackward', 'output')),
  known(MaxPool2d, maxPool), known(AvgPool2d, averagePool), known(AdaptiveAvgPool2d, adaptivePool),
  known(Dropout, dropout),
]);

/** The names of the layers that have a form, beside the containers and Flatten. */
export const formNames: readonly string[] = [...forms.keys()].map((type) => (type as { name: string }).name);

/** The form of a layer of just one of these classes; null for any other. */
export function formOf(module: Module): Form | null {
  return forms.get(module.constructor)?.(module) ?? null;
}
