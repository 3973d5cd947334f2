/** Where the visitor draws: by pointer, by keyboard, or with a picture put there. */

import { byId } from './elements.ts';

/** Side of what the network gets, and of the drawing area. */
const side = 32;
const size = 256;
/** Pixels that an arrow key moves the cursor. */
const stride = 8;

export class Pad {
  readonly #canvas: HTMLCanvasElement = byId<HTMLCanvasElement>('pad');
  readonly #context: CanvasRenderingContext2D;
  readonly #small: CanvasRenderingContext2D;
  readonly #onChange: (pixels: Uint8ClampedArray<ArrayBuffer>, byVisitor: boolean) => void;
  /** where the keyboard draws */
  #cursor: readonly [number, number] = [size / 2, size / 2];
  #isDown: boolean = false;
  #asked: boolean = false;
  #byVisitor: boolean = false;

  /**
   * Begins with a drawing, so that there is something to classify.
   * @param onChange given RGBA of 32x32 pixels after every change, at most once a picture of the screen
   */
  constructor(onChange: (pixels: Uint8ClampedArray<ArrayBuffer>, byVisitor: boolean) => void) {
    this.#onChange = onChange;
    this.#context = this.#canvas.getContext('2d', { willReadFrequently: true })!;
    const small = document.createElement('canvas');
    small.width = small.height = side;
    this.#small = small.getContext('2d', { willReadFrequently: true })!;
    this.#small.imageSmoothingQuality = 'high';
    this.#fill();
    for (let at = -size; at < size; at += 50) this.#stroke([at, 0], [at + size, size]);
    this.#changed(false);
    this.#listenToPointer();
    this.#listenToKeys();
    byId('pad-clear').addEventListener('click', () => {
      this.#fill();
      this.#changed();
    });
  }

  /** Puts a picture there, its middle square, and has it classified. */
  put(picture: CanvasImageSource & { readonly width: number; readonly height: number }): void {
    const edge = Math.min(picture.width, picture.height);
    this.#context.imageSmoothingEnabled = edge > side;
    this.#context.imageSmoothingQuality = 'high';
    const [left, top] = [(picture.width - edge) / 2, (picture.height - edge) / 2];
    this.#context.drawImage(picture, left, top, edge, edge, 0, 0, size, size);
    this.#changed();
  }

  #fill(): void {
    this.#context.fillStyle = byId<HTMLInputElement>('pad-ground').value;
    this.#context.fillRect(0, 0, size, size);
  }

  #changed(byVisitor: boolean = true): void {
    this.#byVisitor = byVisitor;
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#small.drawImage(this.#canvas, 0, 0, side, side);
      this.#onChange(this.#small.getImageData(0, 0, side, side).data, this.#byVisitor);
    });
  }

  #stroke(from: readonly [number, number], to: readonly [number, number]): void {
    const context = this.#context;
    context.strokeStyle = byId<HTMLInputElement>('pad-colour').value;
    context.lineWidth = byId<HTMLInputElement>('pad-width').valueAsNumber;
    context.lineCap = context.lineJoin = 'round';
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
    this.#changed();
  }

  #listenToPointer(): void {
    const canvas = this.#canvas;
    const placeOf = (event: PointerEvent): readonly [number, number] => {
      const box = canvas.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * size, ((event.clientY - box.top) / box.height) * size];
    };
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#cursor = placeOf(event);
      this.#stroke(this.#cursor, this.#cursor);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      const to = placeOf(event);
      this.#stroke(this.#cursor, to);
      this.#cursor = to;
    });
  }

  #listenToKeys(): void {
    const steps: Readonly<Record<string, readonly [number, number]>> = {
      ArrowLeft: [-stride, 0], ArrowRight: [stride, 0], ArrowUp: [0, -stride], ArrowDown: [0, stride],
    };
    this.#canvas.addEventListener('keydown', (event) => {
      const step = steps[event.key];
      if (step === undefined && event.key !== ' ') return;
      event.preventDefault();
      const [x, y] = this.#cursor;
      if (step === undefined) this.#isDown = true;
      else this.#cursor = [Math.min(size, Math.max(0, x + step[0])), Math.min(size, Math.max(0, y + step[1]))];
      if (this.#isDown) this.#stroke([x, y], this.#cursor);
    });
    for (const name of ['keyup', 'blur']) {
      this.#canvas.addEventListener(name, (event) => {
        if (!(event instanceof KeyboardEvent) || event.key === ' ') this.#isDown = false;
      });
    }
  }
}
