/**
 * The natural logarithm with about 70 correct bits before rounding.
 *
 * Math.log may differ in the last bit from engine to engine, and in V8 does so from the C library's in one of fourteen
 * arguments. Generators that promise the same bits everywhere therefore need a logarithm built from + - * / alone.
 *
 * Method: x = m 2^e with m near 1, and c = 1 + k/128 the grid point nearest to m. Then
 * log x = e log 2 + log c + 2 atanh(s), s = (m - c) / (m + c), where |s| < 1/256 makes the series of atanh short. The
 * logarithms of the grid points and s are pairs of doubles, high and low part (T. J. Dekker, "A floating-point
 * technique for extending the available precision", Numerische Mathematik 18, 1971).
 */

const gridBits = 7;
const gridSize = 2 ** gridBits;
/** m lies in [1 + lowest / 128, 1 + highest / 128], about [sqrt(1/2), sqrt(2)] */
const lowest = -38;
const highest = 54;

interface Table {
  /** log(1 + k / 128) at index k - lowest, high and low parts */
  readonly high: Float64Array;
  readonly low: Float64Array;
  /** log 2 = ln2High + ln2Low; the high part has few enough bits that e * ln2High is exact */
  readonly ln2High: number;
  readonly ln2Low: number;
}

let table: Table | null = null;
const bits: DataView = new DataView(new ArrayBuffer(8));

/** log x for a positive, finite, normal x. */
export function preciseLog(x: number): number {
  table ??= buildTable();
  bits.setFloat64(0, x);
  const word = bits.getUint32(0);
  let e = (word >>> 20) - 1023;
  bits.setUint32(0, (word & 0xfffff) | 0x3ff00000);
  let m = bits.getFloat64(0);
  if (m > Math.SQRT2) {
    m /= 2;
    e += 1;
  }
  const k = Math.round((m - 1) * gridSize);
  const c = 1 + k / gridSize;

  const numerator = m - c;
  const denominator = m + c;
  const denominatorLow = m - (denominator - c);
  const s = numerator / denominator;
  const sLow = (numerator - s * denominator - productError(s, denominator) - s * denominatorLow) / denominator;
  const z = s * s;
  const tail = s * z * (2 / 3 + z * (2 / 5 + z * (2 / 7 + z * (2 / 9 + z * (2 / 11)))));

  // The terms shrink: e log 2, log c, 2 s. Each sum keeps what it rounds away, and all small parts are added last.
  const first = e * table.ln2High;
  const second = table.high[k - lowest];
  const partial = first + second;
  const partialLow = sumError(first, second, partial);
  const total = partial + 2 * s;
  const totalLow = sumError(partial, 2 * s, total);
  return total + (partialLow + totalLow + e * table.ln2Low + table.low[k - lowest] + 2 * sLow + tail);
}

/** What a + b lost by rounding to sum. */
function sumError(a: number, b: number, sum: number): number {
  const bRounded = sum - a;
  return (a - (sum - bRounded)) + (b - bRounded);
}

/** What a * b lost by rounding: a * b + productError(a, b) is exact. */
function productError(a: number, b: number): number {
  const splitter = 2 ** 27 + 1;
  const aHigh = splitter * a - (splitter * a - a);
  const bHigh = splitter * b - (splitter * b - b);
  const aLow = a - aHigh;
  const bLow = b - bHigh;
  return ((aHigh * bHigh - a * b) + aHigh * bLow + aLow * bHigh) + aLow * bLow;
}

const fixedBits = 120n;

/** log(p / q) = 2 atanh((p - q) / (p + q)) by its series, in units of 2^-120. */
function fixedLog(p: number, q: number): bigint {
  const numerator = BigInt(p - q);
  const denominator = BigInt(p + q);
  let power = ((2n << fixedBits) * numerator) / denominator;
  let sum = 0n;
  for (let n = 1n; power !== 0n; n += 2n) {
    sum += power / n;
    power = (power * numerator * numerator) / (denominator * denominator);
  }
  return sum;
}

/** A number in units of 2^-120 as two doubles; the first keeps at most the bits down to 2^-lastBit. */
function split(value: bigint, lastBit: bigint | null): [high: number, low: number] {
  const unit = 2 ** Number(fixedBits);
  const rounded = lastBit === null ? value : (value >> (fixedBits - lastBit)) << (fixedBits - lastBit);
  const high = Number(rounded) / unit;
  return [high, Number(value - BigInt(high * unit)) / unit];
}

function buildTable(): Table {
  const high = new Float64Array(highest - lowest + 1);
  const low = new Float64Array(highest - lowest + 1);
  for (let k = lowest; k <= highest; k++) {
    [high[k - lowest], low[k - lowest]] = split(fixedLog(gridSize + k, gridSize), null);
  }
  const [ln2High, ln2Low] = split(fixedLog(2, 1), 40n);
  return { high, low, ln2High, ln2Low };
}
