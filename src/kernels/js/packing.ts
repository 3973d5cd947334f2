/**
 * Packing: copying part of a matrix into panels. A panel holds `width` lanes (rows of a left matrix, columns of a
 * right one); step p of all lanes lies together, so the micro-kernel reads straight on. Lanes beyond the matrix are
 * zero and add nothing.
 */

import type { FloatArray } from '../contract.ts';

/**
 * Packs a matrix in memory, where lane l at step p lies at l * laneStride + p * stepStride: one function for both
 * sides and for transposed matrices, which only swap the strides.
 */
export function packStrided(
  source: FloatArray, laneStride: number, stepStride: number, panels: Float64Array, width: number,
  lane: number, count: number, step: number, steps: number,
): void {
  for (let l = 0; l < count; l += width) {
    const panel = l * steps;
    const filled = Math.min(width, count - l);
    if (filled === 4 && width === 4) {
      const from = (lane + l) * laneStride + step * stepStride;
      packFourStrided(source, from, laneStride, stepStride, panels, panel, steps);
      continue;
    }
    for (let i = 0; i < width; i++) {
      if (i >= filled) clearLane(panels, panel + i, width, steps);
      else {
        let from = (lane + l + i) * laneStride + step * stepStride;
        for (let p = 0; p < steps; p++) {
          panels[panel + p * width + i] = source[from];
          from += stepStride;
        }
      }
    }
  }
}

/** A full panel of four lanes, one step at a time. */
function packFourStrided(
  source: FloatArray, start: number, laneStride: number, stepStride: number, panels: Float64Array, panel: number,
  steps: number,
): void {
  let a = start;
  let b = a + laneStride;
  let c = b + laneStride;
  let d = c + laneStride;
  for (let to = panel, end = panel + steps * 4; to < end; to += 4) {
    panels[to] = source[a];
    panels[to + 1] = source[b];
    panels[to + 2] = source[c];
    panels[to + 3] = source[d];
    a += stepStride;
    b += stepStride;
    c += stepStride;
    d += stepStride;
  }
}

/**
 * Packs a matrix that exists only as two tables: lane l at step p is source[laneOffsets[l] + stepOffsets[p]]. With a
 * padded image as the source, pixel offsets as one table and tap offsets as the other, this is im2col (or its
 * transpose), made directly in packed form.
 */
export function packGathered(
  source: Float64Array, laneOffsets: Int32Array, stepOffsets: Int32Array, panels: Float64Array, width: number,
  lane: number, count: number, step: number, steps: number,
): void {
  for (let l = 0; l < count; l += width) {
    const panel = l * steps;
    const filled = Math.min(width, count - l);
    if (filled === 4 && width === 4) {
      const a = laneOffsets[lane + l];
      const b = laneOffsets[lane + l + 1];
      const c = laneOffsets[lane + l + 2];
      const d = laneOffsets[lane + l + 3];
      let to = panel;
      // "| 0" tells the compiler that a sum of two table entries stays a 32-bit integer, which saves an overflow check.
      for (let p = step; p < step + steps; p++) {
        const offset = stepOffsets[p];
        panels[to] = source[(a + offset) | 0];
        panels[to + 1] = source[(b + offset) | 0];
        panels[to + 2] = source[(c + offset) | 0];
        panels[to + 3] = source[(d + offset) | 0];
        to += 4;
      }
      continue;
    }
    for (let i = 0; i < width; i++) {
      if (i >= filled) clearLane(panels, panel + i, width, steps);
      else {
        const base = laneOffsets[lane + l + i];
        for (let p = 0; p < steps; p++) panels[panel + p * width + i] = source[base + stepOffsets[step + p]];
      }
    }
  }
}

function clearLane(panels: Float64Array, start: number, width: number, steps: number): void {
  for (let p = 0; p < steps; p++) panels[start + p * width] = 0;
}
