import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

it('JSR gets the same version with the same entries, as sources', () => {
  const npm = JSON.parse(read('package.json')) as Manifest & { exports: Record<string, string | { types: string }> };
  const jsr = JSON.parse(read('jsr.json')) as Manifest & { exports: Record<string, string>; publish: { include: string[] } };
  expect([jsr.name, jsr.version, jsr.license]).toEqual([`@tilegrad/${npm.name}`, npm.version, npm.license]);
  expect(jsr.exports).toEqual(Object.fromEntries(Object.entries(npm.exports).flatMap(([subpath, entry]) =>
    typeof entry === 'string' ? [] : [[subpath, entry.types.replace('./dist/', './src/').replace(/\.d\.ts$/, '.ts')]])));
  const missing = [...Object.values(jsr.exports), ...jsr.publish.include]
    .filter((path) => !existsSync(new URL(`../../${path}`, import.meta.url)));
  expect(missing).toEqual([]);
});
