/** The programs of the pages pass TypeScript's strict checks, as an editor makes them of a file `program.mts`. */

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';
import { pages } from '../scripts/pages.ts';
import { fileNameOf, root } from './support/programs.ts';

/** What README asks of a reader's project; the paths find the package among the sources. */
const options: ts.CompilerOptions = {
  strict: true, erasableSyntaxOnly: true, types: ['node'], skipLibCheck: true, noEmit: true,
  target: ts.ScriptTarget.ES2022, lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
  module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler,
  moduleDetection: ts.ModuleDetectionKind.Force, allowImportingTsExtensions: true, resolveJsonModule: true,
  paths: { tilegrad: [join(root, 'src/index.ts')], 'tilegrad/*': [join(root, 'src/*/index.ts')] },
};

/** The programs of a page; a block that imports nothing goes on where the one before it in its section ended. */
function programsIn(text: string): string[] {
  return text.split(/^## /m).flatMap((section) => {
    const found: string[] = [];
    for (const [, code] of section.matchAll(/^```ts\n([^]*?)^```$/gm)) {
      if (/^import /m.test(code) || found.length === 0 || fileNameOf(code) !== undefined) found.push(code);
      else found.push(`${found.pop()!}\n${code}`);
    }
    return found;
  });
}

/** What the compiler says of programs, by the names of their files. */
function errorsOf(sources: ReadonlyMap<string, string>): string[] {
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.getSourceFile = (name, language, ...rest) => {
    const code = sources.get(name);
    return code === undefined ? getSourceFile(name, language, ...rest) : ts.createSourceFile(name, code, language);
  };
  host.fileExists = (name) => sources.has(name) || fileExists(name);
  const program = ts.createProgram([...sources.keys()], options, host);
  return [...sources.keys()].flatMap((name) => {
    const file = program.getSourceFile(name)!;
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map((each) => {
      const { line } = file.getLineAndCharacterOfPosition(each.start!);
      return `${name.slice(root.length)}:${line + 1} ${ts.flattenDiagnosticMessageText(each.messageText, ' ')}`;
    });
  });
}

describe('the types of the pages', () => {
  const sources = new Map<string, string>();
  beforeAll(async () => {
    for (const page of ['README.md', 'docs/pytorch.md', ...pages]) {
      const programs = programsIn(await readFile(join(root, page), 'utf8'))
        .filter((code) => page !== 'README.md' || code.startsWith('import ')); // README lists options in a block
      programs.forEach((code, i) => {
        const name = fileNameOf(code);
        sources.set(join(root, name === undefined ? `${page}-${i + 1}.mts` : join(dirname(page), name)), code);
      });
    }
  });

  it('are right', { timeout: 120_000 }, () => {
    expect(sources.size).toBeGreaterThan(25);
    expect(errorsOf(sources)).toEqual([]);
  });

  it('are looked at', { timeout: 120_000 }, () => {
    const wrong = "import { zeros } from 'tilegrad';\nconsole.log(zeros(2).max() as number);\nawait zeros(2).exp(1);\n";
    expect(errorsOf(new Map([[join(root, 'wrong.mts'), wrong]])).map((line) => line.split(' ')[0]))
      .toEqual(['wrong.mts:2', 'wrong.mts:3']);
  });
});
