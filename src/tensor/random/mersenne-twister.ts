/**
 * MT19937, the generator under NumPy's legacy RandomState.
 * M. Matsumoto, T. Nishimura, "Mersenne Twister: A 623-Dimensionally Equidistributed Uniform Pseudo-Random Number
 * Generator", ACM Transactions on Modeling and Computer Simulation 8 (1998); seeding as revised by them in 2002.
 */

/** Words of state. */
export const stateLength = 624;
const middle = 397;

export class MersenneTwister {
  readonly key: Uint32Array = new Uint32Array(stateLength);
  /** words handed out since the last refill */
  position: number = stateLength;

  /** Starts the sequence of one 32-bit seed. */
  seed(seed: number): void {
    const { key } = this;
    key[0] = seed;
    for (let i = 1; i < stateLength; i++) {
      const previous = key[i - 1] ^ (key[i - 1] >>> 30);
      key[i] = Math.imul(1812433253, previous) + i;
    }
    this.position = stateLength;
  }

  /** Starts the sequence of a list of 32-bit seeds. */
  seedArray(seeds: readonly number[]): void {
    this.seed(19650218);
    const { key } = this;
    let i = 1;
    let j = 0;
    const wrap = (): void => {
      if (i < stateLength) return;
      key[0] = key[stateLength - 1];
      i = 1;
    };
    for (let k = Math.max(stateLength, seeds.length); k > 0; k--) {
      key[i] = (key[i] ^ Math.imul(key[i - 1] ^ (key[i - 1] >>> 30), 1664525)) + seeds[j] + j;
      i++;
      j = (j + 1) % seeds.length;
      wrap();
    }
    for (let k = stateLength - 1; k > 0; k--) {
      key[i] = (key[i] ^ Math.imul(key[i - 1] ^ (key[i - 1] >>> 30), 1566083941)) - i;
      i++;
      wrap();
    }
    key[0] = 0x80000000;
  }

  /** The next 32 bits, as an unsigned integer. */
  next32(): number {
    if (this.position === stateLength) this.refill();
    let word = this.key[this.position++];
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  }

  /** The next double in [0, 1): 27 bits of one draw above 26 of the next. */
  nextDouble(): number {
    const high = this.next32() >>> 5;
    const low = this.next32() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  private refill(): void {
    const { key } = this;
    for (let i = 0; i < stateLength; i++) {
      const next = i + 1 < stateLength ? i + 1 : 0;
      const distant = i + middle < stateLength ? i + middle : i + middle - stateLength;
      const joined = (key[i] & 0x80000000) | (key[next] & 0x7fffffff);
      key[i] = key[distant] ^ (joined >>> 1) ^ (-(joined & 1) & 0x9908b0df);
    }
    this.position = 0;
  }
}
