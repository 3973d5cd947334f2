import { fastKernels } from '../../src/kernels/fast/index.ts';
import { compareWithNaive } from './compare.ts';

compareWithNaive('js', fastKernels);
