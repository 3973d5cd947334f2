/** `npm run page`: builds the page and serves it on this machine; PORT names another port. */

import type { AddressInfo } from 'node:net';

import { buildPage } from './build-page.ts';
import { servePage } from './page-server.ts';

await buildPage();
const server = await servePage(Number(process.env['PORT'] ?? 8080));
console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
