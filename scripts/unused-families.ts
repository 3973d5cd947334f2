/**
 * Leaves families of kernels out of a page that cannot ask for them, or seldom does. For group norm and the SVM loss
 * the next simpler backend would stand in, for depthwise convolution and windows of 6 to 8 taps or with a stride the
 * direct one, which also takes those of tiny images that are not the usual 3x3 on 2x2 pixels; behind pooling gradients
 * at filters go through Winograd's transforms, as elsewhere; the page neither crops images nor changes their colours,
 * and has no definition of that. Nor is there anybody to prove wide SIMD, or who compiles a network for `fit`: the page
 * has a Solver.
 */

import type { Plugin } from 'esbuild';

/** Direct convolution, forward and backward, under the names of a family of convolutions. */
function direct(family: string): string {
  return `import { directFilterGradient, directForward, directInputGradient } from './direct.ts';
    export const ${family}Forward = directForward;
    export { directFilterGradient as ${family}FilterGradient, directInputGradient as ${family}InputGradient };
    export function ${family}Backward(dout, x, w, dx, dw, db, g) {
      if (dx !== null) directInputGradient(dout, w, dx, g);
      directFilterGradient(dout, x, dw, db, g);
    }`;
}

/** Files below src, by folder and name, and what each is instead. */
const families: Readonly<Record<string, string>> = {
  'norm/groupnorm-kernels.ts': 'export function emitGroupnorm() {}',
  'norm/groupnorm.ts': 'export const groupnormKernels = {};',
  'simd/loss/index.ts': `import { emitSoftmax, softmaxLoss } from './softmax.ts';
    export { emitSoftmax as emitLosses }; export const lossKernels = { softmaxLoss };`,
  'conv/blocks.ts': `export function emitBlocks() {}
    export { directForward as blockedForward, directFilterGradient as blockedFilterGradient } from './direct.ts';`,
  'simd/wide.ts': "export const whyNotWide = () => 'wide SIMD is for Node'; export function setWideProof() {}",
  'conv/dense.ts': direct('dense'),
  'conv/dense-kernels.ts': 'export function emitDense() {}',
  'conv/depthwise.ts': direct('depthwise'),
  'conv/depthwise-kernels.ts': 'export function emitDepthwise() {}',
  'conv/depthwise-row-kernels.ts': 'export function emitDepthwiseRows() {}',
  'conv/depthwise-halving-kernels.ts': 'export function emitDepthwiseHalving() {}',
  'conv/depthwise-quad-kernels.ts': 'export function emitDepthwiseQuads() {}',
  'conv/choose-halving.ts': `export const takesHalving = () => false;
    export { takesHalving as takesHalvingGradient };`,
  'conv/halving.ts': direct('halving'),
  'conv/halving-kernels.ts': 'export function emitHalving() {}',
  'conv/halving-gradient-kernels.ts': 'export function emitHalvingGradient() {}',
  'conv/choose-winners.ts': `export const mayHaveWinners = () => false;
    export { mayHaveWinners as takesWinners };`,
  'conv/winner-gradient.ts': 'export const winnerFilterGradient = () => false;',
  'conv/winner-gradient-kernels.ts': 'export function emitWinnerGradient() {}',
  'conv/pointwise-stride.ts': direct('stride'),
  'conv/pointwise-stride-kernels.ts': 'export function emitPointwiseStride() {}',
  'augment/index.ts': 'export function emitAugment() {} export const augmentKernels = {};',
  'naive/augment.ts': 'export const naiveAugment = {};',
  'nn/fit.ts': "export function fit() { throw new Error('fit: this page trains by the Solver'); }",
  'nn/optimizers.ts': `export class Optimizer {}
    export { Optimizer as Adagrad, Optimizer as Adam, Optimizer as AdamW, Optimizer as RMSprop, Optimizer as SGD };`,
  'nn/metrics.ts': `export class Mean {}
    export function metricOf() {} export function resultsOf() {} export function startPass() {}`,
};

export function withoutUnusedFamilies(): Plugin {
  return {
    name: 'unused-families',
    setup({ onLoad, onEnd }) {
      const left = new Set(Object.keys(families));
      onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, ({ path }) => {
        const unixPath = path.replaceAll('\\', '/');
        const file = Object.keys(families).find((name) => unixPath.endsWith(`/${name}`));
        if (file === undefined) return null;
        left.delete(file);
        return { contents: families[file], loader: 'ts' };
      });
      onEnd(() => (left.size === 0 ? null : { errors: [{ text: `no such file to leave out: ${[...left].join(', ')}` }] }));
    },
  };
}
