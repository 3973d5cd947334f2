/** What a network looks like from inside: its first filters, and what its layers make of a picture. */

import { Tensor } from 'tilegrad';
import { Conv2d, LeakyReLU, ReLU, type Variable, variable } from 'tilegrad/nn';
import { filterGrid, imageGrid } from 'tilegrad/viz';

import type { Panel } from './messages.ts';
import type { Network } from './network.ts';

/** Filters and channels shown at most, in rows of so many. */
const most = 16;
const columns = 8;

function panel(title: string, picture: ReturnType<typeof imageGrid>): Panel {
  const { width, height, data } = picture;
  return { title, width, height, pixels: new Uint8ClampedArray(data) };
}

function amount(count: number): string {
  return count <= most ? String(count) : `${most} of ${count}`;
}

/** The filters of the first layer where that is a convolution. */
export function filterPanel({ stages: [{ module, title }] }: Network): Panel | null {
  if (!(module instanceof Conv2d)) return null;
  const [count, , height, width] = module.weight.shape;
  const shown = module.weight.value.slice([0, most]).clone();
  const what = `${title}: ${amount(count)} filters of ${height}×${width}`;
  return panel(what, filterGrid(shown, { columns, background: 'transparent' }));
}

/**
 * What the layers make of a picture (1, 3, 32, 32): of each activation, and of each convolution that none follows, the
 * first channels, every one stretched over black to white.
 */
export function activationPanels({ net, stages }: Network, picture: Tensor): Panel[] {
  const panels: Panel[] = [];
  net.testing(() => {
    let out: Variable = variable(picture);
    for (const [i, { module, title }] of stages.entries()) {
      out = module.forward(out);
      if (out.ndim !== 4 || !isShown(stages, i)) continue;
      const [, count, height, width] = out.shape;
      const maps = out.value.slice(0, [0, most]).clone().reshape([Math.min(count, most), 1, height, width]);
      const what = `${title}: ${amount(count)} channels of ${height}×${width}`;
      panels.push(panel(what, imageGrid(maps, { columns, background: 'transparent' })));
    }
  });
  return panels;
}

/** Activations, and convolutions that come to the next convolution or the end without one. */
function isShown(stages: Network['stages'], place: number): boolean {
  const isActivation = ({ module }: Network['stages'][number]): boolean =>
    module instanceof ReLU || module instanceof LeakyReLU;
  if (isActivation(stages[place])) return true;
  if (!(stages[place].module instanceof Conv2d)) return false;
  const next = stages.slice(place + 1).find((stage) => isActivation(stage) || stage.module instanceof Conv2d);
  return next === undefined || !isActivation(next);
}
