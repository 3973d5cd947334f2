/** No wrong call of any export ends in an error of the engine, or in one that names an inner function. */

import { afterAll, describe, expect, test } from 'vitest';
import * as data from '../src/data/index.ts';
import * as gpu from '../src/gpu/index.ts';
import * as tilegrad from '../src/index.ts';
import * as io from '../src/io/index.ts';
import * as layers from '../src/layers/index.ts';
import * as models from '../src/models/index.ts';
import * as nn from '../src/nn/index.ts';
import * as node from '../src/node/index.ts';
import * as train from '../src/train/index.ts';
import * as viz from '../src/viz/index.ts';
import { gpuTable } from './wrong-calls/seeds-gpu.ts';
import { layersTable } from './wrong-calls/seeds-layers.ts';
import { nnTable } from './wrong-calls/seeds-nn.ts';
import { dataTable, ioTable, modelsTable, nodeTable, trainTable, vizTable } from './wrong-calls/seeds-rest.ts';
import { tensorTable } from './wrong-calls/seeds-tensor.ts';
import { walk } from './wrong-calls/walk.ts';
import type { Table } from './wrong-calls/walk.ts';

type Module = Readonly<Record<string, unknown>>;

const computing: readonly (readonly [entry: string, module: Module, table: Table])[] = [
  ['tilegrad', tilegrad, tensorTable], ['tilegrad/layers', layers, layersTable],
  ['tilegrad/models', models, modelsTable], ['tilegrad/train', train, trainTable],
  ['tilegrad/nn', nn, nnTable],
];
const rest: typeof computing = [
  ['tilegrad/data', data, dataTable], ['tilegrad/io', io, ioTable], ['tilegrad/viz', viz, vizTable],
  ['tilegrad/gpu', gpu, gpuTable], ['tilegrad/node', node, nodeTable],
];

afterAll(() => tilegrad.configure({ backend: 'auto', threads: 'auto' }));

describe.each(['naive', 'simd'] as const)('wrong calls on %s', (backend) => {
  test.each(backend === 'naive' ? [...computing, ...rest] : computing)('of %s', async (_, module, table) => {
    const begin = (): void => tilegrad.configure({ backend, threads: 1 });
    const { calls, refused, raw, unlisted } = await walk(module, table, begin);
    expect(unlisted).toEqual([]);
    expect(raw).toEqual([]);
    expect(refused).toBeGreaterThan(calls / 2);
  });
});
