import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Writes files by their paths within a folder, and gives the folder. */
export async function writeFolder(
  folder: string, files: Readonly<Record<string, Uint8Array | string>>,
): Promise<string> {
  for (const [path, contents] of Object.entries(files)) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), contents);
  }
  return folder;
}
