import { describe, expect, it } from 'vitest';
import { bundledPackages, licenseNotices } from '../../scripts/licenses.ts';

const input = (bytesInOutput: number): { bytesInOutput: number } => ({ bytesInOutput });

describe('licence notices', () => {
  it('come from the packages that the bundle holds, and from no other', () => {
    const inputs = {
      'src/index.ts': input(5), 'node_modules/fflate/esm/browser.js': input(9), 'node_modules/commander/lib/x.js': input(0),
      '/far/node_modules/@scope/name/a.js': input(1), 'node_modules/a/node_modules/b/index.js': input(1),
    };
    const outputs = { 'dist/x.js': { inputs } } as unknown as Parameters<typeof bundledPackages>[0]['outputs'];
    expect([...bundledPackages({ outputs })]).toEqual([
      ['fflate', 'node_modules/fflate'], ['@scope/name', '/far/node_modules/@scope/name'],
      ['b', 'node_modules/a/node_modules/b'],
    ]);
  });

  it('hold name, version and text, and fail where there is no licence', () => {
    const text = licenseNotices(new Map([['fflate', 'node_modules/fflate'], ['commander', 'node_modules/commander']]));
    expect(text).toMatch(/commander \d+\.\d+\.\d+\n\n[^]*TJ Holowaychuk[^]*-{80}\n\nfflate \d[^]*Arjun Barrett/);
    expect(() => licenseNotices(new Map([['none', 'test/fixtures/..']]))).toThrow();
  });
});
