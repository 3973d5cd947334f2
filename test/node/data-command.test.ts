/** What `tilegrad data cifar10` writes while it downloads, in a terminal and into a pipe. */

import { describe, expect, it } from 'vitest';
import { DownloadError } from '../../src/node/index.ts';
import { fetchArchive } from '../../src/node/commands/data.ts';
import { archive, breakOffAfter, plan, serve, wellBehaved } from './archive-server.ts';

describe('fetchArchive', () => {
  function recorder(isTTY: boolean): { text: string; isTTY: boolean; write: (text: string) => void } {
    const output = { text: '', isTTY, write: (text: string) => void (output.text += text) };
    return output;
  }

  it('writes plain lines when piped, and says where the archive lies', async () => {
    const site = await serve(wellBehaved);
    const output = recorder(false);
    const options = plan(site.url);
    await fetchArchive(output, options);
    const lines = output.text.split('\n');
    expect(lines[0]).toBe(`downloading: 0.0 MB of ${(archive.length / 1e6).toFixed(1)} MB, 0%`);
    expect(lines.at(-2)).toBe(`CIFAR-10 is at ${options.destination}, its checksum verified`);
    expect(output.text).not.toContain('\r');
    expect(lines.length).toBeLessThan(15);
  });

  it('keeps one line in a terminal, and ends it also when the download fails', async () => {
    const site = await serve(wellBehaved);
    const output = recorder(true);
    await fetchArchive(output, plan(site.url));
    expect(output.text).toMatch(/^(\rdownloading: [^\n\r]*)+\r[^\n\r]{3}CIFAR-10 is at [^\n]*\n$/);
    const broken = await serve((_, response) => breakOffAfter(1000, response));
    const failed = recorder(true);
    await expect(fetchArchive(failed, { ...plan(broken.url), retries: 0 })).rejects.toThrow(DownloadError);
    expect(failed.text).toMatch(/^(\rdownloading: [^\n\r]*)+\r[^\n\r]{3}$/);
  });
});
