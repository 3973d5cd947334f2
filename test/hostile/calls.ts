/** Wrong calls at random: the walk of test/wrong-calls.test.ts with one to three arguments wrong at once. */

import * as data from '../../src/data/index.ts';
import * as tilegrad from '../../src/index.ts';
import * as io from '../../src/io/index.ts';
import * as layers from '../../src/layers/index.ts';
import * as models from '../../src/models/index.ts';
import * as nn from '../../src/nn/index.ts';
import * as node from '../../src/node/index.ts';
import * as train from '../../src/train/index.ts';
import * as viz from '../../src/viz/index.ts';
import { layersTable } from '../wrong-calls/seeds-layers.ts';
import { nnTable } from '../wrong-calls/seeds-nn.ts';
import { dataTable, ioTable, modelsTable, nodeTable, trainTable, vizTable } from '../wrong-calls/seeds-rest.ts';
import { tensorTable } from '../wrong-calls/seeds-tensor.ts';
import { walk } from '../wrong-calls/walk.ts';
import { pick, Tally } from './tally.ts';
import type { Assault } from './tally.ts';

const modules = [
  [tilegrad, tensorTable], [layers, layersTable], [models, modelsTable], [train, trainTable], [nn, nnTable],
  [data, dataTable], [io, ioTable], [viz, vizTable], [node, nodeTable],
] as const;

export async function wrongCalls({ rng, end }: Assault): Promise<Tally> {
  const tally = new Tally();
  while (performance.now() < end) {
    const backend = pick(rng, ['naive', 'js', 'simd'] as const);
    for (const [module, table] of modules) {
      if (performance.now() >= end) break;
      const begin = (): void => tilegrad.configure({ backend, threads: 1 });
      const { calls, refused, raw } = await walk(module, table, begin, { rng, calls: 20 });
      tally.count('wrong calls', calls);
      tally.count('refused by name', refused - raw.length);
      for (const line of raw) tally.fail(`on ${backend}, ${line}`);
    }
  }
  tilegrad.configure({ backend: 'auto', threads: 'auto' });
  return tally;
}
