/** Where data sets are kept between runs, and where a CIFAR-10 that is already on this machine lies. */

import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { posix, win32 } from 'node:path';
import { cifar10ArchiveName } from '../data/cifar10-collector.ts';
import { checkOptions, checkRecord, checkString } from '../runtime/check.ts';

/** What cacheFolder looks at; each part defaults to this process's own. */
export interface CacheSurroundings {
  platform?: string;
  env?: Record<string, string | undefined>;
  home?: string;
}

/**
 * The folder for tilegrad's downloads, by the platform's custom; it may not exist yet.
 * Linux and others: $XDG_CACHE_HOME/tilegrad or ~/.cache/tilegrad (XDG Base Directory Specification: a relative
 * value is to be ignored). macOS: ~/Library/Caches/tilegrad. Windows: %LOCALAPPDATA%\tilegrad\Cache.
 */
export function cacheFolder(surroundings: CacheSurroundings = {}): string {
  const { platform, env, home } = checkSurroundings('cacheFolder', surroundings);
  if (platform === 'win32') {
    const local = env.LOCALAPPDATA;
    const base = local !== undefined && win32.isAbsolute(local) ? local : win32.join(home, 'AppData', 'Local');
    return win32.join(base, 'tilegrad', 'Cache');
  }
  const xdg = env.XDG_CACHE_HOME;
  if (xdg !== undefined && posix.isAbsolute(xdg)) return posix.join(xdg, 'tilegrad');
  const custom = platform === 'darwin' ? ['Library', 'Caches'] : ['.cache'];
  return posix.join(home, ...custom, 'tilegrad');
}

function checkSurroundings(fn: string, surroundings: CacheSurroundings): Required<CacheSurroundings> {
  checkOptions(fn, surroundings, ['platform', 'env', 'home']);
  const { platform = process.platform, env = process.env, home = homedir() } = surroundings;
  checkRecord(fn, 'env', env);
  for (const name of ['LOCALAPPDATA', 'XDG_CACHE_HOME', 'CIFAR10']) {
    if (env[name] !== undefined) checkString(fn, `env.${name}`, env[name]);
  }
  return { platform: checkString(fn, 'platform', platform), env, home: checkString(fn, 'home', home) };
}

/**
 * The path of a CIFAR-10 at hand: what the environment variable CIFAR10 names, taken at its word (loading says what is
 * wrong with it), else the archive in the cache folder, else null.
 */
export async function findCifar10(surroundings: CacheSurroundings = {}): Promise<string | null> {
  const { platform, env } = checkSurroundings('findCifar10', surroundings);
  if (env.CIFAR10 !== undefined && env.CIFAR10 !== '') return env.CIFAR10;
  const cached = (platform === 'win32' ? win32 : posix).join(cacheFolder(surroundings), cifar10ArchiveName);
  try {
    await stat(cached);
    return cached;
  } catch {
    return null;
  }
}
