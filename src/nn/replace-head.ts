/** Fine-tuning: a network that knows some classes is given a last layer for others. */

import type { FloatType } from '../layers/arguments.ts';
import { checkInteger, describe } from '../runtime/check.ts';
import { buildModule, describeModule } from './architecture/describe.ts';
import { graphOf } from './architecture/graph.ts';
import { ownLayers } from './architecture/known.ts';
import type { Architecture, LayerArchitecture } from './architecture/types.ts';
import { type LayerOptions, layerOptions } from './defaults.ts';
import { uniformByFanIn } from './initializers.ts';
import { Linear } from './layers/linear.ts';
import { join, type Module, placesOf } from './module.ts';

/**
 * A copy of a network whose last layer, which must be a Linear, gives so many scores and begins anew; all others have
 * the weights of the original, which stays as it is. `model.freeze(); head.freeze(false)` lets only the head learn:
 *
 *   const { model, head } = replaceHead(loadModel(bytes).model as Module, 3);
 *
 * A course network is made a module first (networkModule). Throws TypeError for modules that are not known (see
 * registerLayer, which a class that has the last layer in it is given to with children and trace), RangeError where no
 * Linear is the last layer with weights.
 */
export function replaceHead<M extends Module>(
  module: M, numClasses: number, options: Pick<LayerOptions, 'rng'> = {},
): { model: M; head: Linear } {
  const fn = 'replaceHead';
  checkInteger(fn, 'numClasses', numClasses, 1);
  const { rng } = layerOptions(fn, options);
  const last = graphOf(fn, module, ', with children and trace where the last layer is in it').nodes.findLast((node) => node.module.parameters().length > 0);
  if (last === undefined || !(last.module instanceof Linear) || last.path === null || last.path === '') {
    const isOwn = last !== undefined && !ownLayers().has(last.layer);
    const hint = isOwn ? '; registerLayer is told by children and trace what is in a class of its own' : '';
    throw new RangeError(
      `${fn}: module must end in a Linear layer in a container, got ${describe(last?.layer ?? 'no layer')}${hint}`,
    );
  }
  const { path } = last;
  const { shared = {}, ...changed } = withSettings(describeModule(module), path, { outFeatures: numClasses });
  const places = placesOf(module).filter(([, each]) => each === last.module).map(([place]) => join(place, ''));
  const isHead = (name: string): boolean => places.some((place) => name.startsWith(place));
  const ties = Object.entries(shared).filter((names) => !names.some(isHead)); // what begins anew shares nothing
  const model = buildModule({ ...changed, shared: Object.fromEntries(ties) }) as M;
  const state = Object.entries(module.stateDict()).filter(([name]) => !isHead(name));
  model.loadStateDict(Object.fromEntries(state), { strict: false });
  const head = model.namedModules().find(([name]) => name === path)![1] as Linear;
  const [inputs] = head.weight.shape;
  const dtype = head.weight.dtype as FloatType;
  head.weight.value.assign(uniformByFanIn([inputs, numClasses], inputs, rng, dtype));
  head.bias?.value.assign(uniformByFanIn([numClasses], inputs, rng, dtype));
  return { model, head };
}

/** The architecture with other settings of the layer at a path. */
function withSettings(part: Architecture, path: string, settings: Readonly<Record<string, number>>): LayerArchitecture {
  const { children = {}, ...rest } = part as LayerArchitecture;
  if (path === '') return { ...part as LayerArchitecture, settings: { ...rest.settings, ...settings } };
  return {
    ...rest,
    children: Object.fromEntries(Object.entries(children).map(([name, child]) => {
      if (path !== name && !path.startsWith(join(name, ''))) return [name, child];
      return [name, withSettings(child, path.slice(name.length + 1), settings)];
    })),
  };
}
