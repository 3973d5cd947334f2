/**
 * Pictures brought to a size, on plain arrays. Each output pixel is the average of the input under a triangle that
 * reaches to the neighbouring output pixels, or to the neighbouring input pixels where the picture grows: bilinear
 * interpolation when enlarging, and antialiasing, which plain interpolation lacks, when reducing. Rows and columns are
 * done one after the other, since the triangle's weights are a product.
 */

/** Where the planes, rows and columns of pictures lie in an array: planes may be interleaved, and rows cropped. */
export interface Planes {
  readonly values: ArrayLike<number>;
  /** where each plane begins */
  readonly starts: readonly number[];
  readonly height: number;
  readonly width: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/** What the output pixels see along an axis. */
interface Footprints {
  /** the first input pixel of each */
  readonly first: Int32Array;
  /** `reach` weights for each, which add up to 1; where fewer are needed the last are 0 */
  readonly weights: Float64Array;
  /** how many of them each needs */
  readonly counts: Int32Array;
  readonly reach: number;
}

function footprints(size: number, outSize: number): Footprints {
  const scale = size / outSize;
  const half = Math.max(1, scale);
  const reach = Math.min(size, 2 * Math.ceil(half) + 1);
  const first = new Int32Array(outSize);
  const counts = new Int32Array(outSize);
  const weights = new Float64Array(outSize * reach);
  for (let o = 0; o < outSize; o++) {
    const center = (o + 0.5) * scale;
    first[o] = Math.max(0, Math.floor(center - half + 0.5));
    counts[o] = Math.min(size, Math.floor(center + half + 0.5)) - first[o];
    let sum = 0;
    for (let i = 0; i < counts[o]; i++) {
      const weight = Math.max(0, 1 - Math.abs(first[o] + i + 0.5 - center) / half);
      weights[o * reach + i] = weight;
      sum += weight;
    }
    for (let i = 0; i < counts[o]; i++) weights[o * reach + i] /= sum;
  }
  return { first, weights, counts, reach };
}

/** The planes at another size, one after the other: (planes, outHeight, outWidth), not rounded. */
export function resample(planes: Planes, outHeight: number, outWidth: number): Float64Array {
  const { values, starts, height, width, rowStride, columnStride } = planes;
  const rows = footprints(height, outHeight);
  const columns = footprints(width, outWidth);
  const { first, weights, counts, reach } = columns;
  const out = new Float64Array(starts.length * outHeight * outWidth);
  const narrow = new Float64Array(height * outWidth);
  for (let plane = 0; plane < starts.length; plane++) {
    for (let row = 0; row < height; row++) {
      const from = starts[plane] + row * rowStride;
      for (let ox = 0; ox < outWidth; ox++) {
        const weight = ox * reach;
        const count = counts[ox];
        let at = from + first[ox] * columnStride;
        let sum = 0;
        for (let i = 0; i < count; i++, at += columnStride) sum += weights[weight + i] * values[at];
        narrow[row * outWidth + ox] = sum;
      }
    }
    for (let oy = 0; oy < outHeight; oy++) {
      const to = (plane * outHeight + oy) * outWidth;
      for (let i = 0; i < rows.counts[oy]; i++) {
        const weight = rows.weights[oy * rows.reach + i];
        const from = (rows.first[oy] + i) * outWidth;
        for (let ox = 0; ox < outWidth; ox++) out[to + ox] += weight * narrow[from + ox];
      }
    }
  }
  return out;
}
