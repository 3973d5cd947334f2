/** Tensors as text, for people. */

import type { NestedNumbers, TensorCore } from './core.ts';
import { shapeText } from './shape.ts';

/** Above this size only the ends of every axis are shown. */
const longest = 200;
const ends = 3;

/** Shape, type and elements: all of a small tensor, the ends of every axis of a large one. */
export function format(t: TensorCore): string {
  const header = `Tensor ${shapeText(t.shape)} ${t.dtype}`;
  if (t.size === 0) return header;
  return `${header}${t.ndim > 1 ? '\n' : ' '}${text(t.size > longest ? shortened(t) : t.toArray(), 1)}`;
}

type Shown = NestedNumbers | readonly Shown[] | '...';

function shortened(t: TensorCore): Shown {
  if (t.ndim === 0) return t.item();
  const [[extent, ...shape], [stride, ...strides]] = [t.shape, t.strides];
  const row = (i: number): Shown => shortened(t.view(shape, strides, t.offset + i * stride));
  if (extent <= 2 * ends) return Array.from({ length: extent }, (_, i) => row(i));
  const first = Array.from({ length: ends }, (_, i) => row(i));
  const last = Array.from({ length: ends }, (_, i) => row(extent - ends + i));
  return [...first, '...' as const, ...last];
}

function text(shown: Shown, depth: number): string {
  if (!Array.isArray(shown)) return typeof shown === 'number' ? numberText(shown) : String(shown);
  const parts = (shown as readonly Shown[]).map((part) => text(part, depth + 1));
  const isRow = !Array.isArray(shown[0]);
  return `[${parts.join(isRow ? ', ' : `,\n${' '.repeat(depth)}`)}]`;
}

/** At most eight significant digits, without trailing zeros. */
function numberText(value: number): string {
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(8)));
}
