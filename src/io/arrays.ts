/**
 * What reads and writes arrays alone. Nothing here needs a tensor's operations (tensor/core.ts), and in the built
 * package nothing here stands in one file with them, so that bundlers leave them out of programs that only do this.
 */

export { encodeSafetensors, decodeSafetensors, type SafetensorsContent } from './safetensors.ts';
export { encodeNpy, decodeNpy } from './npy.ts';
export { encodeNpz, decodeNpz, type EncodeNpzOptions, type DecodeNpzOptions } from './npz.ts';
