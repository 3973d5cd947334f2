/** Weight and array files as bytes: safetensors, and NumPy's npy and npz; scalars for TensorBoard. */

export { encodeSafetensors, decodeSafetensors, type SafetensorsContent } from './safetensors.ts';
export { encodeNpy, decodeNpy } from './npy.ts';
export { encodeNpz, decodeNpz, type EncodeNpzOptions, type DecodeNpzOptions } from './npz.ts';
export { encodeEvents, type EncodeEventsOptions, type ScalarEvent } from './tensorboard.ts';
