/**
 * einsum and its gradients, which are einsums again: the gradient at one operand is the product of dout with all other
 * operands, summed over every label that the operand does not have.
 *
 *   c = einsum('ij,jk->ik', a, b)        da = einsum('ik,jk->ij', dc, b)        db = einsum('ik,ij->jk', dc, a)
 */

import { einsum as product } from '../../tensor/einsum.ts';
import { tensordotAxes, type AxisPairs } from '../../tensor/linear-algebra.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Operation } from '../operation.ts';
import { unbroadcast } from './broadcast.ts';
import { moving } from './shape.ts';

/** The labels of the operands and of the output; axes under '...' get the last of the unused letters. */
function labelsOf(subscripts: string, operands: readonly Tensor[]): { terms: string[]; output: string } {
  const [inputs, output] = subscripts.replaceAll(' ', '').split('->');
  const unused = [...letters].filter((letter) => !subscripts.includes(letter)).join('');
  const named = (term: string, ndim: number): string =>
    term.replace('...', unused.slice(unused.length - (ndim - term.length + 3)));
  const terms = inputs.split(',').map((term, i) => named(term, operands[i].ndim));
  const hidden = [...unused].filter((letter) => terms.some((term) => term.includes(letter))).join('');
  const once = [...inputs].filter((label) => letters.includes(label) && inputs.split(label).length === 2).sort().join('');
  return { terms, output: output?.replace('...', hidden) ?? hidden + once };
}

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** An operand with each label once: of a repeated label the diagonal. */
const diagonal = moving(([x], term: string, labels: string) => product(`${term}->${labels}`, x));

/** As einsum of tensors. */
export const einsum: Operation<[subscripts: string]> = (operands, subscripts) => {
  const out = product(subscripts, ...operands);
  const { terms, output } = labelsOf(subscripts, operands);
  return {
    out,
    saved: operands,
    back: (dout, wanted) => operands.map((operand, i) => {
      if (!wanted[i]) return null;
      const labels = [...new Set(terms[i])];
      const others = terms.filter((_, j) => j !== i);
      const known = [output, ...others].join('');
      const present = labels.filter((label) => known.includes(label));
      const rest = operands.filter((_, j) => j !== i);
      let gradient = product(`${[output, ...others].join(',')}->${present.join('')}`, dout, ...rest);
      // a label that only this operand has was summed over: its elements share the gradient
      labels.forEach((label, axis) => { if (!present.includes(label)) gradient = gradient.expandDims(axis); });
      const { out: view, back } = diagonal([operand], terms[i], labels.join(''));
      gradient = fitted(gradient, view);
      return labels.length === terms[i].length ? gradient : back(gradient, [true])[0];
    }),
  };
};

/** A gradient in the shape of what it belongs to: stretched where it was summed over, summed where it was stretched. */
function fitted(gradient: Tensor, like: Tensor): Tensor {
  const wide = gradient.shape.map((extent, axis) => (extent === 1 ? like.shape[axis] : extent));
  return unbroadcast(gradient.broadcastTo(wide), like);
}

/** As tensordot of tensors: an einsum whose shared labels are the axes that meet. */
export const tensordot: Operation<[axes: number | AxisPairs]> = ([a, b], axes) => {
  const [ofA, ofB] = tensordotAxes(a, b, axes);
  const left = a.shape.map((_, i) => letters[i]);
  const right = b.shape.map((_, i) => (ofB.includes(i) ? left[ofA[ofB.indexOf(i)]] : letters[left.length + i]));
  const kept = [...left.filter((_, i) => !ofA.includes(i)), ...right.filter((_, i) => !ofB.includes(i))];
  return einsum([a, b], `${left.join('')},${right.join('')}->${kept.join('')}`);
};
