/** Short ways to find and make elements. */

/** The element of this id, which the page's HTML has. */
export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`no element has the id ${id}`);
  return element as Kind;
}

type Properties = Readonly<Record<string, string | number | boolean | ((event: Event) => void)>>;

/**
 * A new element: properties that begin with `on` are listeners, those with a dash or that are no fields of the element
 * are attributes.
 */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name, properties: Properties = {}, ...children: ReadonlyArray<Node | string>
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (typeof value === 'function') element.addEventListener(key.slice(2), value);
    else if (key in element) Object.assign(element, { [key]: value });
    else element.setAttribute(key, String(value));
  }
  element.append(...children);
  return element;
}

/** Puts RGBA pixels on a canvas of their size. */
export function paint(
  canvas: HTMLCanvasElement, width: number, height: number, pixels: Uint8ClampedArray<ArrayBuffer>,
): void {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext('2d')!.putImageData(new ImageData(pixels, width, height), 0, 0);
}

/** 0.934 as 93.4%. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}

/** 12345 as 12,345. */
export function grouped(count: number): string {
  return count.toLocaleString('en');
}
