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
import { decodeNpz, encodeSafetensors } from '../../src/io/index.ts';
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
