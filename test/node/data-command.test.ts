/** What `tilegrad data cifar10` writes while it downloads, in a terminal and into a pipe. */

import { describe, expect, it } from 'vitest';
import { DownloadError } from '../../src/node/index.ts';
import { dataCommand } from '../../src/node/download.ts';
import { archive, breakOffAfter, plan, serve, wellBehaved } from './archive-server.ts';

describe('dataCommand', () => {
  function recorder(isTTY: boolean): { text: string; isTTY: boolean; write: (text: string) => void } {
    const output = { text: '', isTTY, write: (text: string) => void (output.text += text) };
    return output;
  }

  it('writes plain lines when piped, and says where the archive lies', async () => {
    const site = await serve(wellBehaved);
    const output = recorder(false);
    const options = plan(site.url);
    expect(await dataCommand('cifar10', { ...options, output })).toBe(options.destination);
    const lines = output.text.split('\n');
    expect(lines[0]).toBe(`downloading: 0.0 MB of ${(archive.length / 1e6).toFixed(1)} MB, 0%`);
    expect(lines.at(-2)).toBe(`CIFAR-10 is at ${options.destination}, its checksum verified`);
    expect(output.text).not.toContain('\r');
    expect(lines.length).toBeLessThan(15);
  });

  it('keeps one line in a terminal, and ends it also when the download fails', async () => {
    const site = await serve(wellBehaved);
    const output = recorder(true);
    await dataCommand('cifar10', { ...plan(site.url), output });
    expect(output.text).toMatch(/^(\rdownloading: [^\n\r]*)+\nCIFAR-10 is at [^\n]*\n$/);
    const broken = await serve((_, response) => breakOffAfter(1000, response));
    const failed = recorder(true);
    await expect(dataCommand('cifar10', { ...plan(broken.url), retries: 0, output: failed }))
      .rejects.toThrow(DownloadError);
    expect(failed.text).toMatch(/^(\rdownloading: [^\n\r]*)+\n$/);
  });

  it('knows no other data set', async () => {
    await expect(dataCommand('mnist', { output: recorder(false) }))
      .rejects.toThrow('data: unknown data set "mnist", known is cifar10');
  });
});
