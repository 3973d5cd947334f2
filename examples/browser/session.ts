/** One network on one set of pictures: steps, measurements, answers. Knows nothing of messages. */

import { Rng, type Tensor } from 'tilegrad';
import { augment, randomFlip, randomShift, type LabelledImages, type Transform } from 'tilegrad/data';
import { Softmax, variable } from 'tilegrad/nn';
import { cosineSchedule, oneCycleSchedule, Solver, type RuleName, type Schedule } from 'tilegrad/train';

import { channels, scaled, scalingOf, side, type PictureSet, type Scaling } from './data.ts';
import { activationPanels, filterPanel } from './looks.ts';
import type { Panel } from './messages.ts';
import { buildNetwork, type Network } from './network.ts';
import type { Settings } from './settings.ts';

/** Pictures that are put through the network at once to measure. */
const chunk = 100;

const schedules: Readonly<Record<string, () => Schedule>> = { cycle: oneCycleSchedule, cosine: cosineSchedule };
const transforms: Readonly<Record<string, Transform>> = {
  flip: randomFlip,
  shift: augment(randomFlip, (x, rng, options) => randomShift(x, rng, { ...options, maxShift: 3, border: 'reflect' })),
};

export class Session {
  readonly set: PictureSet;
  readonly network: Network;
  readonly solver: Solver;
  /** of the pictures trained on; that of a file whose weights were loaded */
  scaling: Scaling;

  /** Throws RangeError or TypeError for a network that cannot be, with words for the visitor. */
  constructor(set: PictureSet, settings: Settings) {
    this.set = set;
    this.scaling = scalingOf(set);
    const rng = new Rng(settings.seed);
    this.network = buildNetwork(settings.layers, [channels, side, side], set.classNames.length, rng);
    const change = transforms[settings.augment];
    this.solver = new Solver(this.network.net, {
      XTrain: set.train.images, yTrain: set.train.labels, XVal: set.test.images, yVal: set.test.labels,
    }, {
      updateRule: settings.rule as RuleName, optimConfig: { learningRate: settings.rate }, batchSize: settings.batch,
      numEpochs: settings.epochs, schedule: schedules[settings.schedule]?.(), verbose: false,
      rng: new Rng(rng.next32()),
      transform: (x, source, options) => scaled(change?.(x, source, options) ?? x, this.scaling),
    });
  }

  get isFinished(): boolean {
    return this.solver.iteration >= this.solver.iterations;
  }

  /** The share of the first `count` pictures that the network as it stands classifies rightly. */
  accuracy({ images, labels }: LabelledImages, count: number): number {
    const tested = Math.min(count, labels.length);
    let right = 0;
    for (let start = 0; start < tested; start += chunk) {
      const end = Math.min(start + chunk, tested);
      const best = this.scores(images.slice([start, end])).argmax(1);
      for (let i = start; i < end; i++) if (best.get(i - start) === labels[i]) right++;
    }
    return right / tested;
  }

  /** Scores (N, classes) of pictures (N, 3, 32, 32), bytes. */
  scores(images: Tensor): Tensor {
    return this.network.net.predict(scaled(images, this.scaling));
  }

  /** Probabilities, picture by picture. */
  probabilities(images: Tensor): Float32Array<ArrayBuffer> {
    const softmax = new Softmax();
    const scores = this.scores(images);
    return new Float32Array(softmax.testing(() => softmax.forward(variable(scores)).value.clone()).data);
  }

  /** The first filters, and what the layers make of one picture (1, 3, 32, 32). */
  inside(picture: Tensor): { filters: Panel | null; activations: Panel[] } {
    const activations = activationPanels(this.network, scaled(picture, this.scaling));
    return { filters: filterPanel(this.network), activations };
  }
}
