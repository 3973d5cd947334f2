import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { decodeOnnx, encodeOnnx, onnxMetadata, verifyOnnx } from '../../../src/io/index.ts';
import type { Message } from '../../../src/io/onnx/messages.ts';
import { decodeMessage, encodeMessage } from '../../../src/io/onnx/protobuf.ts';
import { layerReaders } from '../../../src/io/onnx/read-layers.ts';
import { operationReaders } from '../../../src/io/onnx/read-operations.ts';
import * as nn from '../../../src/nn/index.ts';
import { Rng, type Tensor } from '../../../src/tensor/index.ts';
import { mutations } from '../support.ts';

const image = { inputShape: [3, 6, 6] };
const small = (): nn.Sequential => nn.sequential(
  new nn.Conv2d(3, 4, 3, { rng: new Rng(1), padding: 1 }), new nn.BatchNorm2d(4), new nn.GELU(), new nn.GroupNorm(2, 4),
  new nn.Residual(nn.sequential(new nn.Conv2d(4, 4, 1, { rng: new Rng(2) }), new nn.SiLU())), new nn.MaxPool2d(2),
  new nn.Flatten(), new nn.Linear(36, 5, { rng: new Rng(3) }), new nn.Softmax(),
);

/** A file with one change in its messages. */
function changed(change: (model: Message<'Model'>, graph: Message<'Graph'>) => void, net: nn.Module = small()): Uint8Array {
  const model = decodeMessage('test', 'Model', encodeOnnx(net, { ...image, batchnorm: 'keep' }));
  change(model, model.graph!);
  return encodeMessage('Model', model);
}

/** The classes of a graph's layers in their order, chains opened. */
function layersOf(model: nn.GraphModel): string[] {
  return model.modules().filter((each) => each.modules().length === 1).map(({ constructor: { name } }) => name);
}

const node = (graph: Message<'Graph'>, opType: string): Message<'Node'> => graph.node!.find((each) => each.opType === opType)!;

