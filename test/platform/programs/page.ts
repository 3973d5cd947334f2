/** train.ts on a page, which asks for the outcome. */

import { trainOnThreads } from './train.ts';

const outcome = trainOnThreads([1, 2, 3]).catch((error: unknown) => ({ error: String(error) }));
Object.assign(globalThis, { outcome });
