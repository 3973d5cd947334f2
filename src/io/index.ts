/** Trained models, weights and arrays as bytes: model files, safetensors, NumPy's formats; scalars for TensorBoard. */

export {
  classifier, type AnyPicture, type Classifier, type ClassifierOptions, type Label, type Prediction,
  type PredictOptions,
} from './classifier.ts';
export { loadModel, saveModel, type LoadedModel } from './model-file.ts';
export { loadKerasWeights } from './keras.ts';
export {
  loadStateDict, saveStateDict, type LoadStateFileOptions, type SaveStateOptions,
} from './state-file.ts';
export { verifyModel, type Verification } from './verify.ts';
export { encodeSafetensors, decodeSafetensors, type SafetensorsContent } from './safetensors.ts';
export { encodeNpy, decodeNpy } from './npy.ts';
export { encodeNpz, decodeNpz, type EncodeNpzOptions, type DecodeNpzOptions } from './npz.ts';
export { encodeEvents, type EncodeEventsOptions, type ScalarEvent } from './tensorboard.ts';
