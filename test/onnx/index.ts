/**
 * `npm run test:onnx -- --peers DIR`: exported networks give the same outputs in ONNX Runtime, and ONNX's checker takes
 * them; what PyTorch exports is read with the same outputs. DIR is a folder with onnxruntime-web and onnxruntime-node
 * from npm; PYTHON names a Python 3 with onnx and torch. What is absent is skipped, and said to be.
 */

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { decodeNpz, decodeOnnx, encodeOnnx } from '../../src/io/index.ts';
import { outputsOf } from '../../src/io/sample.ts';
import { Rng, tensor, type Tensor } from '../../src/tensor/index.ts';
import { type Case, cases } from './networks.ts';

const execute = promisify(execFile);
/** what outputs may differ by, beside those of size 1 */
const limit = 1e-5;

interface RuntimeTensor { readonly data: Float32Array; readonly dims: readonly number[] }
interface Session {
  run(feeds: Record<string, RuntimeTensor>): Promise<Record<string, RuntimeTensor>>;
  release(): Promise<void>;
}

interface Runtime {
  readonly env: { wasm?: { numThreads: number }; logLevel?: string };
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => RuntimeTensor;
  readonly InferenceSession: { create(bytes: Uint8Array, options: object): Promise<Session> };
}

/** The largest difference between a runtime's outputs and ours, beside the largest output. */
async function difference(ort: Runtime, provider: string, bytes: Uint8Array, { model, shapes }: Case): Promise<number> {
  const session = await ort.InferenceSession.create(bytes, { executionProviders: [provider], intraOpNumThreads: 1 });
  let worst = 0;
  for (const batch of [1, 3]) {
    const inputs = shapes.map((shape, i) => new Rng(10 + i).normal(0, 1, [batch, ...shape]));
    const expected = outputsOf(model, inputs);
    const feeds = Object.fromEntries(inputs.map((x, i) =>
      [i === 0 ? 'input' : `input_${i}`, new ort.Tensor('float32', x.data as Float32Array, x.shape)]));
    const results = await session.run(feeds);
    expected.forEach((ours, i) => {
      const theirs = results[i === 0 ? 'output' : `output_${i}`];
      if (String(theirs.dims) !== String(ours.shape)) throw new Error(`the shape is ${theirs.dims}, expected ${ours.shape}`);
      const got: Tensor = tensor(theirs.data, [...theirs.dims]);
      worst = Math.max(worst, got.sub(ours).abs().max().item() / Math.max(1, ours.abs().max().item()));
    });
  }
  await session.release();
  return worst;
}

function runtime(peers: string | undefined, name: string): Runtime | null {
  if (peers === undefined) return null;
  try {
    return createRequire(join(resolve(peers), 'package.json'))(name) as Runtime;
  } catch (error) {
    console.log(`${name}: skipped, ${(error as Error).message.split('\n')[0]}`);
    return null;
  }
}

/** Runs a Python program of this folder; null, said aloud, where Python or a module is absent. */
async function python(program: string, folder: string): Promise<string | null> {
  const name = process.env.PYTHON ?? 'python3';
  try {
    return (await execute(name, [fileURLToPath(new URL(program, import.meta.url)), folder])).stdout.trim();
  } catch (error) {
    const text = String((error as { stderr?: string }).stderr ?? error);
    const absent = /No module named '?(\w+)|ENOENT/.exec(text);
    if (absent === null) throw new Error(`${program}: ${text}`, { cause: error });
    console.log(`${program}: skipped, ${name} has no ${absent[1] ?? 'program'}`);
    return null;
  }
}

/** What PyTorch exports is read, and computes the same. */
async function fromPyTorch(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tilegrad-onnx-'));
  try {
    if (await python('torch-export.py', folder) === null) return;
    const files = (await readdir(folder)).filter((name) => name.endsWith('.onnx'));
    let worst = 0;
    for (const name of files) {
      const { x, y } = decodeNpz(await readFile(join(folder, `${name.split('-')[0]}.npz`)));
      const found = decodeOnnx(await readFile(join(folder, name))).predict(x).sub(y).abs().max().item();
      if (!(found <= limit)) throw new Error(`PyTorch's ${name}: the outputs differ by ${found}`);
      worst = Math.max(worst, found);
    }
    console.log(`PyTorch: ${files.length} files are read, outputs differ by at most ${worst.toExponential(1)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const { values: { peers, small } } = parseArgs({ options: { peers: { type: 'string' }, small: { type: 'boolean' } } });
  if (peers === undefined) console.log('ONNX Runtime: skipped, --peers DIR names a folder with onnxruntime-web or onnxruntime-node');
  const folder = await mkdtemp(join(tmpdir(), 'tilegrad-onnx-'));
  try {
    const all = cases(small !== true);
    const files = all.flatMap((each) => (['fold', 'keep'] as const).map((batchnorm) => ({
      each, name: `${each.name}-${batchnorm}`, bytes: encodeOnnx(each.model, { inputShapes: each.shapes, batchnorm }),
    })));
    for (const { name, bytes } of files) await writeFile(join(folder, `${name}.onnx`), bytes);
    const checked = await python('check.py', folder);
    if (checked !== null) console.log(checked);
    for (const [name, provider] of [['onnxruntime-node', 'cpu'], ['onnxruntime-web', 'wasm']] as const) {
      const ort = runtime(peers, name);
      if (ort === null) continue;
      if (ort.env.wasm !== undefined) ort.env.wasm.numThreads = 1;
      let worst = 0;
      for (const { each, name: file, bytes } of files) {
        const found = await difference(ort, provider, bytes, each).catch((error: unknown) => {
          throw new Error(`${name}: ${file}: ${(error as Error).message}`);
        });
        if (!(found <= limit)) throw new Error(`${name}: ${file}: the outputs differ by ${found}`);
        worst = Math.max(worst, found);
      }
      console.log(`${name}: ${files.length} files of ${all.length} networks, outputs differ by at most ${worst.toExponential(1)}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
await fromPyTorch();
process.exit(0);
