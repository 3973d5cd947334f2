/** The pictures of the network's inside. */

import { byId, make, paint } from './elements.ts';
import type { Panel } from './messages.ts';

const list = byId('inside');

/** Shows panels; canvases that are there are painted over, so that nothing flickers. */
export function showInside(filters: Panel | null, activations: readonly Panel[]): void {
  const panels = filters === null ? activations : [filters, ...activations];
  while (list.children.length > panels.length) list.lastElementChild!.remove();
  panels.forEach(({ title, width, height, pixels }, i) => {
    const figure = list.children[i] ??
      list.appendChild(make('figure', {}, make('figcaption'), make('canvas', { role: 'img' })));
    const [caption, canvas] = figure.children as unknown as [HTMLElement, HTMLCanvasElement];
    if (caption.textContent !== title) {
      caption.textContent = title;
      canvas.setAttribute('aria-label', title);
    }
    paint(canvas, width, height, pixels);
  });
  if (panels.length === 0) list.textContent = 'This network has no layers of pictures to look at.';
}
