/** The checks in Deno: settings as JSON in the first argument, a line of JSON a check. */

import { checkWebGpu, type Settings } from './webgpu.ts';

const { args, exit } = (globalThis as unknown as { Deno: { args: string[]; exit(code: number): never } }).Deno;
await checkWebGpu((found) => { console.log(JSON.stringify(found)); }, JSON.parse(args[0]) as Settings);
exit(0);
