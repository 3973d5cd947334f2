/** Reading a network of known layers as a list of steps that a device can compute one after another. */

import { describe } from '../../runtime/check.ts';
import { checkModule, Concat, Residual, Sequential } from '../../nn/containers.ts';
import { Flatten } from '../../nn/layers/elementwise.ts';
import { LayerModule } from '../../nn/layer-module.ts';
import { Linear } from '../../nn/layers/linear.ts';
import type { BatchNorm1d } from '../../nn/layers/norm.ts';
import type { Module } from '../../nn/module.ts';
import { checkShape, sameShape, shapeText, sizeOf } from '../../tensor/shape.ts';
import { addForm, concatForm, formNames, formOf } from './forms.ts';
import type { Form } from './form.ts';

/** A value of the network, by its number, seen in a shape: flattening only changes how it is seen. */
export interface Flow {
  readonly value: number;
  /** of one example */
  readonly shape: readonly number[];
}

export interface NetworkStep {
  /** the layer's path in the network and its class, for messages */
  readonly path: string;
  readonly form: Form;
  readonly inputs: readonly Flow[];
  readonly output: Flow;
}

export interface Network {
  /** in the order in which they are computed */
  readonly steps: readonly NetworkStep[];
  /** elements of one example of each value; value 0 is the input */
  readonly sizes: readonly number[];
  readonly input: readonly number[];
  readonly output: Flow;
}

/**
 * The steps of a network for examples of this shape. Throws, under the caller's name, TypeError for a module that has
 * no form on devices (by its path and class), a layer or parameter that is used twice, and a layer that computes in
 * float64; RangeError for shapes that do not fit.
 */
export function readNetwork(fn: string, model: Module, inputShape: number | readonly number[]): Network {
  const input = checkShape(fn, inputShape, 'inputShape');
  const reader = new Reader(fn, sizeOf(input));
  const output = reader.read(checkModule(fn, 'model', model), '', { value: 0, shape: input });
  return { steps: reader.steps, sizes: reader.sizes, input, output };
}

class Reader {
  readonly steps: NetworkStep[] = [];
  readonly sizes: number[];
  readonly #fn: string;
  readonly #seen: Set<unknown> = new Set();

  constructor(fn: string, inputSize: number) {
    this.#fn = fn;
    this.sizes = [inputSize];
  }

  /** Adds the steps of a module that gets x; returns what it gives. */
  read(module: Module, path: string, x: Flow): Flow {
    const below = (name: string): string => (path === '' ? name : `${path}.${name}`);
    switch (module.constructor) {
      case Sequential:
        return (module as Sequential)._modules.reduce((flow, layer, i) => this.read(layer, below(`${i}`), flow), x);
      case Residual: {
        const { body, shortcut } = module as Residual;
        const straight = shortcut === null ? x : this.read(shortcut, below('shortcut'), x);
        const through = this.read(body, below('body'), x);
        if (!sameShape(straight.shape, through.shape)) {
          throw new RangeError(
            `${this.#fn}: ${this.#name(module, path)}: body and shortcut must have one shape, got ${shapeText(through.shape)} ` +
            `and ${shapeText(straight.shape)}`,
          );
        }
        return this.#add(module, path, addForm, [through, straight], through.shape);
      }
      case Concat: {
        const parts = (module as Concat).branches.map((branch, i) => this.read(branch, below(`branches.${i}`), x));
        const [{ shape: [, ...rest] }] = parts;
        if (!parts.every(({ shape }) => sameShape(shape.slice(1), rest))) {
          throw new RangeError(
            `${this.#fn}: ${this.#name(module, path)}: branches must agree but in their channels, got ` +
            parts.map(({ shape }) => shapeText(shape)).join(' and '),
          );
        }
        const channels = parts.reduce((sum, { shape }) => sum + shape[0], 0);
        return this.#add(module, path, concatForm, parts, [channels, ...rest]);
      }
      case Flatten:
        return { value: x.value, shape: [sizeOf(x.shape)] };
      default:
        return this.#layer(module, path, x);
    }
  }

  #layer(module: Module, path: string, x: Flow): Flow {
    const form = formOf(module);
    const name = this.#name(module, path);
    if (form === null || !(module instanceof LayerModule)) {
      throw new TypeError(
        `${this.#fn}: ${name} has no form on devices, which know ${formNames.join(', ')}, Flatten, Sequential, Residual and Concat`,
      );
    }
    if (!module._computesRecord) throw new TypeError(`${this.#fn}: ${name} has a forward of its own, which devices do not compute`);
    if (this.#seen.has(module)) throw new TypeError(`${this.#fn}: ${name} stands in the network twice, which devices do not compute`);
    if (form.parameters.some((parameter) => this.#seen.has(parameter))) {
      throw new TypeError(`${this.#fn}: ${name} shares a parameter with a layer before it, which devices do not compute`);
    }
    for (const part of [module, ...form.parameters]) this.#seen.add(part);
    const { dtype } = form.parameters[0] ?? { dtype: 'float32' };
    if (dtype !== 'float32') throw new TypeError(`${this.#fn}: ${name} computes in ${dtype}, devices in float32 only`);
    if (form.states.length > 0 && (module as BatchNorm1d)._record.cumulative === true) {
      throw new TypeError(`${this.#fn}: ${name} has momentum null, means over all batches, which devices do not keep`);
    }
    const ranks = module instanceof Linear ? [2] : module._ranks;
    if (ranks !== null && !ranks.includes(x.shape.length + 1)) {
      throw new RangeError(`${this.#fn}: ${name} cannot take examples of ${shapeText(x.shape)}`);
    }
    return this.#add(module, path, form, [x], module._record.outputShape(`${this.#fn}: ${name}`, x.shape));
  }

  #add(module: Module, path: string, form: Form, inputs: readonly Flow[], shape: readonly number[]): Flow {
    const output = { value: this.sizes.length, shape };
    this.sizes.push(sizeOf(shape));
    this.steps.push({ path: this.#name(module, path), form, inputs, output });
    return output;
  }

  #name(module: Module, path: string): string {
    const type = describe(module).replace(/^an? /, '');
    return path === '' ? type : `${path} (${type})`;
  }
}
