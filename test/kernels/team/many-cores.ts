/** The features of a machine with eight processors: tasks that wait for each other need one each to be woken for. */

import { vi } from 'vitest';
import type { Features } from '../../../src/runtime/features.ts';

type Module = typeof import('../../../src/runtime/features.ts');

const module: Module = await vi.importActual('../../../src/runtime/features.ts');

export const features = (): Features => ({ ...module.features(), cores: 8 });
export const missingFeatures: Module['missingFeatures'] = module.missingFeatures;
