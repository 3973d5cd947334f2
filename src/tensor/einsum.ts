/**
 * einsum: sums of products written as labelled axes (A. Einstein's convention, in NumPy's notation).
 *
 * Each operand first takes the diagonal of a label that it repeats. Then operands are joined from left to right: labels
 * that only one of the two has and nobody needs later are summed out, and what is left is one batched matrix product
 * over (shared and kept) x (left only) x (shared and summed) x (right only).
 */

import { describe } from '../runtime/check.ts';
import { checkTensor } from './check.ts';
import { ones } from './creation.ts';
import { isFloat, promote } from './dtype.ts';
import { matmul } from './linear-algebra.ts';
import { maxDimensions, shapeText, sizeOf } from './shape.ts';
import type { Tensor } from './tensor.ts';
import { transpose } from './views.ts';

/** A tensor whose axes carry labels: letters, or `.n` for the n-th axis from the end under an ellipsis. */
interface Labelled {
  readonly tensor: Tensor;
  readonly labels: readonly string[];
}

/**
 * `einsum('nchw,fchw->nf', x, w)`: one group of letters an operand, one letter an axis. A letter in several places runs
 * over them together; letters that are missing right of the arrow are summed over. Without an arrow the result has the
 * letters that occur once, in alphabetical order. `...` stands for any further axes, which broadcast and come first
 * when there is no arrow. Axes of size 1 stretch. Throws TypeError or RangeError for a bad notation or sizes that
 * do not agree.
 */
export function einsum(subscripts: string, ...tensors: Tensor[]): Tensor {
  if (typeof subscripts !== 'string') throw new TypeError(`einsum: subscripts must be a string, got ${describe(subscripts)}`);
  const [inputs, output, ...rest] = subscripts.replaceAll(' ', '').split('->');
  if (rest.length > 0) throw new RangeError(`einsum: subscripts ${describe(subscripts)} has more than one arrow`);
  const terms = inputs.split(',');
  if (terms.length !== tensors.length) {
    throw new RangeError(`einsum: subscripts names ${terms.length} operands, got ${tensors.length}`);
  }
  for (const [i, t] of tensors.entries()) checkTensor('einsum', `operand ${i}`, t);
  // All in the result's type from the start, as in NumPy: sums and products on the way would round or wrap in another.
  const dtype = tensors.map((t) => t.dtype).reduce(promote);
  const named = tensors.map((t, i) => {
    const { tensor, labels } = diagonal({ tensor: t, labels: parseTerm(terms[i], t.ndim, `operand ${i}`) }, i);
    return { tensor: tensor.dtype === dtype ? tensor : tensor.astype(dtype), labels };
  });
  const sizes = labelSizes(named);
  const hidden = [...sizes.keys()].filter((label) => label.startsWith('.')).sort().reverse();
  const wanted = output === undefined
    ? [...hidden, ...lettersOnce(terms)]
    : parseTerm(output, output.replace('...', '').length + hidden.length, 'the output');
  checkOutput(wanted, sizes, hidden);

  const stretched = named.map((operand) => stretch(operand, sizes));
  let joined = stretched[0];
  for (let i = 1; i < stretched.length; i++) {
    const later = new Set([...wanted, ...stretched.slice(i + 1).flatMap((operand) => operand.labels)]);
    joined = join(joined, stretched[i], later);
  }
  joined = sumOut(joined, new Set(wanted));
  const result = order(joined, wanted);
  const isView = tensors.some((t) => t.data === result.data);
  return isView ? result.astype(dtype) : result;
}

function parseTerm(term: string, ndim: number, what: string): string[] {
  const match = /^([a-zA-Z]*)(\.\.\.)?([a-zA-Z]*)$/.exec(term);
  if (match === null) throw new RangeError(`einsum: ${what} must be letters and at most one '...', got ${describe(term)}`);
  const [, before, ellipsis, after] = match;
  const letters = before.length + after.length;
  const hidden = ellipsis === undefined ? 0 : ndim - letters;
  if (letters + hidden !== ndim || hidden < 0) {
    throw new RangeError(`einsum: ${what} has ${ndim} axes, ${describe(term)} names ${letters}`);
  }
  // Two digits, so that labels sort as numbers do.
  const digits = String(maxDimensions).length;
  const unnamed = Array.from({ length: hidden }, (_, i) => `.${String(hidden - 1 - i).padStart(digits, '0')}`);
  return [...before, ...unnamed, ...after];
}

/** The letters that occur exactly once in all terms, in alphabetical order. */
function lettersOnce(terms: readonly string[]): string[] {
  const letters = [...terms.join('').replaceAll('.', '')];
  return letters.filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter)).sort();
}

