/** train.ts on a page. Tells what it is before and after ready(), and whether the page could still draw meanwhile. */

import { info } from '../../../src/index.ts';
import { trainOnThreads } from './train.ts';

const before = info();
const outcome = trainOnThreads([1, 2, 3]).then((after) => ({ ...after, before }), (error: unknown) => ({ error: String(error) }));
Object.assign(globalThis, { outcome });
