/** The reference and the guide as one site, in site/: npm run docs. */

import { createRequire } from 'node:module';

const { exports } = createRequire(import.meta.url)('./package.json');
/** The sources of the public entries, whatever package.json exports. */
const entryPoints = Object.values(exports).filter((entry) => typeof entry === 'object')
  .map(({ types }) => types.replace('./dist/', 'src/').replace(/d\.ts$/, 'ts'));

/** What public types mention and no program names: the insides of layers, optimisers, graphs and devices. */
const inside = [
  'src/gpu/device-kernels.ts:Awaited', 'src/gpu/gpu-js/runner.ts:GpuJsClass', 'src/gpu/network/network.ts:Network',
  'src/gpu/webgpu/session.ts:Session', 'src/gpu/webgpu/types.ts:Gpu', 'src/kernels/contract.ts:KernelName',
  'src/kernels/contract.ts:Kernels', 'src/nn/optimizers.ts:PlannedUpdate', 'src/autograd/tape.ts:GraphNode', 'src/autograd/tape.ts:Target', 'src/kernels/memory/allocate.ts:Lease',
  'src/layers/record.ts:LayerRecord', 'src/layers/records/affine.ts:AffineRecord',
  'src/layers/records/convolution.ts:ConvRecord', 'src/layers/records/normalization.ts:BatchnormRecord',
  'src/models/network.ts:Architecture', 'src/models/network.ts:NamedStep', 'src/nn/optimizers.ts:SharedSettings', 'src/nn/symbol.ts:Maker',
  'src/tensor/core.ts:Writes', 'src/update/rule.ts:RuleDefinition', 'src/update/update-rules.ts:ruleNames',
];

export default {
  name: 'tilegrad',
  entryPoints,
  out: 'site',
  // links lead to the repository, wherever this copy of it came from
  disableGit: true,
  gitRevision: 'main',
  sourceLinkTemplate: 'https://github.com/tilegrad/tilegrad/blob/{gitRevision}/src/{path}#L{line}',
  intentionallyNotExported: inside,
  requiredToBeDocumented: ['Class'],
  validation: { notExported: true, invalidLink: true, invalidPath: true, notDocumented: true },
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
};
