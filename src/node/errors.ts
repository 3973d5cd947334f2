/** The errors of reading and fetching files: they name the place that they speak of and say what was expected there. */

import { longestMessage, printable } from '../runtime/text.ts';

/**
 * A file or folder that is missing, unreadable or not what it should be. A RangeError, as every refused argument is:
 * the path lies outside what the function accepts.
 */
export class DataFileError extends RangeError {
  override readonly name: string = 'DataFileError';
  /** the file or folder in question */
  readonly path: string;

  constructor(message: string, path: string, cause?: unknown) {
    super(printable(message, longestMessage), { cause });
    this.path = path;
  }
}

/** A download that could not be completed. Nothing is left at the destination; a resumable part may lie beside it. */
export class DownloadError extends Error {
  override readonly name: string = 'DownloadError';
  /** what was asked for */
  readonly url: string;
  /** the HTTP status that ended it; undefined when there was no answer, or one whose contents were wrong */
  readonly status: number | undefined;

  constructor(message: string, url: string, status?: number, cause?: unknown) {
    super(printable(message, longestMessage), { cause });
    this.url = url;
    this.status = status;
  }
}

/** No thread that reads pictures can be started, or the last of them ended and no other came up in its place. */
export class DecoderThreadError extends Error {
  override readonly name: string = 'DecoderThreadError';

  constructor(cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(printable(`the threads that read pictures cannot run: ${why}`, longestMessage), { cause });
  }
}

/** The `code` of a system error (ENOENT, EACCES, ECONNREFUSED, Z_DATA_ERROR, ...), also one wrapped by fetch. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = (error as Error & { code?: unknown }).code;
  if (typeof code === 'string') return code;
  if (error instanceof AggregateError && error.errors.length > 0) return systemErrorCode(error.errors[0]);
  return systemErrorCode(error.cause);
}

/** What a system error means, in words for a person; falls back to its own message. */
export function explainSystemError(error: unknown): string {
  const code = systemErrorCode(error);
  const words = code === undefined ? undefined : explanations[code];
  if (words !== undefined) return `${words} (${code})`;
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return (error instanceof Error ? error.message : String(error)) + cause;
}

const explanations: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOENT: 'no such file or folder',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'it is a folder',
  EEXIST: 'something else lies there',
  ENOSPC: 'no space left on the disk',
  EROFS: 'the file system is read-only',
  ELOOP: 'too many symbolic links',
  ENAMETOOLONG: 'the name is too long',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'host name not found',
  EAI_AGAIN: 'host name look-up failed for now',
  ETIMEDOUT: 'timed out',
  UND_ERR_SOCKET: 'the connection was closed early',
  UND_ERR_CONNECT_TIMEOUT: 'connecting timed out',
};
