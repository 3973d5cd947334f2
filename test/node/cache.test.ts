/** Where downloads are kept, by platform, and how a CIFAR-10 at hand is found. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cacheFolder, findCifar10 } from '../../src/node/index.ts';
import { temporaryFolder } from './archive.ts';

describe('cacheFolder', () => {
  it.each([
    ['linux', {}, '/home/u', '/home/u/.cache/tilegrad'],
    ['linux', { XDG_CACHE_HOME: '/var/c' }, '/home/u', '/var/c/tilegrad'],
    ['linux', { XDG_CACHE_HOME: 'relative' }, '/home/u', '/home/u/.cache/tilegrad'],
    ['linux', { XDG_CACHE_HOME: '' }, '/home/u', '/home/u/.cache/tilegrad'],
    ['darwin', {}, '/Users/u', '/Users/u/Library/Caches/tilegrad'],
    ['win32', {}, 'C:\\Users\\u', 'C:\\Users\\u\\AppData\\Local\\tilegrad\\Cache'],
    ['win32', { LOCALAPPDATA: 'D:\\local' }, 'C:\\Users\\u', 'D:\\local\\tilegrad\\Cache'],
  ] as const)('on %s with %o', (platform, env, home, expected) => {
    expect(cacheFolder({ platform, env, home })).toBe(expected);
  });

  it('looks at this process by default', () => {
    expect(cacheFolder()).toMatch(/tilegrad/);
  });
});

describe('findCifar10', () => {
  it('prefers what CIFAR10 names, then the cache, else gives null', async () => {
    const cache = temporaryFolder();
    const env = { XDG_CACHE_HOME: cache };
    expect(await findCifar10({ platform: 'linux', env })).toBe(null);
    mkdirSync(join(cache, 'tilegrad'));
    const archive = join(cache, 'tilegrad', 'cifar-10-binary.tar.gz');
    writeFileSync(archive, '');
    expect(await findCifar10({ platform: 'linux', env })).toBe(archive);
    expect(await findCifar10({ platform: 'linux', env: { ...env, CIFAR10: '' } })).toBe(archive);
    expect(await findCifar10({ platform: 'linux', env: { ...env, CIFAR10: '/some/where' } })).toBe('/some/where');
  });
});
