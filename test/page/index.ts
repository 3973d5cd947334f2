/**
 * `npm run test:page`: the page as a visitor meets it. With what it has set from the start it must tell over 90% of the
 * drawn shapes apart, and while it trains no task of the page's own thread may need more than 50 milliseconds of a
 * processor. Counted is processor time, since on a busy machine a task also waits; what a visitor would have waited is
 * printed beside it. Screenshots go to the folder that is named as an argument.
 */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

import { executablePath, hasChromium, textOf, Visits, waitForButton } from './visit.ts';

const wanted = 90;
const longest = 50;

/** What is read of an event of Chromium's trace; times in microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly dur?: number;
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

/** The tasks of the page's own thread: milliseconds of a processor, and on the clock, the longest first. */
function tasksOf(trace: Buffer): Array<{ processor: number; clock: number }> {
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: readonly TraceEvent[] };
  const place = ({ pid, tid }: TraceEvent): string => `${pid}/${tid}`;
  const threads = new Set(traceEvents
    .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(place));
  return traceEvents
    .filter((event) => event.name.endsWith('RunTask') && event.tdur !== undefined && threads.has(place(event)))
    .map(({ tdur = 0, dur = 0 }) => ({ processor: tdur / 1000, clock: dur / 1000 }))
    .sort((a, b) => b.processor - a.processor);
}

async function waitForAccuracy(page: Page, least: number): Promise<void> {
  await page.waitForFunction((bound) => parseFloat(document.querySelector('#accuracy')!.textContent) > bound, least);
}

async function train(visits: Visits): Promise<void> {
  const page = await visits.open('');
  await visits.browser.startTracing(page, { categories: ['toplevel', 'devtools.timeline'] });
  await page.evaluate(`{
    gaps = [];
    let last = performance.now();
    requestAnimationFrame(function next(now) { gaps.push(now - last); last = now; requestAnimationFrame(next); });
  }`);
  const started = performance.now();
  await page.click('#train');
  await waitForAccuracy(page, wanted);
  console.log(`over ${wanted}% after ${((performance.now() - started) / 1000).toFixed(1)} s`);
  await waitForButton(page, 'Train again');
  const seconds = (performance.now() - started) / 1000;
  const gaps = (await page.evaluate('gaps') as number[]).sort((a, b) => a - b);
  const tasks = tasksOf(await visits.browser.stopTracing());
  const accuracy = parseFloat(await textOf(page, 'accuracy'));
  const speed = await textOf(page, 'speed');
  const clock = Math.max(...tasks.map((task) => task.clock));
  console.log(`${accuracy}% of the test pictures after ${seconds.toFixed(1)} s; ${speed} pictures a second at the end`);
  console.log(`${(gaps.length / seconds).toFixed(1)} frames a second, ${gaps.at(-1)!.toFixed(0)} ms between two at most`);
  console.log(`longest task: ${tasks[0].processor.toFixed(1)} ms of a processor, ${clock.toFixed(1)} ms on the clock`);
  if (accuracy <= wanted) throw new Error(`the accuracy must be over ${wanted}%, it is ${accuracy}%`);
  if (tasks.length < 100) throw new Error(`the trace holds only ${tasks.length} tasks`);
  if (tasks[0].processor > longest) throw new Error(`a task of the page's thread takes ${tasks[0].processor} ms`);
  await page.close();
}

/** Pictures of the page at two widths, light and dark, while it trains and afterwards. */
async function look(visits: Visits, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const width of [1280, 390]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page: Page = await visits.open('', { viewport: { width, height: 844 }, colorScheme });
      const shoot = async (when: string): Promise<void> => {
        await page.screenshot({ path: join(folder, `${width}-${colorScheme}-${when}.png`), fullPage: true });
      };
      await shoot('before');
      await page.click('#train');
      await waitForAccuracy(page, 50);
      await shoot('during');
      await waitForButton(page, 'Train again');
      await shoot('after');
      await page.close();
    }
  }
  console.log(`screenshots are in ${folder}`);
}

if (!hasChromium) throw new Error(`there is no ${executablePath}: CHROMIUM names another Chromium`);
const visits = new Visits();
const [folder] = process.argv.slice(2);
try {
  await visits.start();
  await train(visits);
  if (folder !== undefined) await look(visits, folder);
  if (visits.problems.length > 0) throw new Error(`the page complained: ${visits.problems.join('; ')}`);
} finally {
  await visits.stop();
}
