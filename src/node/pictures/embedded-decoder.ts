/**
 * Where the code of the threads that read pictures comes from: this version names the source file; the build
 * (scripts/embed-worker.ts) replaces it by one that holds decode-task.ts and all it needs as the text of a data: URL.
 */

/** The module that exports `decode`, as Piscina wants it named. */
export const decoderFile: string = new URL('./decode-task.ts', import.meta.url).href;
