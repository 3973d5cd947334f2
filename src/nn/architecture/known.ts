/** How layers and containers of this library become data. A class that is exported and missing here fails a test. */

import { checkInteger, describe } from '../../runtime/check.ts';
import { Concat, Residual, Sequential } from '../containers.ts';
import { Add, Concatenate, GraphModel } from '../graph.ts';
import { Conv2d } from '../layers/convolution.ts';
import {
  ChannelsFirst, Dropout, ELU, Flatten, GELU, LeakyReLU, Maxout, PReLU, ReLU, Scale, Sigmoid, SiLU, Softmax, Tanh,
} from '../layers/elementwise.ts';
import { Linear } from '../layers/linear.ts';
import { BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm } from '../layers/norm.ts';
import { AdaptiveAvgPool2d, AvgPool2d, MaxPool2d } from '../layers/pooling.ts';
import type { Module } from '../module.ts';
import { SymbolicValue } from '../symbol.ts';
import { DenseLayer } from '../zoo/dense-net.ts';
import { BasicBlock, PadShortcut, ResNet } from '../zoo/res-net.ts';
import type { LayerDefinition } from './definition.ts';
import type { Plain, Settings } from './types.ts';

/** Settings come from files; the constructors that they are handed to check them. */
type Given = Record<string, never>;

const known = new Map<string, LayerDefinition>();

/** The layers by their names, added when they are first asked for: bundlers can leave them out where nobody asks. */
export function ownLayers(): ReadonlyMap<string, LayerDefinition> {
  if (known.size === 0) addAll();
  return known;
}

function container<M extends Module>(name: string, definition: LayerDefinition<M>): void {
  known.set(name, definition as unknown as LayerDefinition);
}

function layer<M extends Module>(name: string, type: new (...args: never[]) => M, build: (settings: Given) => M): void {
  container(name, {
    type,
    describe: ({ _settings }) => _settings,
    build: (settings) => build(settings as Given),
  });
}

/** A layer whose options are all its settings but the leading arguments that are named. */
function optionsBut(settings: Given, ...names: readonly string[]): never {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !names.includes(name))) as never;
}

