/** The page: shows what the worker tells, and tells it what the visitor does. Nothing is computed here. */

import { Chart } from './curves.ts';
import { listenForFiles } from './dropping.ts';
import { byId, grouped, make, percent } from './elements.ts';
import { showInside } from './inside.ts';
import { LayerEditor } from './layer-editor.ts';
import type { FromWorker, Source, ToWorker } from './messages.ts';
import { Pad } from './pad.ts';
import { Bars, Predictions } from './predictions.ts';
import { SettingsForm } from './settings-form.ts';
import { readSettings, type Settings, writeSettings } from './settings.ts';

type Phase = 'starting' | 'busy' | 'ready' | 'running' | 'paused' | 'finished';

/** The buttons that choose pictures, and what those pictures are called. */
const sources = { 'use-shapes': 'Drawn shapes', 'open-folder': 'Your pictures', 'open-archive': 'CIFAR-10' };

/** The share of a new loss in the smoothed one. */
const newestShare = 0.1;

const [train, reset, save] = ['train', 'reset', 'save'].map((id) => byId<HTMLButtonElement>(id));
const status = byId('status');
const problem = byId('problem');
const progress = byId<HTMLProgressElement>('progress');

const lossChart = new Chart(byId('loss-chart'), {
  title: 'Loss', format: (value, top) => value.toFixed(top < 4 ? 2 : top < 40 ? 1 : 0),
  lines: [
    { name: 'each batch', look: 'faint', named: false },
    { name: 'training', look: 'first', named: true },
  ],
});
const accuracyChart = new Chart(byId('accuracy-chart'), {
  title: 'Accuracy', format: (value) => `${Math.round(100 * value)}%`, top: 1,
  lines: [
    { name: 'training', look: 'first', named: true },
    { name: 'test', look: 'second', named: true },
  ],
});

let settings: Settings;
let phase: Phase = 'starting';
/** the settings that the network at hand was built with */
let built: Settings | null = null;
let iterations = 1;
let perEpoch = 1;
let smoothed = NaN;
let classes = 10;
let ownBars: Bars | null = null;

const worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module', name: 'training' });
function tell(message: ToWorker): void {
  worker.postMessage(message);
}

const predictions = new Predictions(byId('predictions'), (place) => {
  lookedAt(place);
  tell({ type: 'inspect', place });
});
const editor = new LayerEditor((layers) => change({ layers }));
const form = new SettingsForm((changed) => change(changed));
const pad = new Pad((pixels, byVisitor) => {
  if (byVisitor) lookedAt(null);
  tell({ type: 'classify', pixels, look: byVisitor });
});

function lookedAt(place: number | null): void {
  predictions.mark(place);
  byId('inside-of').textContent = place === null
    ? 'What its layers make of your picture.'
    : `What its layers make of a test picture: ${predictions.sample(place).name}.`;
}

/** Takes up changed settings: at once while nothing was learnt, else with the next reset. */
function change(changed: Partial<Settings>): void {
  settings = { ...settings, ...changed };
  form.show(settings);
  history.replaceState(null, '', `#${writeSettings(settings)}`);
  if (phase === 'starting' || phase === 'ready' || phase === 'busy') prepare();
  else describe();
}

function prepare(source?: Source): void {
  problem.hidden = true;
  enter('busy');
  built = settings;
  tell({ type: 'prepare', settings, source });
}

function enter(next: Phase): void {
  phase = next;
  describe();
}

function describe(): void {
  const labels: Record<Phase, string> = {
    starting: 'Train', busy: 'Train', ready: 'Train', running: 'Pause', paused: 'Resume', finished: 'Train again',
  };
  train.textContent = labels[phase];
  train.disabled = phase === 'starting' || phase === 'busy';
  reset.disabled = phase !== 'running' && phase !== 'paused' && phase !== 'finished';
  save.disabled = phase === 'starting' || phase === 'busy';
  const isStale = built !== settings && !reset.disabled;
  reset.classList.toggle('wanted', isStale);
  const sentences: Record<Phase, string> = {
    starting: 'Starting', busy: status.textContent ?? '', ready: 'Ready to train',
    running: 'Training', paused: 'Paused', finished: 'Finished',
  };
  say(isStale ? `${sentences[phase]}. Changed settings take effect with Reset.` : sentences[phase]);
}

function say(words: string): void {
  if (status.textContent !== words) status.textContent = words;
}

train.addEventListener('click', () => {
  if (phase === 'finished') prepare();
  if (phase === 'running') {
    tell({ type: 'pause' });
    enter('paused');
    return;
  }
  tell({ type: 'run' });
  enter('running');
});
reset.addEventListener('click', () => prepare());
save.addEventListener('click', () => tell({ type: 'save' }));
byId('use-shapes').addEventListener('click', () => prepare({ kind: 'shapes' }));
byId('pad-sample').addEventListener('click', () => {
  const place = Math.floor(Math.random() * predictions.count);
  const canvas = byId('predictions').querySelectorAll('canvas')[place];
  if (canvas !== undefined) pad.put(canvas);
});
byId('link').addEventListener('click', () => {
  const address = `${location.origin}${location.pathname}#${writeSettings(settings)}`;
  navigator.clipboard.writeText(address).then(
    () => say('The link is copied'),
    () => say('The link is in the address bar'),
  );
});
listenForFiles({
  onArchive: (file) => prepare({ kind: 'archive', file }),
  onFolder: (files) => prepare({ kind: 'folder', files }),
  onWeights: (file) => {
    enter('busy');
    tell({ type: 'load', file });
  },
  onPicture: (file) => {
    createImageBitmap(file).then(
      (bitmap) => pad.put(bitmap),
      () => fail(`${file.name} is no picture that this browser can read`),
    );
  },
  onProblem: fail,
});

