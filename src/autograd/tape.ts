/**
 * The tape: a graph of what was computed, and the walk back through it (reverse-mode differentiation, Linnainmaa 1970).
 *
 * Every recorded operation is a node that holds its inputs and its way back. Nodes are numbered as they are made, so a
 * node's inputs always have smaller numbers: going through the nodes from the largest number down meets every node
 * after all that used its output, and its gradient is complete by then.
 *
 * A node's way back is used once; then it is spent, and what it had saved is given back to be used again, so that the
 * memory of a step shrinks as the way back proceeds.
 */

import { lend, type Lease, type Loan } from '../kernels/memory/allocate.ts';
import { shapeText } from '../tensor/check.ts';
import { overlap } from '../tensor/internal.ts';
import { sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { WayBack } from './operation.ts';

/** Where a gradient goes: on through the node that made the value, or into a leaf. */
export interface Target {
  readonly value: Tensor;
  readonly node: GraphNode | null;
  readonly requiresGrad: boolean;
  readonly grad: Tensor | null;
  /** takes up a gradient; `owned` says that nobody else has it, and that it may be written to */
  accumulate(gradient: Tensor, owned: boolean): void;
}

let made = 0;

/** One operation that was recorded. */
export class GraphNode {
  readonly name: string;
  readonly number: number = ++made;
  readonly inputs: readonly Target[];
  readonly wanted: readonly boolean[];
  /** null once it was used */
  #back: WayBack | null;
  #saved: readonly Tensor[];
  readonly #versions: readonly number[];
  #loans: readonly Loan[];
  /** whether the gradient may come as two tensors whose sum it is */
  readonly takesParts: boolean;
  /** set where the output's own gradient is to be kept */
  keeper: Target | null = null;

  constructor(
    name: string, inputs: readonly Target[], back: WayBack, saved: readonly Tensor[], loans: readonly Loan[],
    takesParts: boolean,
  ) {
    this.name = name;
    this.inputs = inputs;
    this.wanted = inputs.map((input) => input.requiresGrad);
    this.#back = back;
    this.#saved = saved;
    this.#versions = saved.map((tensor) => tensor.version);
    this.#loans = loans;
    this.takesParts = takesParts;
  }

  /** Throws unless the node can be gone back through: it is not spent, and what it saved is as it was. */
  check(fn: string): void {
    if (this.#back === null) {
      throw new Error(
        `${fn}: the graph was gone back through already, and ${this.name} has let go of what it had saved; ` +
        'pass { retainGraph: true } to the first backward, or compute the value again',
      );
    }
    this.#saved.forEach((tensor, i) => {
      if (tensor.version !== this.#versions[i]) {
        throw new Error(
          `${fn}: a value of shape ${shapeText(tensor.shape)} that ${this.name} needs for its gradient was changed in ` +
          'place after it was computed; change a clone() of it, or go back first',
        );
      }
    });
  }

  /** One gradient an input, in its shape and its element type. */
  goBack(dout: Tensor, more: Tensor | null): ReadonlyArray<Tensor | null> {
    const gradients = this.#back!(dout, this.wanted, more);
    return this.inputs.map(({ value }, i) => {
      const gradient = gradients[i] ?? null;
      if (gradient !== null && !sameShape(gradient.shape, value.shape)) {
        throw new RangeError(
          `${this.name}: the way back gave a gradient of shape ${shapeText(gradient.shape)} for an input of shape ` +
          `${shapeText(value.shape)}`,
        );
      }
      return gradient === null || gradient.dtype === value.dtype ? gradient : gradient.astype(value.dtype);
    });
  }

  /** Lets go of what was saved; returns the loans of its memory, where gradients may lie that came with the output. */
  spend(): readonly Loan[] {
    this.#back = null;
    this.#saved = [];
    const loans = this.#loans;
    this.#loans = [];
    return loans;
  }
}

/** All nodes from which the root was computed, the latest first. */
function reachable(root: GraphNode): GraphNode[] {
  const found = new Set<GraphNode>([root]);
  for (const node of found) {
    for (const input of node.inputs) if (input.node !== null && input.requiresGrad) found.add(input.node);
  }
  return [...found].sort((a, b) => b.number - a.number);
}

/** What a gradient goes to from root, and the name of an operation that uses it. */
export function leavesOf(root: GraphNode): Map<Target, string> {
  const leaves = new Map<Target, string>();
  for (const { name, inputs } of reachable(root)) {
    for (const input of inputs) if (input.node === null && input.requiresGrad) leaves.set(input, name);
  }
  return leaves;
}

