/** Models as ONNX files, and back. Built as a file of its own, which pages that do without it leave out. */

export { decodeOnnx, verifyOnnx, type DecodeOnnxOptions } from './decode.ts';
export { encodeOnnx, type EncodeOnnxOptions } from './encode.ts';
export { onnxMetadata } from './file.ts';
export type { OnnxMetadata } from './metadata.ts';
export type { Sample as OnnxSample } from '../sample.ts';
