/** Axes: round numbers to label them with, and how to write those numbers. */

/** The numbers under an axis, in ascending order, all multiples of `step` (a 1, 2 or 5 times a power of ten). */
export interface Ticks {
  readonly values: readonly number[];
  readonly step: number;
}

/**
 * Round numbers within low..high, about `count` of them: Heckbert, "Nice numbers for graph labels", Graphics Gems
 * (1990). With integers the step is at least 1.
 */
export function niceTicks(low: number, high: number, count: number, integers: boolean = false): Ticks {
  const range = high - low;
  if (!(range > 0) || !Number.isFinite(range)) return { values: [low], step: 1 };
  const rough = range / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const fraction = rough / power;
  let step = power * (fraction < 1.5 ? 1 : fraction < 3 ? 2 : fraction < 7 ? 5 : 10);
  if (integers) step = Math.max(1, step);
  const values: number[] = [];
  // Multiples computed from integers, not by adding up the step, so that 0.3 does not come out as 0.30000000000000004.
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  for (let i = first; i <= last; i++) values.push(i === 0 ? 0 : i * step);
  return { values, step };
}

/** 12345.678 with step 0.1 -> "12,345.7": as many decimals as the step needs, thousands separated. */
export function formatNumber(value: number, step: number): string {
  if (!Number.isFinite(value)) return String(value);
  const decimals = Math.min(10, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
  if (Math.abs(value) >= 1e9) return value.toExponential(2);
  return value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** 0.469 -> "46.9%". */
export function formatPercent(value: number, decimals: number = 1): string {
  return Number.isFinite(value) ? `${(100 * value).toFixed(decimals)}%` : String(value);
}

/**
 * The ticks of a logarithmic axis from low to high, both above 0: powers of ten, at most about eight of them; where
 * fewer than three fall into the range, their doubles and fivefolds too.
 */
export function powerTicks(low: number, high: number): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const every = Math.ceil((last - first) / 8);
  const ticks = (factors: readonly number[]): number[] => {
    const values: number[] = [];
    for (let power = first; power <= last; power++) {
      if (power % every === 0) values.push(...factors.map((factor) => Number(`${factor}e${power}`)));
    }
    return values.filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));
  };
  const powers = ticks([1]);
  return powers.length >= 3 ? powers : ticks([1, 2, 5]);
}

/** A value of a logarithmic axis: 0.001 to 9999 as it is, else as a power: "1e-4". */
export function formatPower(value: number): string {
  if (value >= 1e-3 && value < 1e4) return String(Number(value.toPrecision(4)));
  return Number(value.toPrecision(3)).toExponential();
}
