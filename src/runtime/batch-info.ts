/** What is known of a batch beside its numbers. */

/** Which examples a batch is made of. */
export interface BatchInfo {
  /** their places in the data set */
  readonly indices: ArrayLike<number>;
  /** passes over the data set before this one */
  readonly epoch: number;
  /** their labels, which a transform that mixes examples may replace by those to be learnt; where there are labels */
  readonly labels?: Int32Array;
}

/** What the Solver and DataLoader tell a transform beside the images; those that need none of it take no notice. */
export interface TransformOptions {
  batch?: BatchInfo;
}
