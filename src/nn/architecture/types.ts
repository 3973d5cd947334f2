/** What a network is made of, as plain data that JSON keeps: layers and their settings, without the weights. */

/** What JSON keeps. */
export type Plain = number | string | boolean | null | readonly Plain[] | { readonly [key: string]: Plain };

/** What a layer was made with, under the names of its options and arguments, with the defaults filled in. */
export type Settings = Readonly<Record<string, Plain>>;

/** A layer, or a module made of layers. */
export interface LayerArchitecture {
  /** the name that the layer is known by, for layers of this library that of its class */
  readonly layer: string;
  /** left out where there are none */
  readonly settings?: Settings;
  /** the modules that it is made of, by the field that each is; left out where there are none */
  readonly children?: Readonly<Record<string, Architecture>>;
  /** of the outermost: parameters that are another one of the network, by the names of both; left out for none */
  readonly shared?: Readonly<Record<string, string>>;
}

/** A module that stands earlier in the same network: the path is its first one, as in the names of the state. */
export interface SameLayer {
  readonly same: string;
}

export type Architecture = LayerArchitecture | SameLayer;
