/** The table that leads from the course's names to the library's: every name of its right column exists. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as data from '../../src/data/index.ts';
import * as core from '../../src/index.ts';
import * as io from '../../src/io/index.ts';
import * as layers from '../../src/layers/index.ts';
import * as models from '../../src/models/index.ts';
import * as nn from '../../src/nn/index.ts';
import * as node from '../../src/node/index.ts';
import * as train from '../../src/train/index.ts';
import * as viz from '../../src/viz/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const rooms: readonly Readonly<Record<string, unknown>>[] = [core, layers, nn, models, train, data, io, viz, node];
const source = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile()).map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8')).join('\n');

/** Names by themselves that are no exports: a field or an argument. */
const fields: readonly string[] = ['forward', 'params', 'grad', 'shape', 'G'];

const declared = (name: string, sign: string = ':'): boolean => new RegExp(`\\b${name}\\??[${sign}]`).test(source);

function exists(span: string): boolean {
  if (span.startsWith('{')) return span.slice(1, -1).split(',').every((name) => declared(name.trim()));
  const [name, method] = span.split('.');
  const owners = rooms.filter((room) => Object.hasOwn(room, name)).map((room) => room[name]);
  if (method === undefined) return owners.length > 0 || (fields.includes(name) && declared(name, ':('));
  return owners.some((owner) => typeof owner === 'function' && method in (owner.prototype as object));
}

const page = readFileSync(join(root, 'notebooks', 'names.md'), 'utf8');
const rows = [...page.matchAll(/^\| (.*) \| (.*) \|$/gm)].filter(([, left]) => left.includes('`'));
const spansOf = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, span]) => span);
const spans = rows.map(([, left, right]) => [left, spansOf(right)] as const);

describe('the table of names', () => {
  it.each(spans)('%s', (_, names) => {
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !exists(name))).toEqual([]);
  });

  it('would notice a name that is not there', () => {
    expect(['convForwardNaiv', 'Tensor.reshap', '{ stride, padd }'].filter(exists)).toEqual([]);
  });
});
