/** Downloading, against a server on this machine that behaves in every way servers should not. */

import { createHash } from 'node:crypto';
import {
  chmodSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cifar10Archive, downloadCifar10, DownloadError, loadCifar10 } from '../../src/node/index.ts';
import type { DownloadOptions, DownloadProgress } from '../../src/node/index.ts';
import { temporaryFolder } from './archive.ts';
import { archive, breakOffAfter, etag, md5, plan, send, sendAndDrop, serve, sha256, wellBehaved } from './archive-server.ts';

/** The error that a download ends with; nothing may then lie at the destination. */
async function failure(options: DownloadOptions & { destination: string }): Promise<DownloadError> {
  const error: unknown = await downloadCifar10(options).then(() => null, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(DownloadError);
  expect(existsSync(options.destination)).toBe(false);
  expect((error as DownloadError).url).toBe(options.url);
  return error as DownloadError;
}

function expectWhole(path: string): void {
  expect(Buffer.compare(readFileSync(path), archive)).toBe(0);
  expect(readdirSync(join(path, '..'))).toEqual(['cifar.tar.gz']);
}

describe('downloadCifar10', () => {
  it('knows the official archive', () => {
    expect(cifar10Archive.url).toBe('https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz');
    expect(cifar10Archive.md5).toBe('c32a1d4ab5d03f1284b67883e8d87530');
  });

  it('fetches, verifies, reports progress, and gives a file that loads', async () => {
    const site = await serve(wellBehaved);
    const seen: DownloadProgress[] = [];
    const options = plan(site.url, { onProgress: (progress) => seen.push(progress), expectedBytes: archive.length });
    const path = await downloadCifar10(options);
    expectWhole(path);
    expect(seen[0]).toEqual({ receivedBytes: 0, totalBytes: archive.length, attempt: 1 });
    expect(seen.at(-1)).toEqual({ receivedBytes: archive.length, totalBytes: archive.length, attempt: 1 });
    seen.reduce((before, now) => {
      expect(now.receivedBytes).toBeGreaterThanOrEqual(before.receivedBytes);
      return now;
    });
    expect((await loadCifar10(path)).train.labels.length).toBe(50);
  });

  it('takes a sha256 instead, and a folder as the destination', async () => {
    const site = await serve(wellBehaved);
    const folder = temporaryFolder();
    const path = await downloadCifar10({ url: site.url, destination: folder, expectedSha256: sha256.toUpperCase() });
    expect(path).toBe(join(folder, 'cifar-10-binary.tar.gz'));
    expect(Buffer.compare(readFileSync(path), archive)).toBe(0);
    const otherSha256 = sha256.replace(/./, sha256.startsWith('0') ? '1' : '0');
    const wrong = plan(site.url, { expectedMd5: undefined, expectedSha256: otherSha256 });
    expect((await failure(wrong)).message).toContain(`the sha256 is ${sha256}, expected `);
  });

  it('does not ask for what is there and right, and replaces what is there and wrong only where told', async () => {
    const site = await serve(wellBehaved);
    const options = plan(site.url);
    writeFileSync(options.destination, "somebody's own");
    await expect(downloadCifar10(options)).rejects.toThrow(`${options.destination} exists and is not the archive`);
    expect(readFileSync(options.destination, 'utf8')).toBe("somebody's own");
    expect(site.asked).toEqual([]);
    await downloadCifar10({ ...options, overwrite: true });
    await downloadCifar10(options);
    expectWhole(options.destination);
    expect(site.asked).toEqual(['all']);
  });

  it('leaves alone what comes to lie at the destination while it downloads', async () => {
    const options = plan('');
    const site = await serve((request, response) => {
      writeFileSync(options.destination, 'just come');
      send(request, response);
    });
    await expect(downloadCifar10({ ...options, url: site.url })).rejects.toThrow('exists and is not the archive');
    expect(readFileSync(options.destination, 'utf8')).toBe('just come');
  });

  it.skipIf(process.platform === 'win32')('follows no link and touches no file that it has not put there', async () => {
    const site = await serve(wellBehaved);
    for (const suffix of ['', '.part', '.part.json']) {
      const options = plan(site.url);
      const victim = join(temporaryFolder(), 'victim');
      writeFileSync(victim, 'precious');
      symlinkSync(victim, `${options.destination}${suffix}`);
      await expect(downloadCifar10(options), suffix).rejects.toThrow(`${suffix} exists and is not the archive`);
      expect(readFileSync(victim, 'utf8')).toBe('precious');
      rmSync(`${options.destination}${suffix}`);
      // the same with a file of somebody's own, and with a link to a file that is not there yet
      symlinkSync(join(victim, '..', 'new'), `${options.destination}${suffix}`);
      await expect(downloadCifar10(options), suffix).rejects.toThrow('exists and is not the archive');
      expect(readdirSync(join(victim, '..'))).toEqual(['victim']);
      rmSync(`${options.destination}${suffix}`);
      writeFileSync(`${options.destination}${suffix}`, 'something');
      await expect(downloadCifar10(options), suffix).rejects.toThrow('exists and is not the archive');
      expect(readFileSync(`${options.destination}${suffix}`, 'utf8')).toBe('something');
    }
    expect(site.asked).toEqual([]);
  });

  it.skipIf(process.platform === 'win32')('resumes no link, though a record of its own lies beside it', async () => {
    const site = await serve(wellBehaved);
    for (const link of [symlinkSync, linkSync]) {
      const options = plan(site.url);
      const victim = join(temporaryFolder(), 'victim');
      writeFileSync(victim, archive.subarray(0, 100));
      link(victim, `${options.destination}.part`);
      writeFileSync(`${options.destination}.part.json`, JSON.stringify({ url: site.url, etag }));
      await expect(downloadCifar10(options)).rejects.toThrow('.part exists and is not the archive');
      expect(readFileSync(victim).length).toBe(100);
    }
  });

  it('expects the official archive unless told otherwise', async () => {
    const site = await serve(wellBehaved);
    const error = await failure({ url: site.url, destination: join(temporaryFolder(), 'x'), retryDelay: 1 });
    expect(error.message).toContain(`has ${archive.length} bytes, expected 170052171`);
  });

  describe('when the connection breaks', () => {
    it('goes on from where it was', async () => {
      const site = await serve((request, response, count) => {
        if (count === 1) breakOffAfter(5000, response);
        else send(request, response);
      });
      const options = plan(site.url);
      await downloadCifar10(options);
      expectWhole(options.destination);
      expect(site.asked).toEqual(['all', 'bytes=5000-']);
    });

    it('goes on in a later call, when the first one gave up', async () => {
      const site = await serve((request, response, count) => {
        if (count === 1) breakOffAfter(7000, response);
        else send(request, response);
      });
      const options = plan(site.url, { retries: 0 });
      expect((await failure(options)).message)
        .toMatch(/broken off after 7000 (of \d+ )?bytes.*gave up after 1 attempts/);
      await downloadCifar10(options);
      expectWhole(options.destination);
      expect(site.asked).toEqual(['all', 'bytes=7000-']);
    });

    it('starts anew when the file has changed since', async () => {
      const site = await serve((request, response, count) => {
        if (count === 1) breakOffAfter(5000, response, '"v0"');
        else send(request, response);
      });
      const options = plan(site.url);
      await downloadCifar10(options);
      expectWhole(options.destination);
      expect(site.asked).toEqual(['all', 'bytes=5000-']);
    });

    it('starts anew when the server ignores Range', async () => {
      const site = await serve((_, response, count) => {
        if (count === 1) breakOffAfter(5000, response);
        else response.writeHead(200, { 'Content-Length': archive.length }).end(archive);
      });
      const options = plan(site.url);
      await downloadCifar10(options);
      expectWhole(options.destination);
    });

    it('starts anew when the parts do not make the whole', async () => {
      // without validators the two answers cannot be told apart, the checksum can
      const other = Buffer.from(archive);
      other[100] ^= 1;
      const site = await serve((request, response, count) => {
        if (count === 1) {
          response.writeHead(200, { 'Content-Length': archive.length });
          sendAndDrop(response, other.subarray(0, 5000));
        } else {
          send(request, response);
        }
      });
      const options = plan(site.url);
      await downloadCifar10(options);
      expectWhole(options.destination);
      expect(site.asked).toEqual(['all', 'bytes=5000-', 'all']);
    });

    it('refuses a record that is too long to be one', async () => {
      const site = await serve(wellBehaved);
      const options = plan(site.url);
      writeFileSync(`${options.destination}.part`, archive.subarray(0, 100));
      writeFileSync(`${options.destination}.part.json`, JSON.stringify({ url: site.url, etag }).padEnd(100_000));
      await failure(options);
      expect(site.asked).toEqual([]);
    });

    it('ignores a part of another address, and one whose record was not finished', async () => {
      const site = await serve(wellBehaved);
      const options = plan(site.url);
      writeFileSync(`${options.destination}.part`, 'something');
      writeFileSync(`${options.destination}.part.json`, '');
      await downloadCifar10(options);
      rmSync(options.destination);
      writeFileSync(`${options.destination}.part`, 'something');
      writeFileSync(`${options.destination}.part.json`, JSON.stringify({ url: 'http://else.where/', etag }));
      await downloadCifar10(options);
      expectWhole(options.destination);
      expect(site.asked).toEqual(['all', 'all']);
    });

    it('finishes a part that was whole already, and drops one that is too long', async () => {
      const site = await serve(wellBehaved);
      for (const part of [archive, Buffer.concat([archive, archive])]) {
        const options = plan(site.url);
        writeFileSync(`${options.destination}.part`, part);
        writeFileSync(`${options.destination}.part.json`, JSON.stringify({ url: site.url, etag }));
        await downloadCifar10(options);
        expectWhole(options.destination);
      }
      expect(site.asked).toEqual([`bytes=${archive.length}-`, `bytes=${2 * archive.length}-`, 'all']);
    });

    it('gives up after the last retry, and says how it ended', async () => {
      const site = await serve((_, response) => breakOffAfter(1000, response));
      const options = plan(site.url, { retries: 2 });
      expect((await failure(options)).message).toMatch(/broken off after 1000 .*gave up after 3 attempts/);
      expect(site.asked.length).toBe(3);
    });
  });

  it('gives up on a silent connection, before the answer and within it', async () => {
    const mute = await serve(() => undefined);
    expect((await failure(plan(mute.url, { stallTimeout: 60, retries: 1 }))).message).toContain('no answer for 60 ms');
    expect(mute.asked.length).toBe(2);
    const stuck = await serve((_, response) => {
      response.writeHead(200, { 'Content-Length': archive.length });
      response.write(archive.subarray(0, 100));
    });
    expect((await failure(plan(stuck.url, { stallTimeout: 200, retries: 1 }))).message)
      .toContain('nothing came for 200 ms');
  });

  it.each([403, 404, 410])('does not insist when the answer is %i', async (status) => {
    const site = await serve((_, response) => void response.writeHead(status).end('no'));
    const error = await failure(plan(site.url));
    expect(error.status).toBe(status);
    expect(error.message).toContain(`the server answered ${status}`);
    expect(site.asked.length).toBe(1);
  });

  it.each([408, 429, 500, 503])('tries again when the answer is %i', async (status) => {
    const site = await serve((request, response, count) => {
      if (count <= 2) response.writeHead(status, { 'Retry-After': '0' }).end('later');
      else send(request, response);
    });
    const options = plan(site.url);
    await downloadCifar10(options);
    expectWhole(options.destination);
    const broken = await serve((_, response) => void response.writeHead(status).end());
    const error = await failure(plan(broken.url, { retries: 1 }));
    expect(error.status).toBe(status);
    expect(broken.asked.length).toBe(2);
  });

  it('says when nobody listens', async () => {
    const site = await serve(wellBehaved);
    const port = await new Promise<number>((resolve) => {
      const server = createServer();
      server.listen(0, '127.0.0.1', () => {
        const { port: free } = server.address() as AddressInfo;
        server.close(() => resolve(free));
      });
    });
    const url = site.url.replace(/:\d+/, `:${port}`);
    expect((await failure(plan(url, { retries: 1 }))).message)
      .toContain('connection refused (ECONNREFUSED) (gave up after 2 attempts)');
  });

  it('follows redirects, but not for ever, nowhere, or to other kinds of address', async () => {
    const site = await serve((request, response) => {
      if (request.url === '/cifar.tar.gz') response.writeHead(302, { Location: '/moved' }).end();
      else if (request.url === '/moved') response.writeHead(308, { Location: 'there.tar.gz' }).end();
      else send(request, response);
    });
    const options = plan(site.url);
    await downloadCifar10(options);
    expectWhole(options.destination);
    for (const [headers, text] of [
      [{ Location: '/cifar.tar.gz' }, 'more than 5 redirects'],
      [{}, 'a redirect (301) leads nowhere'],
      [{ Location: 'http://' }, 'a redirect (301) leads nowhere'],
      [{ Location: 'file:///etc/hostname' }, 'refused a redirect to file:///etc/hostname'],
    ] as const) {
      const astray = await serve((_, response) => void response.writeHead(301, headers).end());
      expect((await failure(plan(astray.url))).message).toContain(text);
      expect(astray.asked.length).toBeLessThanOrEqual(6);
    }
  });

  it('refuses a web page, compressed transfers and wrong sizes before anything is stored', async () => {
    const answers: Array<[Record<string, string>, string | Buffer, string]> = [
      [{ 'Content-Type': 'text/html; charset=utf-8' }, '<html>log in</html>',
        'the server sent a web page (text/html; charset=utf-8)'],
      [{ 'Content-Encoding': 'gzip' }, archive, 'content-encoding gzip'],
      [{ 'Content-Length': String(archive.length + 1) }, Buffer.concat([archive, Buffer.alloc(1)]), 'bytes, expected'],
    ];
    for (const [headers, body, text] of answers) {
      const site = await serve((_, response) => void response.writeHead(200, headers).end(body));
      const options = plan(site.url, { expectedBytes: archive.length });
      expect((await failure(options)).message).toContain(text);
      expect(readdirSync(join(options.destination, '..'))).toEqual([]);
      expect(site.asked.length).toBe(1);
    }
  });

  it('refuses more bytes than the file can have, when the length was not announced', async () => {
    const site = await serve((_, response) => {
      response.writeHead(200);
      const more = (): void => void response.write(archive, () => setImmediate(more));
      more();
      response.on('error', () => undefined);
    });
    const options = plan(site.url, { expectedBytes: archive.length });
    expect((await failure(options)).message).toContain(`sent more than the ${archive.length} bytes expected`);
  });

  it('refuses and removes what came damaged', async () => {
    const damaged = Buffer.from(archive);
    damaged[4000] ^= 1;
    const site = await serve((request, response) => send(request, response, damaged));
    const options = plan(site.url);
    const error = await failure(options);
    expect(error.message).toContain(`the md5 is ${createHash('md5').update(damaged).digest('hex')}, expected ${md5}`);
    expect(readdirSync(join(options.destination, '..'))).toEqual([]);
    // a short file that ends cleanly, its length not announced
    const short = await serve((_, response) => {
      response.write(archive.subarray(0, 3000));
      response.end();
    });
    expect((await failure(plan(short.url))).message).toContain('the md5 is');
  });

  it('refuses a range that was not asked for', async () => {
    const site = await serve((_, response, count) => {
      if (count === 1) breakOffAfter(5000, response);
      else response.writeHead(206, { 'Content-Range': `bytes 10-20/${archive.length}` }).end(archive.subarray(10, 21));
    });
    expect((await failure(plan(site.url))).message)
      .toContain(`asked for bytes from 5000 on, the server sent bytes 10-20/${archive.length}`);
  });

  it('stops when aborted, at once or on the way, and can go on later', async () => {
    const site = await serve((request, response, count) => {
      if (count === 1) {
        response.writeHead(200, { 'Content-Length': archive.length, ETag: etag });
        response.write(archive.subarray(0, 6000));
      } else {
        send(request, response);
      }
    });
    const controller = new AbortController();
    const reason = new Error('enough');
    const options = plan(site.url);
    const onProgress = ({ receivedBytes }: DownloadProgress): void => {
      if (receivedBytes === 6000) controller.abort(reason);
    };
    await expect(downloadCifar10({ ...options, onProgress, signal: controller.signal })).rejects.toBe(reason);
    expect(existsSync(options.destination)).toBe(false);
    await expect(downloadCifar10({ ...options, signal: controller.signal })).rejects.toBe(reason);
    expect(site.asked.length).toBe(1);
    await downloadCifar10(options);
    expectWhole(options.destination);
    expect(site.asked).toEqual(['all', 'bytes=6000-']);
  });

  it('stops waiting for a retry when aborted', async () => {
    const site = await serve((_, response) => void response.writeHead(503, { 'Retry-After': '1000' }).end());
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    await expect(downloadCifar10(plan(site.url, { signal: controller.signal }))).rejects.toThrow(/abort/i);
  });

  it.skipIf(process.platform === 'win32')('says when it cannot write', async () => {
    const site = await serve(wellBehaved);
    const folder = join(temporaryFolder(), 'closed');
    mkdirSync(folder);
    chmodSync(folder, 0o555);
    chmodSync(join(folder, '..'), 0o755);
    const isRoot = process.geteuid!() === 0;
    if (isRoot) process.seteuid!(65534);
    try {
      const error = await failure(plan(site.url, { destination: join(folder, 'file') }));
      expect(error.message).toContain('permission denied (EACCES)');
    } finally {
      if (isRoot) process.seteuid!(0);
    }
  });

  it('refuses bad options before it asks anyone', async () => {
    const wrong: Array<[object, string]> = [
      [{ url: 'ftp://x/y' }, 'url must be an http or https URL'], [{ url: 5 }, 'url must be'],
      [{ destination: 5 }, 'destination must be a path'], [{ destination: '' }, 'destination must be a path'],
      [{ expectedMd5: 'xyz' }, 'expectedMd5 must be 32 hexadecimal digits'],
      [{ expectedSha256: md5 }, 'expectedSha256 must be 64 hexadecimal digits'],
      [{ retries: -1 }, 'retries must be'], [{ retryDelay: 0.5 }, 'retryDelay must be'],
      [{ stallTimeout: 0 }, 'stallTimeout must be'], [{ expectedBytes: 0 }, 'expectedBytes must be'],
      [{ onProgress: 5 }, 'onProgress must be a function'], [{ signal: 5 }, 'signal must be an AbortSignal'],
      [{ md5: '' }, 'unknown option "md5"'],
    ];
    for (const [options, text] of wrong) {
      await expect(downloadCifar10(options)).rejects.toThrow(`downloadCifar10: ${text}`);
    }
  });
});
