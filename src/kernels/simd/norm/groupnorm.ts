/** The host's side of groupnorm and layernorm (the kernels are in groupnorm-kernels.ts). */

import type { NormKernels } from '../../contract.ts';
import type { GroupGeometry } from '../../geometry.ts';
import { floatKind, launch, launched, scratch } from '../launch.ts';
import { normTuning } from '../tuning.ts';
import { groupnormBackward, groupnormForward, groupnormReduce, groupSizes } from './groupnorm-kernels.ts';

/** Examples of a task, where there may be so many tasks. */
function examplesPerTask(g: GroupGeometry, mostTasks: number): number {
  const exampleSize = g.groups * g.channelsPerGroup * g.inner;
  return Math.max(Math.ceil(normTuning.elementsPerTask / exampleSize), Math.ceil(g.batch / mostTasks));
}

function form(g: GroupGeometry): 'perElement' | 'perChannel' {
  return g.inner === 1 ? 'perElement' : 'perChannel';
}

export const groupnormKernels: Pick<NormKernels, 'groupnormForward' | 'groupnormBackward'> = {
  groupnormForward: launched((x, gamma, beta, out, mean, variance, g, eps) => {
    const perTask = examplesPerTask(g, Infinity);
    launch(groupnormForward[form(g)][floatKind(x)]).from(groupSizes, g).perTask(perTask)
      .x(x).gamma(gamma).beta(beta).eps(eps).out(out).mean(mean).variance(variance).run(Math.ceil(g.batch / perTask));
  }),

  groupnormBackward: launched((dout, x, gamma, mean, variance, dx, dgamma, dbeta, g, eps) => {
    const perTask = examplesPerTask(g, normTuning.gradientTasks);
    const tasks = Math.ceil(g.batch / perTask);
    const partial = scratch(tasks * 2 * gamma.byteLength);
    launch(groupnormBackward[form(g)][floatKind(x)]).from(groupSizes, g).perTask(perTask)
      .dout(dout).x(x).gamma(gamma).mean(mean).variance(variance).eps(eps).out(dx).partial(partial).run(tasks);
    launch(groupnormReduce[floatKind(x)]).partial(partial).tasks(tasks).channels(gamma.length)
      .dgamma(dgamma).dbeta(dbeta).run(1);
  }),
};
