/** A small static server for the built page, with the headers that it is best served with. */

import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { extname, join } from 'node:path';

import { pageFolder } from './build-page.ts';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.css': 'text/css', '.js': 'text/javascript',
};

/** Shared memory, and with it threads, needs these two. */
const isolation = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

/** What the page needs and no more; its HTML says the same, but a worker obeys only the header of its own file. */
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; style-src 'self'; " +
  "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Serves the page at this port of the own machine, 0 for any that is free; isolated: with the headers for threads. */
export async function servePage(port: number, isolated: boolean = true): Promise<Server> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const name = pathname === '/' ? 'index.html' : pathname.slice(1);
    const type = /^[\w.-]+$/.test(name) ? types[extname(name)] : undefined;
    const contents = type === undefined ? Promise.reject(new Error('no such file')) : readFile(join(pageFolder, name));
    contents.then((bytes) => {
      response.writeHead(200, {
        'Content-Type': type, 'Content-Security-Policy': policy, 'X-Content-Type-Options': 'nosniff',
        'Cache-Control': 'no-cache', ...(isolated ? isolation : {}),
      });
      response.end(bytes);
    }, () => {
      response.writeHead(404, { 'Content-Type': 'text/plain' });
      response.end('not found');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return server;
}
