/** Every SIMD kernel against its definition on random shapes, on two threads. */

import { afterAll } from 'vitest';
import { shutdown } from '../../../src/kernels/team/team.ts';
import { configure } from '../../../src/runtime/settings.ts';
import { compareWithNaive } from '../compare.ts';
import { simdKernels } from './support.ts';

configure({ threads: 2 });
compareWithNaive('simd', simdKernels());
afterAll(() => shutdown());
