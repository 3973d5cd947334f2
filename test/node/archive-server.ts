/** A server on this machine that has a small archive, and answers as a test tells it to. */

import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { DownloadOptions } from '../../src/node/index.ts';
import { releaseArchive, temporaryFolder } from './archive.ts';

/** Answers a request; count is 1 for the first. */
export type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** What there is to fetch. */
export const archive: Buffer = releaseArchive(10);
export const md5: string = createHash('md5').update(archive).digest('hex');
export const sha256: string = createHash('sha256').update(archive).digest('hex');
export const etag: string = '"v1"';

export interface Site {
  url: string;
  /** one a request: the Range that was asked for, or 'all' */
  asked: string[];
}

/** Starts a server that stops when the test ends. */
export async function serve(handler: Handler): Promise<Site> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers.range ?? 'all');
    handler(request, response, asked.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/cifar.tar.gz`, asked };
}

/** A well-behaved answer, which obeys Range and If-Range. */
export function send(
  request: IncomingMessage, response: ServerResponse, body: Buffer = archive, tag: string = etag,
): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? -1);
  const ifRange = request.headers['if-range'];
  response.setHeader('ETag', tag);
  if (start < 0 || (ifRange !== undefined && ifRange !== tag)) {
    response.writeHead(200, { 'Content-Length': body.length }).end(body);
  } else if (start >= body.length) {
    response.writeHead(416, { 'Content-Range': `bytes */${body.length}` }).end();
  } else {
    const range = `bytes ${start}-${body.length - 1}/${body.length}`;
    const rest = body.subarray(start);
    response.writeHead(206, { 'Content-Range': range, 'Content-Length': rest.length }).end(rest);
  }
}

export const wellBehaved: Handler = (request, response) => send(request, response);

/** Announces the whole archive, sends the first bytes of it, and drops the connection. */
export function breakOffAfter(bytes: number, response: ServerResponse, tag: string = etag): void {
  response.writeHead(200, { 'Content-Length': archive.length, ETag: tag });
  sendAndDrop(response, archive.subarray(0, bytes));
}

/** Bytes of which the latest download from a plan has heard. */
let received = 0;

/** Sends bytes and drops the connection once the client has them: fetch throws away what it had not handed out yet. */
export function sendAndDrop(response: ServerResponse, bytes: Uint8Array): void {
  received = 0;
  const started = performance.now();
  const drop = (): void => {
    if (received >= bytes.length || performance.now() - started > 500) response.destroy();
    else setTimeout(drop, 5);
  };
  response.write(bytes, drop);
}

/** Options of a download from url into a folder of its own, impatient enough for a test. */
export function plan(url: string, more: DownloadOptions = {}): DownloadOptions & { destination: string } {
  return {
    url, destination: join(temporaryFolder(), 'cifar.tar.gz'), expectedMd5: md5, retryDelay: 1, stallTimeout: 5000,
    onProgress: ({ receivedBytes }) => {
      received = receivedBytes;
    },
    ...more,
  } as DownloadOptions & { destination: string };
}
