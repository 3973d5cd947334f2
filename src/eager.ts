/**
 * Importing this file has everything there from the start, also in built files: the SIMD backend (kernels/arrival.ts),
 * and the methods of tensors (tensor/core.ts).
 */

import { provideSimdCode } from './kernels/arrival.ts';
import * as simd from './kernels/simd/index.ts';
import { makeTensorsOf } from './tensor/core.ts';
import { Tensor } from './tensor/tensor.ts';

provideSimdCode(simd);
makeTensorsOf(Tensor);
