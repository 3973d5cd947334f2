/** The course's networks. */

export { loadNetworkModule, networkModule } from './as-module.ts';
export { DeepConvNet } from './deep-conv-net.ts';
export type { DeepConvNetOptions } from './deep-conv-net.ts';
export { buildNetwork, describeNetwork } from './description.ts';
export { FastConvNet } from './fast-conv-net.ts';
export type { FastConvNetOptions } from './fast-conv-net.ts';
export { FullyConnectedNet } from './fully-connected-net.ts';
export type { FullyConnectedNetOptions } from './fully-connected-net.ts';
export type { Gradients, Model, StateTree, TrainableModel } from './model.ts';
export { Network } from './network.ts';
export type { NetworkOptions } from './options.ts';
export { ThreeLayerConvNet } from './three-layer-conv-net.ts';
export type { ThreeLayerConvNetOptions } from './three-layer-conv-net.ts';
export { TwoLayerNet } from './two-layer-net.ts';
export type { TwoLayerNetOptions } from './two-layer-net.ts';
export type { TestTimeViews } from './views.ts';
