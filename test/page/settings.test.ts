/** Links and layers of the page: what is written is read again, and nothing else is. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  kindNames, kinds, maxLayers, readLayers, trace, writeLayers, type Layer,
} from '../../examples/browser/layers.ts';
import { buildNetwork } from '../../examples/browser/network.ts';
import {
  defaults, fields, presets, readSettings, writeSettings, type Settings,
} from '../../examples/browser/settings.ts';
import { Rng } from '../../src/index.ts';

const layer: fc.Arbitrary<Layer> = fc.constantFrom(...kindNames).chain((kind) => fc.record({
  kind: fc.constant(kind),
  values: fc.tuple(...kinds[kind].fields.map(({ low, high, step }) =>
    fc.integer({ min: 0, max: Math.min(8, Math.floor((high - low) / step)) })
      .map((steps) => Number((low + steps * step).toFixed(2))))),
}));
const layers = fc.array(layer, { maxLength: 8 });

const settings: fc.Arbitrary<Settings> = fc.record({
  layers,
  ...Object.fromEntries(fields.map((field) => [field.key, 'choices' in field
    ? fc.constantFrom(...Object.keys(field.choices))
    : field.step === 'any'
      ? fc.double({ min: field.low, max: field.high, noNaN: true })
      : fc.integer({ min: field.low, max: field.high })])),
}) as unknown as fc.Arbitrary<Settings>;

describe('a link', () => {
  it('holds all settings', () => {
    fc.assert(fc.property(settings, (wanted) => {
      const { settings: found, problems } = readSettings(writeSettings(wanted));
      expect(problems).toEqual([]);
      expect(found).toEqual(wanted);
    }));
    expect(writeSettings(defaults)).toBe('');
  });

  it('gives settings within their limits, whatever it says', () => {
    const names = fc.constantFrom('net', ...fields.map(({ key }) => key), '__proto__', 'x');
    const odd = fc.constantFrom('1e999', '-1', '', 'NaN', 'conv', 'conv1-2-1', 'relu1', 'toString');
    const values = fc.oneof(fc.string(), odd);
    fc.assert(fc.property(fc.array(fc.tuple(names, values)), (parts) => {
      const { settings: found } = readSettings(new URLSearchParams(parts).toString());
      expect(readSettings(writeSettings(found))).toEqual({ settings: found, problems: [] });
    }));
    expect(readLayers(Array(maxLayers + 1).fill('relu').join('.'))).toBeNull();
  });
});

describe('layers', () => {
  it('give the shapes and parameters that are shown beside them, or are refused for the same reason', () => {
    fc.assert(fc.property(layers, (chosen) => {
      const traced = trace(chosen, [3, 32, 32]);
      const build = (): ReturnType<typeof buildNetwork> => buildNetwork(chosen, [3, 32, 32], 7, new Rng(0));
      const problem = traced.find((step) => 'problem' in step);
      if (problem !== undefined) {
        expect(build).toThrow(`Layer ${traced.length}: ${problem.problem}`);
        return;
      }
      const { net, stages } = build();
      expect(net.outputShape([3, 32, 32])).toEqual([7]);
      const numbers = (step: number): number => {
        const module = stages.filter(({ title }) => title.startsWith(`Layer ${step + 1},`))[0].module;
        return module.parameters().reduce((sum, { size }) => sum + size, 0);
      };
      let shape: readonly number[] = [3, 32, 32];
      traced.forEach((step, i) => {
        if (!('shape' in step)) return;
        expect(numbers(i)).toBe(step.parameters);
        const { module } = stages.find(({ title }) => title.startsWith(`Layer ${i + 1},`))!;
        const input = chosen[i].kind === 'linear' ? [shape.reduce((a, b) => a * b, 1)] : shape;
        expect(module.outputShape(input)).toEqual(step.shape);
        shape = step.shape;
      });
    }), { numRuns: 60 });
  });

  it('are written as they are read, in every ready-made network', () => {
    for (const { layers: text } of Object.values(presets)) {
      const read = readLayers(text)!;
      expect(writeLayers(read)).toBe(text);
      expect(trace(read, [3, 32, 32]).some((step) => 'problem' in step)).toBe(false);
    }
  });
});
