/** Models, weights and arrays as bytes: model files, safetensors, NumPy's formats, ONNX; scalars for TensorBoard. */

export {
  classifier, type AnyPicture, type Classifier, type ClassifierOptions, type Label, type Prediction,
  type PredictOptions,
} from './classifier.ts';
export { loadModel, saveModel, type LoadedModel } from './model-file.ts';
export { loadKerasWeights } from './keras.ts';
export {
  loadStateDict, saveStateDict, type LoadStateFileOptions, type SaveStateOptions,
} from './state-file.ts';
export { verifyModel } from './verify.ts';
export type { Verification } from './sample.ts';
export {
  decodeOnnx, encodeOnnx, onnxMetadata, verifyOnnx, type DecodeOnnxOptions, type EncodeOnnxOptions, type OnnxMetadata,
  type OnnxSample,
} from './onnx/index.ts';
export * from './arrays.ts';
export { encodeIdx, decodeIdx } from './idx.ts';
export { encodeEvents, type EncodeEventsOptions, type ScalarEvent } from './tensorboard.ts';
