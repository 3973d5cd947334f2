/** The worker: it alone computes. Training goes on step by step between messages, also while the page is hidden. */

import { info, ready, type Tensor } from 'tilegrad';

import { drawShapes, fromPixels, limited, readSource, toPixels, type PictureSet } from './data.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { Session } from './session.ts';
import { type Settings, writeSettings } from './settings.ts';
import { loadWeights, saveWeights } from './weights.ts';

/** Test pictures shown with their predictions. */
const shown = 12;
/** Pictures of the training and of the test set that a measurement under way takes; the last one takes all. */
const sampled = 500;
/** Milliseconds between two reports of progress, and between two measurements. */
const reportEvery = 100;
const measureEvery = 1000;

let settings: Settings;
/** the visitor's pictures; null while the shapes are used */
let own: PictureSet | null = null;
let shapes: PictureSet | null = null;
let session: Session | null = null;
/** counts what starts and stops training: a loop goes on for as long as nothing else did */
let turn = 0;
/** what is under way or waits, in its order; only a pause passes it */
let queue: Promise<void> = ready().then(describeComputing);
/** the visitor's own picture, and which picture is looked at: a shown one, or the own */
let drawn: Tensor | null = null;
let looked: number | 'drawn' = 0;
let reported = 0;
let reportedAt = 0;
let measuredAt = 0;
/** seconds of steps and pictures since the last report */
let spent = 0;
let speed = 0;

function tell(message: FromWorker, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}

/** Lets waiting messages in. A timer would be slowed down in a hidden tab; a message of one's own is not. */
function breathe(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

async function onProgress(what: string, share?: number): Promise<void> {
  tell({ type: 'busy', what, share });
  await breathe();
}

async function prepare({ settings: wanted, source }: Extract<ToWorker, { type: 'prepare' }>): Promise<void> {
  turn++;
  settings = wanted;
  if (source !== undefined) {
    own = await readSource(source, onProgress);
    looked = 0;
  }
  if (own === null && shapes?.train.labels.length !== settings.pictures) {
    await onProgress('Drawing pictures');
    shapes = drawShapes(settings.pictures);
  }
  const set = limited(own ?? shapes!, settings.pictures);
  session = new Session(set, settings);
  describeData(set);
  begin(false);
}

/** Takes up a file's weights, with the network that they belong to where the file says so. */
async function load(file: File): Promise<void> {
  if (session === null) throw new RangeError('Weights need pictures to be tried on: there are none yet');
  turn++;
  const found = await loadWeights(file, session.set, settings);
  ({ session, settings } = found);
  tell({ type: 'loaded', settings: writeSettings(settings) });
  describeData(session.set);
  begin(true);
}

function describeData({ name, classNames, train, test, notes }: PictureSet): void {
  const count = Math.min(shown, test.labels.length);
  tell({
    type: 'data', name, classNames, notes, trainCount: train.labels.length, testCount: test.labels.length,
    samples: Array.from({ length: count }, (_, i) => ({ label: test.labels[i], pixels: toPixels(test.images, i) })),
  });
}

/** A network stands that has not made a step: shows what it makes of things. */
function begin(loaded: boolean): void {
  const { solver } = session!;
  reported = 0;
  speed = 0;
  tell({ type: 'ready', iterations: solver.iterations, perEpoch: solver.iterationsPerEpoch, loaded });
  measure(loaded ? Infinity : sampled);
}

async function run(): Promise<void> {
  if (session === null || session.isFinished) return;
  const mine = ++turn;
  const { solver } = session;
  reportedAt = measuredAt = performance.now();
  try {
    while (turn === mine && !session.isFinished) {
      const started = performance.now();
      solver.step();
      const now = performance.now();
      spent += now - started;
      if (now - reportedAt > reportEvery) report(now);
      if (now - measuredAt > measureEvery) measure(sampled);
      await breathe();
    }
    if (session.solver !== solver) return;
    report(performance.now());
    measure(session.isFinished ? Infinity : sampled);
    if (session.isFinished) tell({ type: 'finished' });
  } catch (error) {
    fail(error);
  }
}

function report(now: number): void {
  const { solver: { lossHistory, iteration } } = session!;
  const losses = Float32Array.from(lossHistory.slice(reported));
  const pictures = Math.min(settings.batch, session!.set.train.labels.length);
  if (losses.length > 0) speed = 1000 * losses.length * pictures / spent;
  reported = iteration;
  spent = 0;
  reportedAt = now;
  tell({ type: 'progress', iteration, losses, imagesPerSecond: speed }, [losses.buffer]);
}

function measure(count: number): void {
  const { set: { train, test }, solver: { iteration } } = session!;
  const probabilities = session!.probabilities(test.images.slice([0, shown]));
  tell({
    type: 'measured', iteration, train: session!.accuracy(train, Math.min(count, sampled)),
    test: session!.accuracy(test, count), probabilities,
  }, [probabilities.buffer]);
  look();
  measuredAt = performance.now();
}

/** Shows the network's inside with the picture that is looked at, and what it takes the visitor's own for. */
function look(): void {
  const { test } = session!.set;
  const picture = looked === 'drawn' ? drawn! : test.images.slice([looked, looked + 1]);
  const { filters, activations } = session!.inside(picture);
  tell({ type: 'inside', filters, activations });
  if (drawn !== null) tell({ type: 'classified', probabilities: session!.probabilities(drawn) });
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const state = session === null ? 'starting'
    : session.isFinished ? 'finished'
      : session.solver.iteration === 0 ? 'ready' : 'paused';
  tell({ type: 'failed', message, state });
}

async function handle(message: Exclude<ToWorker, { type: 'pause' }>): Promise<void> {
  switch (message.type) {
    case 'prepare': return prepare(message);
    case 'run':
      void run(); // which goes on while further messages come
      return;
    case 'inspect':
      looked = message.place;
      if (session !== null) look();
      return;
    case 'classify':
      drawn = fromPixels(message.pixels);
      if (message.look) looked = 'drawn';
      if (session !== null) look();
      return;
    case 'save': {
      if (session === null) return;
      const bytes = saveWeights(session, settings);
      tell({ type: 'saved', bytes }, [bytes.buffer]);
      return;
    }
    case 'load': return load(message.file);
  }
}

self.onmessage = ({ data }: MessageEvent<ToWorker>): void => {
  if (data.type === 'pause') turn++;
  else queue = queue.then(() => handle(data)).catch(fail);
};

/** What computes, and why not faster; what a visitor can do nothing about is left out. */
function describeComputing(): void {
  const { backend, threads, why } = info();
  tell({ type: 'computing', backend, threads, why: why.filter((line) => !line.includes('configure(')) });
}
