/** Pictures in memory: what this room reads, writes and draws. */

export { checkPicture, pictureToTensor, tensorToPicture } from '../data/picture.ts';
export type { Picture } from '../data/picture.ts';