/** Merges the axes of a repeated label into one that walks their diagonal. */
function diagonal({ tensor, labels }: Labelled, operand: number): Labelled {
  const unique = [...new Set(labels)];
  if (unique.length === labels.length) return { tensor, labels };
  const axesOf = (label: string): number[] => labels.flatMap((other, axis) => (other === label ? [axis] : []));
  for (const label of unique) {
    const extents = new Set(axesOf(label).map((axis) => tensor.shape[axis]));
    if (extents.size > 1) {
      throw new RangeError(`einsum: ${label} has sizes ${[...extents].join(' and ')} in operand ${operand} (${shapeText(tensor.shape)})`);
    }
  }
  const shape = unique.map((label) => tensor.shape[labels.indexOf(label)]);
  const strides = unique.map((label) => axesOf(label).reduce((total, axis) => total + tensor.strides[axis], 0));
  return { tensor: tensor.view(shape, strides, tensor.offset), labels: unique };
}

function labelSizes(operands: readonly Labelled[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { tensor, labels } of operands) {
    for (const [axis, label] of labels.entries()) {
      const extent = tensor.shape[axis];
      const known = sizes.get(label) ?? 1;
      if (extent !== known && extent !== 1 && known !== 1) {
        const name = label.startsWith('.') ? 'an axis under the ellipsis' : label;
        throw new RangeError(`einsum: ${name} has sizes ${known} and ${extent}`);
      }
      sizes.set(label, known === 1 ? extent : known);
    }
  }
  return sizes;
}

function checkOutput(wanted: readonly string[], sizes: ReadonlyMap<string, number>, hidden: readonly string[]): void {
  for (const [i, label] of wanted.entries()) {
    if (!sizes.has(label)) throw new RangeError(`einsum: the output names ${label}, which no operand has`);
    if (wanted.indexOf(label) !== i) throw new RangeError(`einsum: the output names ${label} twice`);
  }
  if (hidden.some((label) => !wanted.includes(label))) {
    throw new RangeError("einsum: the output must have '...' for the axes under the operands' ellipsis");
  }
}

function stretch({ tensor, labels }: Labelled, sizes: ReadonlyMap<string, number>): Labelled {
  return { tensor: tensor.broadcastTo(labels.map((label) => sizes.get(label)!)), labels };
}

/** Sums over the labels that are not kept. */
function sumOut({ tensor, labels }: Labelled, kept: ReadonlySet<string>): Labelled {
  const axes = labels.flatMap((label, axis) => (kept.has(label) ? [] : [axis]));
  if (axes.length === 0) return { tensor, labels };
  const rest = labels.filter((label) => kept.has(label));
  if (isFloat(tensor.dtype)) return { tensor: tensor.sum(axes), labels: rest };
  // a sum of integers comes as float64, which rounds where the type should wrap: a product with ones wraps
  const shape = rest.map((label) => tensor.shape[labels.indexOf(label)]);
  const summed = order({ tensor, labels }, [...rest, ...axes.map((axis) => labels[axis])]);
  const inner = sizeOf(axes.map((axis) => tensor.shape[axis]));
  const total = matmul(summed.reshape([sizeOf(shape), inner]), ones([inner], tensor.dtype));
  return { tensor: total.reshape(shape), labels: rest };
}

function join(a: Labelled, b: Labelled, later: ReadonlySet<string>): Labelled {
  const left = sumOut(a, new Set([...later, ...b.labels]));
  const right = sumOut(b, new Set([...later, ...a.labels]));
  const shared = left.labels.filter((label) => right.labels.includes(label));
  const batch = shared.filter((label) => later.has(label));
  const summed = shared.filter((label) => !later.has(label));
  const onlyLeft = left.labels.filter((label) => !shared.includes(label));
  const onlyRight = right.labels.filter((label) => !shared.includes(label));
  const sizes = labelSizes([left, right]);
  const extents = (labels: readonly string[]): number[] => labels.map((label) => sizes.get(label)!);
  const [rows, inner, columns] = [onlyLeft, summed, onlyRight].map((labels) => sizeOf(extents(labels)));
  const product = matmul(
    order(left, [...batch, ...onlyLeft, ...summed]).reshape([...extents(batch), rows, inner]),
    order(right, [...batch, ...summed, ...onlyRight]).reshape([...extents(batch), inner, columns]),
  );
  const labels = [...batch, ...onlyLeft, ...onlyRight];
  return { tensor: product.reshape(extents(labels)), labels };
}

function order({ tensor, labels }: Labelled, wanted: readonly string[]): Tensor {
  return labels.length === 0 ? tensor : transpose(tensor, wanted.map((label) => labels.indexOf(label)));
}
