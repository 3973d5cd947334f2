/** One GET by global fetch: bounded redirects, a limit on silence, and errors sorted by whether to try again. */

import { longestMessage, printable } from '../runtime/text.ts';
import { DownloadError, explainSystemError } from './errors.ts';

/** Redirects followed before giving up; a mirror needs one or two, a loop never ends. */
const maxRedirects = 5;

/** A failure that may pass: the connection broke, the server is busy. */
export class RetryableError extends Error {
  override readonly name: string = 'RetryableError';
  readonly status: number | undefined;
  /** milliseconds that the server asked to wait */
  readonly retryAfter: number | undefined;

  constructor(message: string, status?: number, retryAfter?: number, cause?: unknown) {
    super(printable(message, longestMessage), { cause });
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** The reason that a request is aborted with when nothing has come for too long. */
export const stalled: Error = new Error('the connection is silent');

export interface RequestPlan {
  url: string;
  /** milliseconds without a byte after which a connection counts as dead */
  stallTimeout: number;
  signal?: AbortSignal;
}

/** An answer whose body can still be read. */
export interface Answer {
  response: Response;
  /** ends the connection */
  abort: AbortController;
  /** call when done: frees the connection and forgets the caller's signal */
  close: () => void;
}

/**
 * Asks for plan.url. The answer's status is 200, 206 or 416 and its body is no web page.
 * Throws RetryableError for a broken or silent connection and for the statuses 408, 429 and 5xx, else DownloadError.
 */
export async function request(plan: RequestPlan, headers: Record<string, string>): Promise<Answer> {
  const abort = new AbortController();
  const passOn = (): void => abort.abort(plan.signal?.reason);
  plan.signal?.throwIfAborted();
  plan.signal?.addEventListener('abort', passOn, { once: true });
  const close = (): void => {
    plan.signal?.removeEventListener('abort', passOn);
    abort.abort();
  };
  try {
    const response = await follow(plan, headers, abort);
    checkStatus(plan, response);
    return { response, abort, close };
  } catch (error) {
    close();
    plan.signal?.throwIfAborted();
    throw error;
  }
}

/** Runs an operation and aborts the connection, with `stalled` as the reason, when it takes too long. */
export async function withStallTimeout<T>(
  milliseconds: number, abort: AbortController, operation: () => Promise<T> | undefined,
): Promise<T | undefined> {
  const timer = setTimeout(() => abort.abort(stalled), milliseconds);
  try {
    return await operation();
  } finally {
    clearTimeout(timer);
  }
}

async function follow(plan: RequestPlan, headers: Record<string, string>, abort: AbortController): Promise<Response> {
  let url = plan.url;
  for (let redirects = 0; ; redirects++) {
    const response = await get(plan, url, headers, abort);
    if (![301, 302, 303, 307, 308].includes(response.status)) return response;
    await response.body?.cancel();
    const location = response.headers.get('location');
    if (location === null || !URL.canParse(location, url)) {
      throw new DownloadError(`${plan.url}: a redirect (${response.status}) leads nowhere`, plan.url, response.status);
    }
    if (redirects === maxRedirects) {
      const message = `${plan.url}: more than ${maxRedirects} redirects, the last to ${location}`;
      throw new DownloadError(message, plan.url, response.status);
    }
    const next = new URL(location, url);
    const isWeb = next.protocol === 'https:' || next.protocol === 'http:';
    if (!isWeb || (new URL(url).protocol === 'https:' && next.protocol !== 'https:')) {
      const message = `${plan.url}: refused a redirect to ${next.href}, which is not secure`;
      throw new DownloadError(message, plan.url, response.status);
    }
    url = next.href;
  }
}

async function get(
  plan: RequestPlan, url: string, headers: Record<string, string>, abort: AbortController,
): Promise<Response> {
  try {
    // identity: with a transfer compressed on top, byte ranges and lengths would not be those of the file
    const init: RequestInit = {
      headers: { 'Accept-Encoding': 'identity', ...headers }, redirect: 'manual', signal: abort.signal,
    };
    return (await withStallTimeout(plan.stallTimeout, abort, () => fetch(url, init)))!;
  } catch (error) {
    const why = error === stalled ? `no answer for ${plan.stallTimeout} ms` : explainSystemError(error);
    throw new RetryableError(`${url}: ${why}`, undefined, undefined, error);
  }
}

function checkStatus(plan: RequestPlan, response: Response): void {
  const { status } = response;
  if (status === 408 || status === 429 || status >= 500) {
    const message = `${plan.url}: the server answered ${describeStatus(response)}`;
    throw new RetryableError(message, status, retryAfter(response));
  }
  if (status === 416) return;
  if (status !== 200 && status !== 206) {
    throw new DownloadError(`${plan.url}: the server answered ${describeStatus(response)}`, plan.url, status);
  }
  const type = response.headers.get('content-type') ?? '';
  if (/^(text\/html|application\/xhtml)/i.test(type)) {
    throw new DownloadError(
      `${plan.url}: the server sent a web page (${type}), expected an archive; ` +
      'a proxy or log-in page may stand in between',
      plan.url, status,
    );
  }
  const encoding = response.headers.get('content-encoding') ?? 'identity';
  if (encoding !== 'identity') {
    const message = `${plan.url}: the server sent content-encoding ${encoding}, which was not asked for`;
    throw new DownloadError(message, plan.url, status);
  }
}

function describeStatus({ status, statusText }: Response): string {
  return statusText === '' ? String(status) : `${status} ${statusText}`;
}

/** Retry-After in milliseconds, where it is given in seconds. */
function retryAfter(response: Response): number | undefined {
  const value = response.headers.get('retry-after');
  return value !== null && /^\d+$/.test(value) ? Number(value) * 1000 : undefined;
}
