/** What must be known of a class of modules for them to become data, and modules again. */

import type { Module } from '../module.ts';
import type { Settings } from './types.ts';

/** A value in a graph of layers: what a node gives, or an input. */
export type GraphValue = number;

/** Applies a module to values, and gives the value of its output. */
export type Through = (module: Module, ...inputs: GraphValue[]) => GraphValue;

/** How modules of one class become data, and modules again. */
export interface LayerDefinition<M extends Module = Module> {
  /** the class; its subclasses are other layers */
  readonly type: abstract new (...args: never[]) => M;
  /** what JSON keeps and build needs, without the weights */
  describe(module: M): Settings;
  /** the module of these settings, and of the modules that `children` has named; its weights are loaded afterwards */
  build(settings: Settings, children: Readonly<Record<string, Module>>): M;
  /** the modules that build is handed, by the field that each is; none unless given: build makes all that is in it */
  children?(module: M): Readonly<Record<string, Module>>;
  /**
   * how the module computes by those in it: the values that come out for those that go in, of which forward gives the
   * first. Left out, the module is a single layer.
   */
  trace?(module: M, inputs: readonly GraphValue[], through: Through): readonly GraphValue[];
}
