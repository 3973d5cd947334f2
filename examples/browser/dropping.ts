/** Files that come in: dropped, pasted, or chosen. What they are is told by their names. */

import { byId } from './elements.ts';
import type { FolderFile } from './messages.ts';

export interface Arrivals {
  onPicture(file: File): void;
  onFolder(files: readonly FolderFile[]): void;
  onArchive(file: File): void;
  onWeights(file: File): void;
  onProblem(message: string): void;
}

/** Files of a folder taken at most, so that a whole disk dropped by mistake ends in words. */
const mostFiles = 200_000;

/** Listens for files, wherever they are dropped, and behind the page's buttons. */
export function listenForFiles(arrivals: Arrivals): void {
  const cover = byId('drop');
  document.addEventListener('dragover', (event) => {
    if (event.dataTransfer?.types.includes('Files') !== true) return;
    event.preventDefault();
    cover.hidden = false;
  });
  document.addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) cover.hidden = true;
  });
  document.addEventListener('drop', (event) => {
    cover.hidden = true;
    if (event.dataTransfer === null || event.dataTransfer.items.length === 0) return;
    event.preventDefault();
    take(event.dataTransfer, arrivals).catch((error: unknown) => arrivals.onProblem(String(error)));
  });
  document.addEventListener('paste', (event) => {
    const file = [...event.clipboardData?.files ?? []].find(({ type }) => type.startsWith('image/'));
    if (file !== undefined) arrivals.onPicture(file);
  });
  choose('file-picture', ['pad-open'], ([file]) => arrivals.onPicture(file));
  choose('file-archive', ['open-archive'], ([file]) => arrivals.onArchive(file));
  choose('file-weights', ['load'], ([file]) => arrivals.onWeights(file));
  choose('file-folder', ['open-folder'], (files) =>
    arrivals.onFolder(files.map((file) => ({ path: file.webkitRelativePath, file }))));
}

/** Opens a hidden file input from buttons. */
function choose(id: string, buttons: readonly string[], take: (files: File[]) => void): void {
  const input = byId<HTMLInputElement>(id);
  for (const button of buttons) byId(button).addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    const files = [...input.files ?? []];
    input.value = '';
    if (files.length > 0) take(files);
  });
}

async function take(transfer: DataTransfer, arrivals: Arrivals): Promise<void> {
  // entries must be asked for before the event is over
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const files = [...transfer.files];
  if (entries.some(({ isDirectory }) => isDirectory)) {
    const found: FolderFile[] = [];
    for (const entry of entries) await walk(entry, found);
    arrivals.onFolder(found);
    return;
  }
  const [file] = files;
  if (file === undefined) return;
  if (/\.(tar|tgz|gz)$/i.test(file.name)) arrivals.onArchive(file);
  else if (/\.safetensors$/i.test(file.name)) arrivals.onWeights(file);
  else if (file.type.startsWith('image/')) arrivals.onPicture(file);
  else arrivals.onProblem(`${file.name.slice(0, 80)} is no picture, no folder, no tar.gz and no safetensors file`);
}

async function walk(entry: FileSystemEntry, found: FolderFile[]): Promise<void> {
  if (found.length > mostFiles) throw new Error(`the folder holds more than ${mostFiles} files`);
  if (entry.isFile) {
    const file = await called<File>((...answers) => (entry as FileSystemFileEntry).file(...answers));
    found.push({ path: entry.fullPath.replace(/^\//, ''), file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) { // a reader gives a hundred at a time
    const some = await called<FileSystemEntry[]>((...answers) => reader.readEntries(...answers));
    if (some.length === 0) return;
    for (const each of some) await walk(each, found);
  }
}

/** What a function answers through two callbacks. */
function called<T>(fn: (resolve: (value: T) => void, reject: (error: Error) => void) => void): Promise<T> {
  return new Promise(fn);
}
