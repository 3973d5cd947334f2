/** The files that a training run leaves: history.json, report.html, filters.png, model.safetensors. */

import { join } from 'node:path';
import { saveModel } from '../../io/index.ts';
import type { Network } from '../../models/index.ts';
import { confusionMatrix, encodePng, filterGrid, reportHtml, tensorToPicture } from '../../viz/index.ts';
import type { Picture, SamplePrediction } from '../../viz/index.ts';
import { atomicWriteFile } from '../atomic-write.ts';
import type { RunData } from './run-data.ts';
import type { RunSettings } from './run-settings.ts';
import type { Predictions } from './evaluation.ts';
import { formatRate } from './progress.ts';

/** Everything that is known at the end of a run. */
export interface RunResult {
  readonly network: Network;
  readonly data: RunData;
  readonly predictions: Predictions;
  readonly lossHistory: readonly number[];
  readonly trainAccHistory: readonly number[];
  readonly valAccHistory: readonly number[];
  /** the epoch of each accuracy */
  readonly accuracyEpochs: readonly number[];
  readonly valAccuracy: number;
  readonly testAccuracy: number;
  /** seconds spent in training steps */
  readonly trainSeconds: number;
  readonly imagesPerSecond: number;
  readonly config: Readonly<Record<string, unknown>>;
  /** what the run can be built again from */
  readonly settings: RunSettings;
  readonly seed: number;
  /** false where the run was stopped early */
  readonly complete: boolean;
  /** finished, timeLimit, aborted or diverged */
  readonly stopReason: string;
}

/** Test images shown in the report. */
const sampleCount = 40;
/** Pixels a weight in filters.png, so that it can be looked at without a magnifying glass. */
const filterScale = 6;

/** Writes all files into folder, each as a whole, and returns the report's path. Rejects with DataFileError. */
export async function writeOutputs(folder: string, result: RunResult): Promise<string> {
  const { network, data, predictions: _, ...history } = result;
  const { classNames, mean, std } = data;
  const report = join(folder, 'report.html');
  await atomicWriteFile(join(folder, 'history.json'), `${JSON.stringify(history, null, 2)}\n`);
  await atomicWriteFile(join(folder, 'filters.png'), encodePng(filterPicture(network, data)));
  await atomicWriteFile(join(folder, 'model.safetensors'), saveModel(network, { classNames, mean, std, inputShape: data.XTest.shape.slice(1) }));
  await atomicWriteFile(report, reportOf(result));
  return report;
}

/** The first layer's weights as pictures: filters as they are, columns of a fully connected layer as images. */
function filterPicture(network: Network, data: RunData, background: 255 | 'transparent' = 255): Picture {
  const first = network.params.W1;
  if (first.ndim === 4) return filterGrid(first, { scale: filterScale, background });
  const shown = Math.min(first.shape[1], 100);
  const columns = first.slice(null, [0, shown]).transpose(1, 0).reshape(shown, ...data.XTest.shape.slice(1));
  return filterGrid(columns, { background });
}

function samplesOf({ data, predictions }: RunResult): SamplePrediction[] {
  return Array.from({ length: Math.min(sampleCount, data.yTest.length) }, (_, i) => {
    const image = data.XTest.slice(i).mul(data.std).add(data.mean);
    return {
      picture: tensorToPicture(image), actual: data.classNames[data.yTest[i]],
      predicted: data.classNames[predictions.classes[i]], confidence: predictions.confidence[i],
    };
  });
}

function reportOf(result: RunResult): string {
  const { network, data, predictions, lossHistory, config } = result;
  const count = (value: number): string => value.toLocaleString('en-US');
  return reportHtml({
    title: `${network.name} on ${data.name}`,
    subtitle:
      `${count(lossHistory.length)} steps of gradient descent${result.complete ? '' : ', stopped early'}. ` +
      'The network is the one that did best on the validation images.',
    runs: { run: result },
    summary: [
      { label: 'Test accuracy', value: percent(result.testAccuracy), note: `${count(data.yTest.length)} images never trained on` },
      { label: 'Validation accuracy', value: percent(result.valAccuracy), note: `${count(data.yVal.length)} images` },
      { label: 'Training time', value: `${result.trainSeconds.toFixed(1)} s`, note: 'in training steps' },
      { label: 'Speed', value: formatRate(result.imagesPerSecond), note: 'images a second' },
      { label: 'Parameters', value: count(parameterCount(network)), note: network.name },
    ],
    filters: filterPicture(network, data, 'transparent'),
    confusion: {
      counts: confusionMatrix(data.yTest, predictions.classes, data.classNames.length), classNames: data.classNames,
    },
    samples: samplesOf(result),
    configuration: flatten({ ...config, seed: result.seed }),
    footer: 'Made by tilegrad.',
  });
}

/** Nested settings become one level, named by their last part. */
function flatten(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const flat: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      Object.assign(flat, flatten(value as Record<string, unknown>));
    else if (value !== null) flat[name] = value;
  }
  return flat;
}

/** Numbers that the network learns. */
export function parameterCount(network: Network): number {
  return Object.values(network.params).reduce((sum, parameter) => sum + parameter.size, 0);
}

/** 0.451 -> "45.1%", a share of nothing -> "-" */
export function percent(share: number): string {
  return Number.isNaN(share) ? '-' : `${(100 * share).toFixed(1)}%`;
}