/** What has come for a node: its gradient, or that and one more part of it; `owned` says that the first may change. */
interface Arrived {
  gradient: Tensor;
  owned: boolean;
  more: Tensor | null;
}

/** The gradients that wait for their nodes, and how many of them use each piece of memory that was lent for them. */
class Waiting {
  readonly #gradients: Map<GraphNode, Arrived> = new Map();
  readonly #uses: Map<Lease, number> = new Map();

  /** The gradient of the node's output, or the two parts of it; null where none came. */
  of(node: GraphNode): Readonly<Arrived> | null {
    return this.#gradients.get(node) ?? null;
  }

  /**
   * Adds to the node's gradient, whose first part is this walk's own where `owned` says so. What came last waits beside
   * the sum where the node takes parts.
   */
  add(node: GraphNode, gradient: Tensor, owned: boolean): void {
    const here = this.#gradients.get(node);
    this.#hold(gradient.lease, 1);
    if (here === undefined) {
      this.#gradients.set(node, { gradient, owned, more: null });
      return;
    }
    if (here.more !== null) this.#addUp(here, here.more);
    here.more = node.takesParts && node.keeper === null ? gradient : null;
    if (here.more === null) this.#addUp(here, gradient);
  }

  /** Adds a part, which is let go, to the sum: in place where that is this walk's own. */
  #addUp(here: Arrived, part: Tensor): void {
    if (here.owned) here.gradient.addInPlace(part);
    else {
      const sum = here.gradient.add(part);
      this.#hold(sum.lease, 1);
      this.#hold(here.gradient.lease, -1);
      here.gradient = sum;
      here.owned = true;
    }
    this.#hold(part.lease, -1);
  }

  /** Notes that the node's gradient is not needed any more. */
  drop(node: GraphNode): void {
    const here = this.#gradients.get(node);
    this.#gradients.delete(node);
    if (here === undefined) return;
    this.#hold(here.gradient.lease, -1);
    this.#hold(here.more?.lease ?? null, -1);
  }

  /** True where a gradient that waits lies in this memory. */
  uses(loan: Loan): boolean {
    return (this.#uses.get(loan) ?? 0) > 0;
  }

  #hold(lease: Lease | null, change: number): void {
    if (lease !== null) this.#uses.set(lease, (this.#uses.get(lease) ?? 0) + change);
  }
}

/**
 * Goes back from root, whose gradient is dout, and leaves the gradients of all leaves in them. Unless `retain` is set
 * the graph is spent afterwards. Throws Error, before any leaf has changed, for a spent graph and for a value that was
 * changed since it was saved.
 */
export function walkBack(fn: string, root: GraphNode, dout: Tensor, retain: boolean): void {
  const nodes = reachable(root);
  for (const node of nodes) node.check(fn);
  const waiting = new Waiting();
  waiting.add(root, dout, false);
  let lent: Loan[] = [];
  for (const node of nodes) {
    const arrived = waiting.of(node);
    if (arrived !== null) {
      lend(lent, () => pass(node, arrived.gradient, arrived.more, waiting, retain));
      waiting.drop(node);
    }
    if (!retain) lent.push(...node.spend());
    const holders = node.keeper === null ? node.inputs : [...node.inputs, node.keeper];
    lent = lent.filter((loan) => {
      const waits = waiting.uses(loan);
      if (!waits && !holders.some(({ grad }) => grad?.lease === loan)) loan.release();
      return waits;
    });
  }
}

/**
 * Hands the gradient at the node's output on to its inputs. One that is also another's, lies in dout's memory, or that
 * the way back may give again (retain) must be copied before anything is added to it; so must one that is stretched,
 * as that of a sum is: all that is added to its elements would land on one number.
 */
function pass(node: GraphNode, dout: Tensor, more: Tensor | null, waiting: Waiting, retain: boolean): void {
  node.keeper?.accumulate(dout, false);
  const gradients = node.goBack(dout, more);
  node.inputs.forEach((input, i) => {
    const gradient = gradients[i];
    if (gradient === null || !input.requiresGrad) return;
    const sole = gradients.indexOf(gradient) === i && gradients.lastIndexOf(gradient) === i;
    const owned = !retain && gradient.isContiguous && sole && !overlap(gradient, dout)
      && (more === null || !overlap(gradient, more));
    if (input.node === null) input.accumulate(gradient, owned);
    else waiting.add(input.node, gradient, owned);
  });
}
