import { describe, expect, it } from 'vitest';
import { formatDuration, formatRate, ProgressLine, progressText } from '../../src/node/commands/progress.ts';
import { steadyOutput } from '../../src/node/commands/terminal.ts';
import type { OutputStream } from '../../src/node/commands/terminal.ts';
import { formatMilliseconds, formatTable } from '../../src/node/commands/table.ts';
import { recording } from './terminal.ts';

const escape = '\u001b';
const state = {
  iteration: 412,
  iterations: 980,
  epoch: 0,
  numEpochs: 1,
  loss: 1.81234,
  imagesPerSecond: 1140.4,
  secondsLeft: 24.2,
};

/** What a terminal of this width would show: understands carriage return, line feed and "clear to the end". */
function screen(written: string, columns: number): string[] {
  const rows: string[][] = [[]];
  let column = 0;
  for (const token of written.match(new RegExp(`${escape}\\[K|[^]`, 'g')) ?? []) {
    const row = rows[rows.length - 1];
    if (token === '\r') column = 0;
    else if (token === `${escape}[K`) row.length = Math.min(row.length, column);
    else if (token === '\n') {
      rows.push([]);
      column = 0;
    } else {
      if (column === columns) {
        rows.push([]);
        column = 0;
      }
      rows[rows.length - 1][column++] = token;
    }
  }
  return rows.map((row) => row.join(''));
}

describe('progressText', () => {
  it('says iteration, epoch, loss, speed and time left', () => {
    expect(progressText(state)).toBe('iteration 412/980  epoch 1/1  loss 1.8123  1,140 images/s  0:25 left');
    expect(progressText({ ...state, iterations: null, numEpochs: null, epoch: 2 })).toBe(
      'iteration 412  epoch 3  loss 1.8123  1,140 images/s  0:25 left',
    );
    expect(progressText({ ...state, epoch: 1, secondsLeft: Infinity })).toBe(
      'iteration 412/980  epoch 1/1  loss 1.8123  1,140 images/s',
    );
  });

  it('formats durations and rates', () => {
    expect([0, 0.2, 59.5, 75, 3600, 4000.1].map(formatDuration)).toEqual([
      '0:00',
      '0:01',
      '1:00',
      '1:15',
      '1:00:00',
      '1:06:41',
    ]);
    expect([3.14159, 42.4, 12345.6].map(formatRate)).toEqual(['3.1', '42', '12,346']);
  });
});

describe('ProgressLine', () => {
  it.each([20, 40, 80, 200])('stays one line in a terminal of %i columns', (columns) => {
    let now = 0;
    const terminal = recording({ isTTY: true, columns });
    const line = new ProgressLine(terminal.stdout, () => now);
    for (let i = 0; i < 50; i++) {
      now += 100;
      line.update({ ...state, iteration: 10 ** (i % 5), loss: i });
      expect(screen(terminal.out(), columns)).toHaveLength(1);
      expect(screen(terminal.out(), columns)[0]).toBe(
        progressText({ ...state, iteration: 10 ** (i % 5), loss: i }).slice(0, columns - 1),
      );
    }
    expect(terminal.out()).not.toContain('\n');
  });

  it('takes a width of 0 for an unknown one', () => {
    const terminal = recording({ isTTY: true, columns: 0 });
    new ProgressLine(terminal.stdout, () => 0).update(state);
    expect(screen(terminal.out(), 80)).toEqual([progressText(state)]);
  });

  it('draws in one write, not more often than twelve times a second', () => {
    let now = 0;
    const writes: string[] = [];
    const line = new ProgressLine(recording({ isTTY: true, onWrite: (text) => writes.push(text) }).stdout, () => now);
    for (; now < 1000; now++) line.update(state);
    expect(writes.length).toBeGreaterThan(8);
    expect(writes.length).toBeLessThanOrEqual(13);
    for (const text of writes)
      expect([text.startsWith('\riteration '), text.lastIndexOf('\r'), text.endsWith(`${escape}[K`)]).toEqual([
        true,
        0,
        true,
      ]);
  });

  it('keeps printed lines above itself and leaves nothing behind', () => {
    const terminal = recording({ isTTY: true, columns: 60 });
    const line = new ProgressLine(terminal.stdout, () => 0);
    line.print('first');
    line.update(state);
    line.print('second');
    line.update(state);
    expect(screen(terminal.out(), 60)).toEqual(['first', 'second', progressText(state).slice(0, 59)]);
    line.clear();
    line.print('third');
    expect(screen(terminal.out(), 60)).toEqual(['first', 'second', 'third', '']);
  });

  it('says in a terminal that accuracy is being measured, however soon after the last drawing', () => {
    const terminal = recording({ isTTY: true, columns: 100 });
    const line = new ProgressLine(terminal.stdout, () => 0);
    line.update(state);
    line.update({ ...state, measuring: true });
    expect(screen(terminal.out(), 100)[0]).toBe(`${progressText(state)}  measuring accuracy`);
  });

  it('writes plain lines, rarely, where there is no terminal', () => {
    let now = 0;
    const pipe = recording();
    const line = new ProgressLine(pipe.stdout, () => now);
    for (; now < 5000; now += 10) line.update({ ...state, iteration: now, measuring: true });
    line.print('end');
    line.clear();
    const lines = pipe.out().split('\n');
    expect(lines).toHaveLength(5);
    expect(lines.slice(0, 3).map((text) => text.split(' ')[1])).toEqual(['0/980', '2000/980', '4000/980']);
    for (const unwanted of ['\r', escape, 'measuring']) expect(pipe.out()).not.toContain(unwanted);
  });
});

describe('steadyOutput', () => {
  const stream = (change: Partial<OutputStream>): OutputStream =>
    ({ write: () => true, on: () => undefined, ...change });

  it('survives a stream that fails, says so once and writes no more', () => {
    const failures: unknown[] = [];
    const thrown = new Error('full');
    let writes = 0;
    const write = (): never => {
      writes++;
      throw thrown;
    };
    const note = (error: unknown): void => void failures.push(error);
    const throwing = steadyOutput(stream({ write }), () => false, note);
    throwing.write('a');
    throwing.write('b');
    expect([failures, writes]).toEqual([[thrown], 1]);

    let emit: (error: Error) => void = () => undefined;
    const on = (_: string, listener: (error: Error) => void): void => {
      emit = listener;
    };
    const emitting = steadyOutput(stream({ on }), () => false, note);
    emit(thrown);
    emit(thrown);
    emitting.write('a');
    expect(failures).toHaveLength(2);
  });

  it('takes a dumb terminal for none and a width of 0 for unknown', () => {
    const terminal = stream({ isTTY: true, columns: 0 });
    expect(steadyOutput(terminal, () => true, () => undefined).isTTY).toBe(false);
    const steady = steadyOutput(terminal, () => false, () => undefined);
    expect([steady.isTTY, steady.columns]).toEqual([true, undefined]);
  });
});

describe('tables', () => {
  it('align their columns', () => {
    expect(
      formatTable(
        ['name', 'time'],
        [
          ['a', '10 ms'],
          ['longer', '1 ms'],
        ],
        ['left', 'right'],
      ),
    ).toBe('name     time\n------  -----\na       10 ms\nlonger   1 ms\n');
    expect([0.001234, 0.4567, 12.345, 99.96, 123.4, 1234.5].map(formatMilliseconds)).toEqual([
      '0.00123 ms',
      '0.457 ms',
      '12.3 ms',
      '100 ms',
      '123 ms',
      '1.23 s',
    ]);
  });
});
