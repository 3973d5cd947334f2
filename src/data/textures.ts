/**
 * The ten textures of the procedural data set, as signed distances: negative inside the figure, positive in the ground
 * around it, in units in which the texture repeats with period 1. A distance makes anti-aliasing a clamp: coverage of
 * a pixel is 0.5 - distance, in pixels, cut to 0..1 (J. C. Hart, "Sphere tracing", 1996, for distances as shapes).
 *
 * Only + - * / and the square root are used, which are exact to the last bit on every engine.
 */

/** A signed distance at a point. */
export type Distance = (x: number, y: number) => number;

/** One class: its name and how it is drawn. */
export interface Texture {
  readonly name: string;
  readonly distance: Distance;
  /** true where the pattern lies around the patch's centre and so is not shifted at random */
  readonly centred?: boolean;
}

/** The textures by label. None turns into another when an image is mirrored. */
export const textures: readonly Texture[] = [
  { name: 'horizontal stripes', distance: (_, y) => Math.abs(wrap(y)) - 0.25 },
  { name: 'vertical stripes', distance: (x) => Math.abs(wrap(x)) - 0.25 },
  { name: 'diagonal stripes', distance: (x, y) => Math.SQRT1_2 * (Math.abs(wrap(x + y)) - 0.25) },
  { name: 'zigzag', distance: (x, y) => Math.SQRT1_2 * (Math.abs(wrap(y + Math.abs(wrap(x)))) - 0.23) },
  { name: 'grid', distance: (x, y) => Math.min(Math.abs(wrap(x)), Math.abs(wrap(y))) - 0.12 },
  { name: 'dots', distance: (x, y) => length(wrap(x), wrap(y)) - 0.3 },
  { name: 'rings', distance: (x, y) => Math.abs(length(wrap(x), wrap(y)) - 0.33) - 0.1 },
  { name: 'crosses', distance: (x, y) => cross(wrap(x), wrap(y)) },
  { name: 'target', distance: (x, y) => Math.abs(wrap(length(x, y))) - 0.25, centred: true },
  { name: 'plain', distance: () => Infinity },
];

/** The outlines that a patch of texture can have, about 1 across from the centre; they tell nothing of the class. */
export const outlines: readonly Distance[] = [
  (x, y) => length(x, y) - 1,
  (x, y) => Math.max(Math.abs(x), Math.abs(y)) - 0.9,
  (x, y) => Math.SQRT1_2 * (Math.abs(x) + Math.abs(y) - 1.2),
  (x, y) => Math.max(Math.abs(x) * 0.866 + y * 0.5, -y) - 0.7,
];

/** The distance to the nearest multiple of the period, -0.5 to 0.5: what makes a pattern repeat. */
function wrap(v: number): number {
  return v - Math.floor(v + 0.5);
}

function length(x: number, y: number): number {
  return Math.sqrt(x * x + y * y);
}

/** A cross that stands on its arms' ends, like an x. */
function cross(x: number, y: number): number {
  const across = Math.SQRT1_2 * Math.abs(x + y);
  const along = Math.SQRT1_2 * Math.abs(x - y);
  return Math.min(Math.max(across - 0.42, along - 0.13), Math.max(across - 0.13, along - 0.42));
}
