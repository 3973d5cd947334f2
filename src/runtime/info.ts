/**
 * What info() tells. This file knows the machine and the settings; which kernels compute and on how many threads it is
 * told by the rooms above (kernels/status.ts puts the two together).
 */

import { features, missingFeatures } from './features.ts';
import { settings } from './settings.ts';

export interface Info {
  /** whose kernels compute: simd, js or naive */
  readonly backend: string;
  /** threads that share large kernels' work, the calling one included */
  readonly threads: number;
  /** 128-bit vectors are in use */
  readonly simd: boolean;
  /** fused multiply-add, which rounds differently from machine to machine, is in use */
  readonly relaxedSimd: boolean;
  /** kernels in tiles of pairs of vectors, which V8 joins into 256-bit ones, are in use */
  readonly wideSimd: boolean;
  /** memory can be shared between threads here */
  readonly sharedMemory: boolean;
  /** node, deno, bun, browser or unknown */
  readonly runtime: string;
  /** of the runtime, such as '24.1.0' */
  readonly version: string;
  /** logical processors */
  readonly cores: number;
  /** kernels that the backend lacks, each with the backend that stands in: 'sum: js'; with strict they throw */
  readonly fallbacks: readonly string[];
  /** what is off, why, and how to turn it on; one sentence each */
  readonly why: string[];
}

/** What the rooms above know. */
export interface Computing {
  readonly backend: string;
  readonly threads: number;
  readonly wide: boolean;
  readonly fallbacks: readonly string[];
  readonly why: readonly string[];
}

/** Puts together what computes and what the machine offers. */
export function describeComputing(computing: Computing): Info {
  const found = features();
  const wanted = settings();
  const simd = computing.backend === 'simd';
  const why = [...computing.why];
  if (simd && !found.relaxedSimd && wanted.relaxedSimd) {
    why.push('relaxed SIMD is asked for, but this engine has none; a newer one has it (Node 22 and later)');
  }
  if (simd && found.relaxedSimd && !wanted.relaxedSimd) {
    why.push('relaxed SIMD is off, because it rounds differently from machine to machine; it can be faster, and ' +
      'configure({ relaxedSimd: true }) turns it on');
  }
  if (!simd && wanted.backend !== 'auto') {
    why.push(`the ${computing.backend} backend was asked for; configure({ backend: 'auto' }) takes the fastest`);
  }
  if (simd && wanted.threads !== 'auto' && wanted.threads < found.cores) {
    why.push(`${wanted.threads} of ${found.cores} cores are used; configure({ threads: 'auto' }) uses all`);
  }
  return {
    backend: computing.backend,
    threads: computing.threads,
    simd,
    relaxedSimd: simd && found.relaxedSimd && wanted.relaxedSimd,
    wideSimd: computing.wide,
    sharedMemory: found.sharedMemory,
    runtime: found.runtime,
    version: found.version,
    cores: found.cores,
    fallbacks: computing.fallbacks,
    why: [...new Set([...missingFeatures(found), ...why])],
  };
}
