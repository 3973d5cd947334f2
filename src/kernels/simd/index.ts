/** What the rest of the library needs of the SIMD backend and its team: all that refers to them goes through here. */

export { HeapExhausted } from '../memory/heap.ts';
export { currentTeam, existingTeam, expectedThreads, shutdown } from '../team/team.ts';
export { loadSimd, prepareSimd } from './backend.ts';
export { setWideProof, whyNotWide } from './wide.ts';