describe('decodeOnnx', () => {
  it('finds the layers again in the operators that they are written in, and chains them', () => {
    const back = decodeOnnx(encodeOnnx(small(), { ...image, batchnorm: 'keep' }));
    expect(layersOf(back)).toEqual([
      'Conv2d', 'BatchNorm2d', 'GELU', 'GroupNorm', 'Conv2d', 'SiLU', 'Add', 'MaxPool2d', 'Flatten', 'Linear', 'Softmax',
    ]);
    expect(back.training).toBe(false);
    expect(Object.values(back.stateDict()).length).toBe(Object.values(small().stateDict()).length);
  });

  it('gives a graph that can be trained further', async () => {
    const back = decodeOnnx(encodeOnnx(small(), image));
    back.compile({ loss: 'categoricalCrossEntropy', optimizer: 'adam' });
    const x = new Rng(4).normal(0, 1, [20, 3, 6, 6]);
    const y = Int32Array.from({ length: 20 }, (_, i) => i % 5);
    const before = back.evaluate(x, y).loss;
    await back.fit(x, y, { epochs: 5, batchSize: 10, verbose: false });
    expect(back.evaluate(x, y).loss).toBeLessThan(before);
  });

  it('verifies the sample, and notices a weight that was changed', () => {
    const bytes = encodeOnnx(small(), image);
    expect(verifyOnnx(bytes).difference).toBeLessThan(1e-6);
    const other = changed((_, graph) => {
      const raw = graph.initializer![0].rawData!.slice();
      new DataView(raw.buffer).setFloat32(0, 3, true);
      graph.initializer![0].rawData = raw;
    });
    expect(verifyOnnx(other).difference).toBeGreaterThan(1e-3);
    expect(() => verifyOnnx(changed((model) => { model.metadataProps = []; }))).toThrow('verifyOnnx: the file carries no sample');
  });

  const refusals: Array<[what: string, change: Parameters<typeof changed>[0], message: RegExp]> = [
    ['an operator without a counterpart', (_, graph) => { node(graph, 'Softmax').opType = 'Einsum\u0007'; }, /\(Einsum\\x07\): the operator Einsum\\x07 has no counterpart/],
    ['operators of others', (_, graph) => { node(graph, 'Softmax').domain = 'com.microsoft'; }, /operators of "com.microsoft" are not read/],
    ['names with control characters', (_, graph) => { node(graph, 'Conv').name = 'a\u001b[31m'; node(graph, 'Conv').opType = 'Cnv'; }, /node "a\\\\?u?x?(00)?1b\[31m" \(Cnv\)/],
    ['a circle', (_, graph) => { node(graph, 'Conv').input![0] = 'output'; }, /input "output" is not computed before it: a missing value or a circle/],
    ['a value made twice', (_, graph) => { node(graph, 'Flatten').output = ['0/Conv']; }, /"0\/Conv" is made twice/],
    ['weights in another file', (_, graph) => {
      graph.initializer![0].dataLocation = 1;
      graph.initializer![0].externalData = [{ key: 'location', value: '../../etc/passwd' }];
    }, /tensor "0.weight" lies in another file/],
    ['shapes that the data do not fill', (_, graph) => { graph.initializer![0].dims = [2 ** 40, 2 ** 40]; }, /has 108 elements, expected 1.2/],
    ['an image without an end', (_, graph) => {
      graph.input![0].type!.tensorType!.shape!.dim![2].dimValue = 2 ** 31;
    }, /has examples of 3x2147483648x6, more than 2\^28 numbers/],
    ['padding without an end', (_, graph) => {
      node(graph, 'Conv').attribute!.find(({ name }) => name === 'pads')!.ints = [2 ** 20, 2 ** 20, 2 ** 20, 2 ** 20];
    }, /an example grows to 4x2097156x2097156/],
    ['an opset of the future', (model) => { model.opsetImport![0].version = 99; }, /the file uses opset 99, 7 to 25 are read/],
    ['a graph without outputs', (_, graph) => { graph.output = []; }, /the graph has no output/],
    ['an output that nothing computes', (_, graph) => { graph.output![0].name = 'x'; }, /the output "x" is not computed/],
    ['an open image', (_, graph) => { graph.input![0].type!.tensorType!.shape!.dim![2] = { dimParam: 'h' }; }, /leaves the shape of an example open; give inputShape/],
    ['an Erf by itself', (_, graph) => { node(graph, 'Mul').input![0] = node(graph, 'Mul').input![1]; }, /\(Erf\): is read as part of GELU only/],
  ];
  it.each(refusals)('refuses %s by name', (_what, change, message) => {
    const bytes = changed(change);
    expect(() => decodeOnnx(bytes)).toThrow(message);
    expect(() => decodeOnnx(bytes)).toThrow(RangeError);
  });

  it('takes the shape that a file leaves open', () => {
    const bytes = changed((_, graph) => { graph.input![0].type!.tensorType!.shape!.dim![2] = { dimParam: 'h' }; });
    const x = new Rng(5).normal(0, 1, [2, 3, 6, 6]);
    const expected: Tensor = small().eval().forward(nn.variable(x)).value;
    expect(decodeOnnx(bytes, image).predict(x).sub(expected).abs().max().item()).toBeLessThan(1e-6);
    expect(() => decodeOnnx(bytes, { inputShape: [3, 6, 7] })).toThrow('has examples of 3x0x6, inputShape is 3x6x7');
  });

  it('takes a reduction without axes for one over all, which it refuses, unless the node says over none', () => {
    class Summed extends nn.Module { forward(x: nn.Variable): nn.Variable { return x.sum(3, true); } }
    const over = (...attribute: Array<Message<'Attribute'>>): Uint8Array => changed((_, graph) => {
      const sum = node(graph, 'ReduceSum');
      sum.attribute!.push(...attribute);
      const axes = graph.initializer!.find(({ name }) => name === sum.input![1])!;
      Object.assign(axes, { dims: [0], rawData: new Uint8Array(0) });
    }, nn.sequential(new Summed()));
    expect(() => decodeOnnx(over())).toThrow(/\(ReduceSum\): takes the batch away/);
    const x = new Rng(5).normal(0, 1, [2, 3, 6, 6]);
    const back = decodeOnnx(over({ name: 'noop_with_empty_axes', i: 1, type: 2 }));
    expect(back.predict(x).toArray()).toEqual(x.toArray());
  });

  it('answers damaged files with a RangeError, in no time', () => {
    const bytes = encodeOnnx(small(), { ...image, batchnorm: 'keep' });
    fc.assert(fc.property(mutations([bytes]), (damaged) => {
      for (const read of [decodeOnnx, onnxMetadata]) {
        try {
          read(damaged);
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
          expect(error.message).toMatch(new RegExp(`^${read.name}: `));
        }
      }
    }), { numRuns: 500 });
    for (let length = 0; length < bytes.length; length += 97) {
      expect(() => decodeOnnx(bytes.subarray(0, length))).toThrow(RangeError);
    }
  });

  it('answers graphs that make no sense with a RangeError that names the file or the node', () => {
    const bytes = encodeOnnx(small(), { ...image, batchnorm: 'keep' });
    const operators = [...Object.keys(layerReaders), ...Object.keys(operationReaders)];
    const share = fc.double({ min: 0, max: 0.999, noNaN: true });
    const number = fc.constantFrom(0, -1, 1, 2, 7, 2 ** 31, 2 ** 53, -(2 ** 62));
    const operator = fc.constantFrom(...operators);
    const change = fc.record({ what: fc.nat(6), where: share, at: share, operator, number });
    fc.assert(fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const model = decodeMessage('test', 'Model', bytes);
      const { node: nodes, initializer, input } = model.graph as Required<Message<'Graph'>>;
      for (const { what, where, at, operator: other, number: value } of changes) {
        const pick = <T>(list: readonly T[], place: number): T => list[Math.floor(place * list.length)];
        const changed = pick(nodes, where);
        const attribute = pick(changed.attribute!, at);
        if (what === 0) changed.opType = other;
        else if (what === 1) changed.input![Math.floor(at * changed.input!.length)] = pick(nodes, at).output![0];
        else if (what === 2) changed.input![Math.floor(at * changed.input!.length)] = pick(initializer, where).name!;
        else if (what === 3) pick(initializer, where).dims!.reverse();
        else if (what === 4) changed.input!.pop();
        else if (what === 5) pick(input[0].type!.tensorType!.shape!.dim!, at).dimValue = value;
        else if (attribute?.i !== undefined) attribute.i = value;
        else attribute?.ints!.splice(0, 1, value);
      }
      try {
        decodeOnnx(encodeMessage('Model', model));
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        expect(error.message).toMatch(/^decodeOnnx: /);
      }
    }), { numRuns: 500 });
  });

  it('bounds what small files make: empty messages, nesting, other formats', () => {
    const many = new Uint8Array(2 * 600_000 + 5);
    many.set([0x3a, ...varint(2 * 600_000)]);
    for (let at = 1 + varint(2 * 600_000).length; at + 1 < many.length; at += 2) many.set([0x0a, 0], at);
    expect(() => decodeOnnx(many.subarray(0, 1 + varint(2 * 600_000).length + 2 * 600_000))).toThrow('the file has more than 500000 parts');
    expect(() => decodeOnnx(new Uint8Array(0))).toThrow('decodeOnnx: the file is empty');
    expect(() => decodeOnnx(Uint8Array.of(0x50, 0x4b, 3, 4))).toThrow('a zip archive');
    expect(() => decodeOnnx(new TextEncoder().encode('hello, this is text'))).toThrow(/^decodeOnnx: the file is damaged or no ONNX file/);
  });
});

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