function addAll(): void {
  layer('Linear', Linear, (s) => new Linear(s.inFeatures, s.outFeatures, optionsBut(s, 'inFeatures', 'outFeatures')));
  layer('Conv2d', Conv2d, (s) => new Conv2d(
    s.inChannels, s.outChannels, s.kernelSize, optionsBut(s, 'inChannels', 'outChannels', 'kernelSize'),
  ));
  layer('BatchNorm1d', BatchNorm1d, (s) => new BatchNorm1d(s.channels, optionsBut(s, 'channels')));
  layer('BatchNorm2d', BatchNorm2d, (s) => new BatchNorm2d(s.channels, optionsBut(s, 'channels')));
  layer('LayerNorm', LayerNorm, (s) => new LayerNorm(s.shape, optionsBut(s, 'shape')));
  layer('GroupNorm', GroupNorm, (s) => new GroupNorm(s.groups, s.channels, optionsBut(s, 'groups', 'channels')));
  layer('MaxPool2d', MaxPool2d, (s) => new MaxPool2d(s.kernelSize, optionsBut(s, 'kernelSize')));
  layer('AvgPool2d', AvgPool2d, (s) => new AvgPool2d(s.kernelSize, optionsBut(s, 'kernelSize')));
  layer('AdaptiveAvgPool2d', AdaptiveAvgPool2d, (s) => new AdaptiveAvgPool2d(s.outputSize));
  layer('ReLU', ReLU, () => new ReLU());
  layer('LeakyReLU', LeakyReLU, (s) => new LeakyReLU(s.alpha));
  layer('ELU', ELU, (s) => new ELU(s.alpha));
  layer('GELU', GELU, () => new GELU());
  layer('SiLU', SiLU, () => new SiLU());
  layer('Sigmoid', Sigmoid, () => new Sigmoid());
  layer('Tanh', Tanh, () => new Tanh());
  layer('Softmax', Softmax, (s) => new Softmax(s.axis));
  layer('PReLU', PReLU, (s) => new PReLU(s.numParameters, optionsBut(s, 'numParameters')));
  layer('Maxout', Maxout, (s) => new Maxout(s.k));
  layer('Dropout', Dropout, (s) => new Dropout(s.p));
  layer('Scale', Scale, (s) => new Scale(s.factor));
  layer('Flatten', Flatten, () => new Flatten());
  layer('ChannelsFirst', ChannelsFirst, () => new ChannelsFirst());
  layer('Add', Add, () => new Add());
  layer('Concatenate', Concatenate, (s) => new Concatenate(s.axis));
  layer('PadShortcut', PadShortcut, (s) => new PadShortcut(s.added));

  container('Sequential', {
    type: Sequential,
    describe: ({ _modules: { length } }) => ({ length }),
    children: ({ _modules }) => Object.fromEntries(_modules.map((module, i) => [i, module])),
    build: ({ length }, children) => new Sequential(...numbered('Sequential', length, '', children)),
    trace: ({ _modules }, [x], through) => [_modules.reduce((value, module) => through(module, value), x)],
  });

  container('Residual', {
    type: Residual,
    describe: () => ({}),
    children: ({ body, shortcut }): Record<string, Module> => (shortcut === null ? { body } : { body, shortcut }),
    build: (_, { body, shortcut }) => new Residual(body, shortcut),
    trace: ({ body, shortcut }, [x], through) =>
      [through(new Add(), through(body, x), shortcut === null ? x : through(shortcut, x))],
  });

  container('Concat', {
    type: Concat,
    describe: ({ branches: { length } }) => ({ length }),
    children: ({ branches }) => Object.fromEntries(branches.map((branch, i) => [`branches.${i}`, branch])),
    build: ({ length }, children) => new Concat(...numbered('Concat', length, 'branches.', children)),
    trace: ({ branches }, [x], through) =>
      [through(new Concatenate(1), ...branches.map((branch) => through(branch, x)))],
  });

  /**
   * A graph: the shapes of its inputs, and a list of steps, each a layer by its number and the values that it takes.
   * Values count from 0, the inputs first, then the steps in their order; outputs are values too.
   */
  container('GraphModel', {
    type: GraphModel,
    describe({ _graph: { inputs, steps, outputs }, _modules, layers }) {
      if (new Set(_modules).size < layers.length) {
        throw new RangeError('GraphModel: layers must be different modules, each of them used, to be described');
      }
      const numbers = new Map([...inputs, ...steps].map((symbol, i) => [symbol, i]));
      return {
        inputs: inputs.map(({ shape }) => shape),
        steps: steps.map((step, i) => ({
          layer: layers.indexOf(_modules[i]), inputs: step.inputs.map((symbol) => numbers.get(symbol)!),
        })),
        outputs: outputs.map((symbol) => numbers.get(symbol)!),
      };
    },
    children: ({ layers }) => Object.fromEntries(layers.map((module, i) => [`layers.${i}`, module])),
    build(settings, children) {
      const fn = 'GraphModel';
      const values = listOf(fn, 'inputs', settings.inputs)
        .map((shape) => new SymbolicValue(shapeOf(fn, shape), null, []));
      const valueAt = (at: Plain): SymbolicValue => values[checkInteger(fn, 'a value', at, 0, values.length - 1)];
      for (const [i, step] of listOf(fn, 'steps', settings.steps).entries()) {
        const { layer: number, inputs } = Object(step) as Settings;
        const module = children[`layers.${String(number)}`];
        if (module === undefined) {
          throw new RangeError(`${fn}: step ${i} must name one of the layers, got ${describe(number)}`);
        }
        // the shapes between the layers are not asked for again
        values.push(new SymbolicValue([], module, listOf(fn, `inputs of step ${i}`, inputs).map(valueAt)));
      }
      const given = values.filter(({ module }) => module === null);
      return new GraphModel(given, listOf(fn, 'outputs', settings.outputs).map(valueAt));
    },
    trace({ _graph: { inputs, steps, outputs }, _modules }, given, through) {
      const values = new Map(inputs.map((symbol, i) => [symbol, given[i]]));
      steps.forEach((step, i) => {
        values.set(step, through(_modules[i], ...step.inputs.map((symbol) => values.get(symbol)!)));
      });
      return outputs.map((symbol) => values.get(symbol)!);
    },
  });

  container('DenseLayer', {
    type: DenseLayer,
    describe: ({ _settings }) => _settings,
    children: ({ body }) => ({ body }),
    build: (_, { body }) => new DenseLayer(body as Sequential),
    trace: ({ body }, [x], through) => [through(new Concatenate(1), x, through(body, x))],
  });

  container('BasicBlock', {
    type: BasicBlock,
    describe: ({ _settings }) => _settings,
    children: (block): Record<string, Module> =>
      ({ ...replaced(block), ...(block.downsample === null ? {} : { downsample: block.downsample }) }),
    build: ({ from, to, stride, dtype }, { downsample = null, ...others }) =>
      replacedBy(new BasicBlock(from as never, to as never, stride as never, downsample, { dtype } as never), others),
    trace({ conv1, bn1, relu, conv2, bn2, downsample }, [x], through) {
      const first = through(relu, through(bn1, through(conv1, x)));
      const body = through(bn2, through(conv2, first));
      return [through(relu, through(new Add(), body, downsample === null ? x : through(downsample, x)))];
    },
  });

  container('ResNet', {
    type: ResNet,
    describe: ({ _settings, stages: { length } }) => ({ ..._settings, stages: length }),
    children: (net) => ({
      ...replaced(net), ...Object.fromEntries(net.stages.map((stage, s) => [`layer${s + 1}`, stage])), fc: net.fc,
    }),
    build: ({ inChannels, width, stages, dtype }, { fc, ...rest }) => {
      const found = numbered('ResNet', stages, 'layer', rest, 1) as Sequential[];
      return replacedBy(new ResNet(inChannels as never, width as never, found, fc as Linear, { dtype } as never), rest);
    },
    trace({ conv1, bn1, relu, stages, avgpool, flatten, fc }, [x], through) {
      const layers = [conv1, bn1, relu, ...stages, avgpool, flatten, fc];
      return [layers.reduce<number>((value, module) => through(module, value), x)];
    },
  });
}

