import { describe, expect, it } from 'vitest';
import { encodeOnnx, onnxMetadata, verifyOnnx } from '../../../src/io/index.ts';
import { FullyConnectedNet, TwoLayerNet } from '../../../src/models/index.ts';
import * as nn from '../../../src/nn/index.ts';
import { Rng, tensor, type Tensor } from '../../../src/tensor/index.ts';
import { type Wire, wire } from './wire-reader.ts';

const rng = (): Rng => new Rng(1);
const small = (): nn.Sequential => nn.sequential(
  new nn.Conv2d(3, 4, 3, { rng: rng() }), new nn.BatchNorm2d(4), new nn.ReLU(), new nn.Flatten(),
  new nn.Linear(16, 2, { rng: rng() }),
);
const shape = { inputShape: [3, 4, 4] };

/** The operators of a file in their order, as an independent reader finds them. */
function operators(bytes: Uint8Array): string[] {
  return graphOf(bytes).messages(1).map((node) => node.text(4));
}

function graphOf(bytes: Uint8Array): Wire {
  return wire(bytes).message(7);
}

describe('encodeOnnx', () => {
  it('writes the fields of onnx.proto, read by another reader', () => {
    const net = small();
    const bytes = encodeOnnx(net, { ...shape, batchnorm: 'keep' });
    const model = wire(bytes);
    expect(model.number(1)).toBe(8);
    expect(model.message(8).number(2)).toBe(17);
    const graph = model.message(7);
    expect(graph.text(2)).toBe('Sequential');
    const [input] = graph.messages(11);
    expect(input.text(1)).toBe('input');
    const dims = input.message(2).message(1).message(2).messages(1);
    expect(dims[0].text(2)).toBe('batch');
    expect(dims.slice(1).map((dim) => dim.number(1))).toEqual([3, 4, 4]);
    const names = graph.messages(5).map((each) => each.text(8));
    expect(names).toEqual([
      '0.weight', '0.bias', '1.weight', '1.bias', '1.running_mean', '1.running_var', '4.weight', '4.bias',
    ]);
    const weight = graph.messages(5)[0];
    expect(weight.numbers(1)).toEqual([4, 3, 3, 3]);
    const raw = weight.bytes(9);
    expect([...new Float32Array(raw.slice().buffer)]).toEqual([...net.stateDict()['0.weight'].data]);
    expect(graph.messages(12)[0].text(1)).toBe('output');
  });

  it('folds batchnorm behind convolutions and linear layers, and nowhere else', () => {
    const fold = { ...shape, batchnorm: 'fold' as const };
    expect(operators(encodeOnnx(small(), fold))).toEqual(['Conv', 'Relu', 'Flatten', 'Gemm']);
    expect(operators(encodeOnnx(small(), shape))).toEqual(['Conv', 'BatchNormalization', 'Relu', 'Flatten', 'Gemm']);
    const conv = new nn.Conv2d(3, 3, 1, { rng: rng() });
    const apart = nn.sequential(conv, new nn.ReLU(), new nn.BatchNorm2d(3));
    expect(operators(encodeOnnx(apart, fold))).toEqual(['Conv', 'Relu', 'BatchNormalization']);
    const twice = nn.sequential(conv, new nn.BatchNorm2d(3), conv, new nn.ReLU());
    expect(operators(encodeOnnx(twice, fold)), 'weights that two layers take').toContain('BatchNormalization');
  });

  it('folds no batchnorm into a layer whose own output is asked for', () => {
    const x = nn.input(3);
    const linear = new nn.Linear(3, 2, { rng: rng() }).apply(x);
    const bytes = encodeOnnx(nn.model(x, [linear, new nn.BatchNorm1d(2).apply(linear)]), { batchnorm: 'fold' });
    expect(operators(bytes)).toEqual(['Gemm', 'BatchNormalization']);
    expect(verifyOnnx(bytes).difference).toBeLessThan(1e-6);
  });

  it('writes outputs that are one value, or an input, each under its name', () => {
    const x = nn.input(3);
    const y = new nn.Linear(3, 2, { rng: rng() }).apply(x);
    const last = new nn.ReLU().apply(y);
    const several: Array<[outputs: nn.SymbolicValue[], nodes: string[][]]> = [
      [[y, y], [['input', 'output'], ['output', 'output_1']]],
      [[y, new nn.Dropout(0.5).apply(y)], [['input', 'output'], ['output', 'output_1']]],
      [[new nn.Flatten().apply(y), last, y], [['input', 'output'], ['output', 'output_1'], ['output', 'output_2']]],
      [[x, x, y], [['input', 'output_2'], ['input', 'output'], ['input', 'output_1']]],
    ];
    for (const [outputs, nodes] of several) {
      const bytes = encodeOnnx(nn.model(x, outputs));
      const graph = graphOf(bytes);
      const ends = graph.messages(1).map((node) =>
        [...node.texts(1).filter((name) => /put/.test(name)), ...node.texts(2)]);
      expect(ends).toEqual(nodes);
      expect(graph.messages(12).map((each) => each.text(1))).toEqual(['output', 'output_1', 'output_2'].slice(0, outputs.length));
      expect(verifyOnnx(bytes).difference).toBeLessThan(1e-6);
    }
  });

  it('names a linear layer and its batchnorm at the end by the output', () => {
    const net = nn.sequential(new nn.Linear(3, 2, { rng: rng(), bias: false }), new nn.BatchNorm1d(2));
    const graph = graphOf(encodeOnnx(net, { inputShape: 3, batchnorm: 'fold' }));
    expect(graph.messages(1).map((node) => [node.text(4), node.text(2)])).toEqual([['Gemm', 'output']]);
  });

  it('carries a sample, class names and preprocessing', () => {
    const net = small();
    const bytes = encodeOnnx(net, { ...shape, classNames: ['cat', 'dog\n'], mean: [1, 2, 3], std: 2, sampleSeed: 5 });
    const { classNames, mean, std, sample, preprocessingInGraph } = onnxMetadata(bytes);
    expect(classNames).toEqual(['cat', 'dog\n']);
    expect(mean!.toArray()).toEqual([[[1]], [[2]], [[3]]]);
    expect(std!.toArray()).toBe(2);
    expect(preprocessingInGraph).toBe(false);
    const [x] = sample!.inputs;
    expect(x.shape).toEqual([2, 3, 4, 4]);
    const expected: Tensor = net.testing(() => net.forward(nn.variable(x)).value.clone());
    expect(sample!.outputs[0].toArray()).toEqual(expected.toArray());
    const other = onnxMetadata(encodeOnnx(net, { ...shape, sampleSeed: 6 })).sample!;
    expect(other.inputs[0].toArray()).not.toEqual(x.toArray());
    expect(encodeOnnx(net, { ...shape, sampleSeed: 6 })).toEqual(encodeOnnx(net, { ...shape, sampleSeed: 6 }));
  });

  it('prepares examples in the graph where asked', () => {
    const net = small();
    const bytes = encodeOnnx(net, { ...shape, mean: [1, 2, 3], std: [4, 5, 6], preprocessingInGraph: true });
    expect(operators(bytes).slice(0, 3)).toEqual(['Sub', 'Div', 'Conv']);
    const { inputs: [x], outputs: [out] } = onnxMetadata(bytes).sample!;
    const given = x.sub(tensor([1, 2, 3]).reshape([3, 1, 1])).div(tensor([4, 5, 6]).reshape([3, 1, 1]));
    const expected: Tensor = net.testing(() => net.forward(nn.variable(given.astype('float32'))).value.clone());
    expect(out.sub(expected).abs().max().item()).toBeLessThan(1e-6);
  });

  it('writes float64 where the parameters are, or where asked', () => {
    const typeOf = (bytes: Uint8Array): number => graphOf(bytes).messages(5)[0].number(2);
    const double = nn.sequential(new nn.Linear(3, 2, { dtype: 'float64' }));
    expect(typeOf(encodeOnnx(double, { inputShape: 3 }))).toBe(11);
    expect(typeOf(encodeOnnx(double, { inputShape: 3, dtype: 'float32' }))).toBe(1);
    expect(onnxMetadata(encodeOnnx(double, { inputShape: 3 })).sample!.outputs[0].dtype).toBe('float64');
  });

  it('writes a variable that is laid out flat', () => {
    class Flat extends nn.Module { forward(x: nn.Variable): nn.Variable { return x.mul(2).flatten(); } }
    const bytes = encodeOnnx(nn.sequential(new nn.Linear(3, 1), new Flat()), { inputShape: 3 });
    expect(operators(bytes)).toEqual(['Gemm', 'Mul', 'Reshape']);
  });

  it('writes nothing for a reduction over no axis, which a reader would take for one over all', () => {
    class OverNone extends nn.Module {
      forward(x: nn.Variable): nn.Variable {
        return x.sum([]).add(x.mean([])).mul(x.max([], true)).sub(x.min([]).mul(x.sum([1], true)));
      }
    }
    const bytes = encodeOnnx(nn.sequential(new OverNone()), { inputShape: [3, 2] });
    expect(operators(bytes)).toEqual(['Add', 'Mul', 'ReduceSum', 'Mul', 'Sub']);
    expect(verifyOnnx(bytes).difference).toBeLessThan(1e-6);
  });

  it('leaves the model as it was', () => {
    const net = small().train();
    const before = net.stateDict();
    encodeOnnx(net, shape);
    expect(net.training).toBe(true);
    expect(net.modules().every(({ training }) => training)).toBe(true);
    const after = net.stateDict();
    for (const name of Object.keys(before)) expect(after[name].toArray()).toEqual(before[name].toArray());
  });

  it('names by path what has no form in ONNX', () => {
    const square = nn.customFunction({
      forward: (x: Tensor) => [x.square(), x] as const, backward: (dout: Tensor) => dout,
    });
    class Squared extends nn.Module { forward(x: nn.Variable): nn.Variable { return square(x); } }
    const net = nn.sequential(new nn.Linear(2, 2), new nn.Residual(nn.sequential(new Squared())));
    const message = /^1\.body\.0: encodeOnnx: the operation customFunction has no form/;
    expect(() => encodeOnnx(net, { inputShape: 2 })).toThrow(message);
    class Sorted extends nn.Module { forward(x: nn.Variable): nn.Variable { return nn.sort(x); } }
    expect(() => encodeOnnx(nn.sequential(new Sorted()), { inputShape: 2 })).toThrow('0: encodeOnnx: the operation sort');
  });

  it('declares an output by its axes: those as long as the batch, those of one length, and others open', () => {
    const shapes: Array<[compute: (x: nn.Variable) => nn.Variable, dims: Array<string | number | null>]> = [
      [(x) => x.mul(2), ['batch', 2]],
      [(x) => x.sum(1, true).add(x.sum(1)), ['batch', 'batch']],
      [(x) => x.sum(0), [2]],
      [(x) => x.transpose(), [2, 'batch']],
      [(x) => x.reshape(-1, 1), [null, 1]],
      [(x) => x.sum(), []],
    ];
    for (const [compute, dims] of shapes) {
      class Own extends nn.Module { forward(x: nn.Variable): nn.Variable { return compute(x); } }
      const [output] = graphOf(encodeOnnx(nn.sequential(new Own()), { inputShape: 2 })).messages(12);
      const declared = output.message(2).message(1).message(2).messages(1);
      expect(declared.map((dim) => dim.texts(2)[0] ?? dim.numbers(1)[0] ?? null)).toEqual(dims);
    }
  });

  it('refuses what one pass would freeze: numbers taken out of variables, and sizes of the batch', () => {
    class Peeking extends nn.Module { forward(x: nn.Variable): nn.Variable { return x.sub(x.value.max()); } }
    const frozen = /'0\/constant' depends on the numbers/;
    expect(() => encodeOnnx(nn.sequential(new Peeking()), { inputShape: 2 })).toThrow(frozen);
    class Turning extends nn.Module {
      forward(x: nn.Variable): nn.Variable { return x.reshape(x.shape[1], x.shape[0]); }
    }
    const turned = /depends on the numbers or the number of examples/;
    expect(() => encodeOnnx(nn.sequential(new Turning()), { inputShape: 5 })).toThrow(turned);
  });

  it('refuses a course network without running averages, and other arguments that do not fit', () => {
    const untrained = new FullyConnectedNet([4], { inputDim: 3, normalization: 'batchnorm' });
    expect(() => encodeOnnx(untrained)).toThrow('network has no running averages for its batchnorm before the first training pass');
    const two = new TwoLayerNet({ inputDim: 3, hiddenDim: 4 });
    expect(() => encodeOnnx(two, { inputShape: 4 })).toThrow(RangeError);
    expect(() => encodeOnnx(small())).toThrow('encodeOnnx: inputShape must be given');
    const flat = nn.sequential(new nn.Flatten(), new nn.Linear(12, 2));
    const batch = { inputShape: [5, 3, 2, 2] };
    expect(() => encodeOnnx(flat, batch)).toThrow(/^encodeOnnx: 1: Linear: x must have 12 features/);
    expect(() => encodeOnnx(small(), { ...shape, mean: [1, 2] })).toThrow('mean must be a number, one a channel or fit an example of 3x4x4');
    expect(() => encodeOnnx(small(), { inputShape: [2, 4, 4] })).toThrow(/^encodeOnnx: 0: Conv2d/);
  });
});
