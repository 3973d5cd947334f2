/** What the device tests share: a check is a name and what is wrong, and says so as soon as it is known. */

export interface Check {
  readonly name: string;
  /** what was measured, or what is wrong */
  readonly detail: string;
  readonly ok: boolean;
}

export type Report = (check: Check) => void;

/** Runs a check; what it throws is what is wrong, what it returns was measured. */
export async function check(report: Report, name: string, run: () => Promise<string>): Promise<void> {
  try {
    report({ name, detail: await run(), ok: true });
  } catch (error) {
    report({ name, detail: error instanceof Error ? `${error.name}: ${error.message}` : String(error), ok: false });
  }
}

/** Throws unless the value is at most the limit; returns both as text. */
export function atMost(what: string, value: number, limit: number): string {
  const text = `${what} ${value.toExponential(1)}, allowed ${limit}`;
  if (!(value <= limit)) throw new Error(text);
  return text;
}

/** Throws unless the two are equal. */
export function same(what: string, actual: unknown, expected: unknown): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    throw new Error(`${what}: ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`);
  }
}