function fail(message: string): void {
  problem.textContent = message;
  problem.hidden = false;
}

/** A network stands: everything that was drawn of the one before is forgotten. */
function begin(message: Extract<FromWorker, { type: 'ready' }>): void {
  ({ iterations, perEpoch } = message);
  smoothed = NaN;
  lossChart.clear(iterations);
  accuracyChart.clear(iterations);
  progress.value = 0;
  byId('loss').textContent = byId('speed').textContent = '–';
  byId('epoch').textContent = `0 of ${settings.epochs}`;
  if (phase === 'busy') enter('ready');
}

function showProgress({ iteration, losses, imagesPerSecond }: Extract<FromWorker, { type: 'progress' }>): void {
  losses.forEach((loss, i) => {
    const step = iteration - losses.length + 1 + i;
    smoothed = Number.isNaN(smoothed) ? loss : smoothed + newestShare * (loss - smoothed);
    lossChart.add(0, step, loss);
    lossChart.add(1, step, smoothed);
  });
  progress.value = iteration / iterations;
  byId('loss').textContent = Number.isNaN(smoothed) ? '–' : smoothed.toFixed(3);
  byId('epoch').textContent = `${(iteration / perEpoch).toFixed(1)} of ${settings.epochs}`;
  if (imagesPerSecond > 0) byId('speed').textContent = grouped(Math.round(imagesPerSecond));
}

function showMeasured(message: Extract<FromWorker, { type: 'measured' }>): void {
  const { iteration, train: training, test, probabilities } = message;
  accuracyChart.add(0, iteration, training);
  accuracyChart.add(1, iteration, test);
  byId('accuracy').textContent = percent(test);
  predictions.show(probabilities);
}

function showData(message: Extract<FromWorker, { type: 'data' }>): void {
  const { name, classNames, samples, trainCount, testCount, notes } = message;
  classes = classNames.length;
  predictions.setUp(samples, classNames);
  lookedAt(0);
  ownBars = new Bars(byId('own-bars'), classNames, 10);
  byId('data-summary').textContent = `${name}, ${classes} classes`;
  byId('data-text').textContent = [
    `${grouped(trainCount)} pictures to train on, ${grouped(testCount)} to test with`, ...notes,
  ].join('; ');
  for (const [id, mine] of Object.entries(sources)) byId(id).setAttribute('aria-pressed', String(mine === name));
  editor.show(settings.layers, classes);
}

worker.onmessage = ({ data }: MessageEvent<FromWorker>): void => {
  switch (data.type) {
    case 'busy': return say(data.what + (data.share === undefined ? '' : `, ${Math.floor(10 * data.share) * 10}%`));
    case 'computing': {
      const threads = `${data.threads} ${data.threads === 1 ? 'thread' : 'threads'}`;
      const sentences = [`Computed by the ${data.backend} kernels on ${threads}.`, ...data.why];
      byId('computing').textContent = sentences.join(' ');
      return;
    }
    case 'data': return showData(data);
    case 'ready': return begin(data);
    case 'progress': return showProgress(data);
    case 'measured': return showMeasured(data);
    case 'inside': return showInside(data.filters, data.activations);
    case 'classified': return ownBars?.show(data.probabilities);
    case 'finished': return enter('finished');
    case 'loaded': {
      settings = built = readSettings(data.settings).settings;
      history.replaceState(null, '', `#${data.settings}`);
      form.show(settings);
      return;
    }
    case 'saved': {
      const address = URL.createObjectURL(new Blob([data.bytes]));
      make('a', { href: address, download: 'weights.safetensors' }).click();
      setTimeout(() => URL.revokeObjectURL(address), 1000);
      return;
    }
    case 'failed':
      fail(data.message);
      if (phase === 'running' || phase === 'busy') enter(data.state);
  }
};
worker.onerror = () => fail('The worker that trains could not be started. Serve this page over HTTP; see the console.');

/** Takes up what the address says. */
function followAddress(): void {
  const { settings: found, problems } = readSettings(location.hash.slice(1));
  settings = found;
  editor.show(settings.layers, classes);
  form.show(settings);
  prepare();
  if (problems.length > 0) fail(`The link says things that this page does not know: ${problems.join(', ')}`);
}

for (const details of document.querySelectorAll('details')) {
  details.open = matchMedia('(min-width: 64rem)').matches;
}
addEventListener('hashchange', followAddress);
// links within the page must not change the address, which holds the settings
for (const link of document.querySelectorAll<HTMLAnchorElement>('a[href^="#"]')) {
  link.addEventListener('click', (event) => {
    event.preventDefault();
    const target = byId<HTMLDetailsElement>(link.hash.slice(1));
    target.open = true;
    target.querySelector('summary')!.focus();
    target.scrollIntoView({ block: 'start' });
  });
}
followAddress();
