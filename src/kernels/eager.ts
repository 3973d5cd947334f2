/** Importing this file has the SIMD backend there from the start, also in built files (see arrival.ts). */

import { provideSimdCode } from './arrival.ts';
import * as simd from './simd/index.ts';

provideSimdCode(simd);
