/**
 * `npm run test:pytorch`: states of networks go to PyTorch and come back, by its names and in its layouts, and give the
 * same logits on both sides. Needs Python 3 with torch and numpy; PYTHON names the program.
 */

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { decodeNpz, encodeSafetensors, loadStateDict, saveStateDict } from '../../src/io/index.ts';
import { DeepConvNet, networkModule } from '../../src/models/index.ts';
import * as nn from '../../src/nn/index.ts';
import { Rng, type Tensor } from '../../src/tensor/index.ts';

const execute = promisify(execFile);
const peer = fileURLToPath(new URL('peer.py', import.meta.url));
/** what logits may differ by, in float32 */
const limit = 1e-5;

/** A layer as both sides make it: its name, its arguments, and its options by PyTorch's names. */
type Layer = readonly [name: string, args: readonly unknown[], options: Readonly<Record<string, unknown>>];

/** Stacks for pictures of 3x12x12 and five classes. */
const stacks: Readonly<Record<string, readonly Layer[]>> = {
  plain: [
    ['Conv2d', [3, 8, 3], { padding: 1 }], ['BatchNorm2d', [8], {}], ['ReLU', [], {}], ['MaxPool2d', [2], {}],
    ['Conv2d', [8, 16, 3], {}], ['BatchNorm2d', [16], { momentum: 0.3 }], ['ReLU', [], {}], ['Flatten', [], {}],
    ['Linear', [256, 5], {}],
  ],
  depthwise: [
    ['Conv2d', [3, 12, [3, 2]], { stride: [2, 1], padding: [1, 0], bias: false }], ['BatchNorm2d', [12], {}],
    ['ReLU', [], {}], ['Conv2d', [12, 12, 3], { groups: 12, padding: 2, dilation: 2, bias: false }],
    ['BatchNorm2d', [12], { affine: false }], ['SiLU', [], {}], ['Conv2d', [12, 8, 1], {}], ['GroupNorm', [4, 8], {}],
    ['PReLU', [8], {}], ['AvgPool2d', [2], {}], ['Flatten', [], {}], ['Linear', [120, 5], { bias: false }],
  ],
  vectors: [
    ['Flatten', [], {}], ['Linear', [432, 30], {}], ['BatchNorm1d', [30], { momentum: null }], ['ReLU', [], {}],
    ['Linear', [30, 20], { bias: false }], ['LayerNorm', [20], {}], ['GELU', [], {}], ['Linear', [20, 5], {}],
  ],
};

function build(layers: readonly Layer[]): nn.Sequential {
  const makers = nn as unknown as Record<string, new (...args: readonly unknown[]) => nn.Module>;
  return nn.sequential(...layers.map(([name, args, options]) =>
    new makers[name](...args, ...(Object.keys(options).length > 0 ? [options] : []))));
}

function logits(net: nn.Module, x: Tensor): Tensor {
  return net.testing(() => net.forward(nn.variable(x)).value.clone());
}

/** Throws unless the two agree to the limit; says by how much they differ. */
function compare(what: string, ours: Tensor, theirs: Tensor): void {
  const difference = ours.sub(theirs).abs().max().item();
  if (!(difference <= limit)) throw new Error(`${what}: the logits differ by ${difference}`);
  console.log(`${what}: the logits differ by at most ${difference.toExponential(1)}`);
}

/** The programs of docs/pytorch.md: what they load computes the same, and what comes back has the same bits. */
async function documented(folder: string): Promise<void> {
  const page = await readFile(fileURLToPath(new URL('../../docs/pytorch.md', import.meta.url)), 'utf8');
  const [load, save] = [...page.matchAll(/```python\n([^]*?)```/g)].map(([, code]) => code);
  const options = { numFilters: [8, 16], maxPools: [0, 1], batchnorm: true, weightScale: 'kaiming' } as const;
  const x = new Rng(8).normal(0, 1, [6, 3, 32, 32]);
  const network = new DeepConvNet({ ...options, rng: new Rng(9) });
  for (let pass = 0; pass < 40; pass++) network.loss(x, [0, 1, 2, 3, 4, 5]); // running averages settle
  await writeFile(join(folder, 'model.npz'), saveStateDict(network, { format: 'npz' }));
  await writeFile(join(folder, 'program.py'), `${load}\n${save}`);
  const { stdout } = await execute(process.env.PYTHON ?? 'python3', ['program.py'], { cwd: folder });
  const difference = Number(/largest difference (\S+)/.exec(stdout)?.[1]);
  if (!(difference <= limit)) throw new Error(`docs/pytorch.md: the outputs differ by ${stdout}`);
  const back = new DeepConvNet({ ...options, rng: new Rng(10) });
  loadStateDict(back, await readFile(join(folder, 'back.npz')));
  const [sent, returned] = [network, back].map((each) => networkModule(each).stateDict());
  for (const [name, value] of Object.entries(sent)) {
    if (String(value.flatten().toArray()) !== String(returned[name].flatten().toArray())) {
      throw new Error(`docs/pytorch.md: ${name} came back with other bits`);
    }
  }
  if (network.loss(x).sub(back.loss(x)).abs().max().item() !== 0) throw new Error('docs/pytorch.md: other scores came back');
  console.log(`docs/pytorch.md: the outputs differ by at most ${difference.toExponential(1)}, and the same bits come back`);
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tilegrad-pytorch-'));
  const rng = new Rng(7);
  try {
    const nets = Object.entries(stacks).map(([name, layers]) =>
      ({ name, layers, net: build(layers), x: rng.normal(0, 1, [6, 3, 12, 12]) }));
    await writeFile(join(folder, 'stacks.json'), JSON.stringify(stacks));
    for (const { name, net, x } of nets) {
      const optimizer = new nn.Adam(net.parameters(), { lr: 1e-2 });
      for (let step = 0; step < 5; step++) { // so that averages and scales are not what they start as
        optimizer.zeroGrad();
        nn.crossEntropy(net.forward(nn.variable(rng.normal(0.5, 2, [6, 3, 12, 12]))), [0, 1, 2, 3, 4, 0]).backward();
        optimizer.step();
      }
      await writeFile(join(folder, `${name}.safetensors`), encodeSafetensors({ ...net.stateDict(), x }));
    }
    await execute(process.env.PYTHON ?? 'python3', [peer, folder]);
    for (const { name, layers, net, x } of nets) {
      const { logits: theirs, trained, ...rest } = decodeNpz(await readFile(join(folder, `${name}.npz`)));
      compare(`${name}, there`, logits(net, x), theirs);
      const prefix = 'state.';
      const state = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key.slice(prefix.length), value]));
      const back = build(layers);
      back.loadStateDict(state);
      compare(`${name}, and back`, logits(back, x), trained);
    }
    await documented(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  console.error(`test:pytorch: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
