/** train.ts in Node and Deno: prints the outcome as JSON and ends, which it must do by itself. */

import { trainOnThreads } from './train.ts';

console.log(JSON.stringify(await trainOnThreads([1, 2, 3])));