interface Made extends Module {
  readonly _made: Readonly<Record<string, Module>>;
}

/** The layers that were put in the places of those that a module was made with. */
function replaced(module: Made): Record<string, Module> {
  const fields = module as unknown as Readonly<Record<string, Module>>;
  const names = Object.keys(module._made).filter((name) => fields[name] !== module._made[name]);
  return Object.fromEntries(names.map((name) => [name, fields[name]]));
}

/** The module with these layers in their places. */
function replacedBy<M extends Made>(module: M, others: Readonly<Record<string, Module>>): M {
  for (const name of Object.keys(module._made)) {
    if (Object.hasOwn(others, name)) Object.assign(module, { [name]: others[name] });
  }
  return module;
}

/** The children with this prefix, as many as there are said to be. Throws RangeError where one is missing. */
function numbered(
  fn: string, length: Plain, prefix: string, children: Readonly<Record<string, Module>>, first: number = 0,
): Module[] {
  const count = checkInteger(fn, 'length', length, 1, Object.keys(children).length);
  return Array.from({ length: count }, (_, i) => {
    const name = `${prefix}${i + first}`;
    if (!Object.hasOwn(children, name)) throw new RangeError(`${fn}: the child ${name} is missing`);
    return children[name];
  });
}

function listOf(fn: string, name: string, value: Plain | undefined): readonly Plain[] {
  if (!Array.isArray(value)) throw new TypeError(`${fn}: ${name} must be a list, got ${describe(value)}`);
  return value as readonly Plain[];
}

function shapeOf(fn: string, value: Plain): number[] {
  return listOf(fn, 'a shape', value).map((size) => checkInteger(fn, 'a size', size, 1));
}
