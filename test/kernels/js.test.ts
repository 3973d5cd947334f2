import { jsKernels } from '../../src/kernels/js/index.ts';
import { compareWithNaive } from './compare.ts';

compareWithNaive('js', jsKernels);
