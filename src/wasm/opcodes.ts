/**
 * The WebAssembly instructions that the library emits, one line an instruction:
 *
 *   name: [binary code, 'operand types -> result types', kind of immediate]
 *
 * A code of two numbers is a prefix byte and a LEB128 sub-code. Operands are listed in the order they are pushed. The
 * table follows the core specification with its SIMD, bulk memory, threads and relaxed SIMD parts; every line is
 * executed by test/wasm/opcodes.test.ts, which fails for a line without a case.
 */

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

const table = {
  // control; '*' means that the types depend on the immediates or the enclosing block
  unreachable: [0x00, '*'],
  nop: [0x01, '->'],
  block: [0x02, '*', 'block'],
  loop: [0x03, '*', 'block'],
  if: [0x04, '*', 'block'],
  else: [0x05, '*'],
  end: [0x0b, '*'],
  br: [0x0c, '*', 'label'],
  br_if: [0x0d, '*', 'label'],
  br_table: [0x0e, '*', 'labels'],
  return: [0x0f, '*'],
  call: [0x10, '*', 'function'],
  call_indirect: [0x11, '*', 'type'],
  drop: [0x1a, '*'],
  select: [0x1b, '*'],

  // variables
  'local.get': [0x20, '*', 'local'],
  'local.set': [0x21, '*', 'local'],
  'local.tee': [0x22, '*', 'local'],
  'global.get': [0x23, '*', 'global'],
  'global.set': [0x24, '*', 'global'],

  // memory: the immediate names the bytes that are accessed, which is the alignment too
  'i32.load': [0x28, 'i32 -> i32', 'memory4'],
  'i64.load': [0x29, 'i32 -> i64', 'memory8'],
  'f32.load': [0x2a, 'i32 -> f32', 'memory4'],
  'f64.load': [0x2b, 'i32 -> f64', 'memory8'],
  'i32.load8_s': [0x2c, 'i32 -> i32', 'memory1'],
  'i32.load8_u': [0x2d, 'i32 -> i32', 'memory1'],
  'i32.load16_s': [0x2e, 'i32 -> i32', 'memory2'],
  'i32.load16_u': [0x2f, 'i32 -> i32', 'memory2'],
  'i64.load32_s': [0x34, 'i32 -> i64', 'memory4'],
  'i64.load32_u': [0x35, 'i32 -> i64', 'memory4'],
  'i32.store': [0x36, 'i32 i32 ->', 'memory4'],
  'i64.store': [0x37, 'i32 i64 ->', 'memory8'],
  'f32.store': [0x38, 'i32 f32 ->', 'memory4'],
  'f64.store': [0x39, 'i32 f64 ->', 'memory8'],
  'i32.store8': [0x3a, 'i32 i32 ->', 'memory1'],
  'i32.store16': [0x3b, 'i32 i32 ->', 'memory2'],
  'i64.store32': [0x3e, 'i32 i64 ->', 'memory4'],
  'memory.size': [0x3f, '-> i32', 'zero'],
  'memory.grow': [0x40, 'i32 -> i32', 'zero'],
  'memory.copy': [[0xfc, 0x0a], 'i32 i32 i32 ->', 'zeros'],
  'memory.fill': [[0xfc, 0x0b], 'i32 i32 i32 ->', 'zero'],

  // constants
  'i32.const': [0x41, '-> i32', 'i32'],
  'i64.const': [0x42, '-> i64', 'i64'],
  'f32.const': [0x43, '-> f32', 'f32'],
  'f64.const': [0x44, '-> f64', 'f64'],

  // i32
  'i32.eqz': [0x45, 'i32 -> i32'],
  'i32.eq': [0x46, 'i32 i32 -> i32'],
  'i32.ne': [0x47, 'i32 i32 -> i32'],
  'i32.lt_s': [0x48, 'i32 i32 -> i32'],
  'i32.lt_u': [0x49, 'i32 i32 -> i32'],
  'i32.gt_s': [0x4a, 'i32 i32 -> i32'],
  'i32.gt_u': [0x4b, 'i32 i32 -> i32'],
  'i32.le_s': [0x4c, 'i32 i32 -> i32'],
  'i32.le_u': [0x4d, 'i32 i32 -> i32'],
  'i32.ge_s': [0x4e, 'i32 i32 -> i32'],
  'i32.ge_u': [0x4f, 'i32 i32 -> i32'],
  'i32.clz': [0x67, 'i32 -> i32'],
  'i32.ctz': [0x68, 'i32 -> i32'],
  'i32.popcnt': [0x69, 'i32 -> i32'],
  'i32.add': [0x6a, 'i32 i32 -> i32'],
  'i32.sub': [0x6b, 'i32 i32 -> i32'],
  'i32.mul': [0x6c, 'i32 i32 -> i32'],
  'i32.div_s': [0x6d, 'i32 i32 -> i32'],
  'i32.div_u': [0x6e, 'i32 i32 -> i32'],
  'i32.rem_s': [0x6f, 'i32 i32 -> i32'],
  'i32.rem_u': [0x70, 'i32 i32 -> i32'],
  'i32.and': [0x71, 'i32 i32 -> i32'],
  'i32.or': [0x72, 'i32 i32 -> i32'],
  'i32.xor': [0x73, 'i32 i32 -> i32'],
  'i32.shl': [0x74, 'i32 i32 -> i32'],
  'i32.shr_s': [0x75, 'i32 i32 -> i32'],
  'i32.shr_u': [0x76, 'i32 i32 -> i32'],
  'i32.rotl': [0x77, 'i32 i32 -> i32'],
  'i32.rotr': [0x78, 'i32 i32 -> i32'],

  // i64
  'i64.eqz': [0x50, 'i64 -> i32'],
  'i64.eq': [0x51, 'i64 i64 -> i32'],
  'i64.ne': [0x52, 'i64 i64 -> i32'],
  'i64.lt_s': [0x53, 'i64 i64 -> i32'],
  'i64.lt_u': [0x54, 'i64 i64 -> i32'],
  'i64.gt_s': [0x55, 'i64 i64 -> i32'],
  'i64.gt_u': [0x56, 'i64 i64 -> i32'],
  'i64.le_s': [0x57, 'i64 i64 -> i32'],
  'i64.le_u': [0x58, 'i64 i64 -> i32'],
  'i64.ge_s': [0x59, 'i64 i64 -> i32'],
  'i64.ge_u': [0x5a, 'i64 i64 -> i32'],
  'i64.clz': [0x79, 'i64 -> i64'],
  'i64.ctz': [0x7a, 'i64 -> i64'],
  'i64.popcnt': [0x7b, 'i64 -> i64'],
  'i64.add': [0x7c, 'i64 i64 -> i64'],
  'i64.sub': [0x7d, 'i64 i64 -> i64'],
  'i64.mul': [0x7e, 'i64 i64 -> i64'],
  'i64.div_s': [0x7f, 'i64 i64 -> i64'],
  'i64.div_u': [0x80, 'i64 i64 -> i64'],
  'i64.rem_s': [0x81, 'i64 i64 -> i64'],
  'i64.rem_u': [0x82, 'i64 i64 -> i64'],
  'i64.and': [0x83, 'i64 i64 -> i64'],
  'i64.or': [0x84, 'i64 i64 -> i64'],
  'i64.xor': [0x85, 'i64 i64 -> i64'],
  'i64.shl': [0x86, 'i64 i64 -> i64'],
  'i64.shr_s': [0x87, 'i64 i64 -> i64'],
  'i64.shr_u': [0x88, 'i64 i64 -> i64'],
  'i64.rotl': [0x89, 'i64 i64 -> i64'],
  'i64.rotr': [0x8a, 'i64 i64 -> i64'],

  // f32
  'f32.eq': [0x5b, 'f32 f32 -> i32'],
  'f32.ne': [0x5c, 'f32 f32 -> i32'],
  'f32.lt': [0x5d, 'f32 f32 -> i32'],
  'f32.gt': [0x5e, 'f32 f32 -> i32'],
  'f32.le': [0x5f, 'f32 f32 -> i32'],
  'f32.ge': [0x60, 'f32 f32 -> i32'],
  'f32.abs': [0x8b, 'f32 -> f32'],
  'f32.neg': [0x8c, 'f32 -> f32'],
  'f32.ceil': [0x8d, 'f32 -> f32'],
  'f32.floor': [0x8e, 'f32 -> f32'],
  'f32.trunc': [0x8f, 'f32 -> f32'],
  'f32.nearest': [0x90, 'f32 -> f32'],
  'f32.sqrt': [0x91, 'f32 -> f32'],
  'f32.add': [0x92, 'f32 f32 -> f32'],
  'f32.sub': [0x93, 'f32 f32 -> f32'],
  'f32.mul': [0x94, 'f32 f32 -> f32'],
  'f32.div': [0x95, 'f32 f32 -> f32'],
  'f32.min': [0x96, 'f32 f32 -> f32'],
  'f32.max': [0x97, 'f32 f32 -> f32'],
  'f32.copysign': [0x98, 'f32 f32 -> f32'],

  // f64
  'f64.eq': [0x61, 'f64 f64 -> i32'],
  'f64.ne': [0x62, 'f64 f64 -> i32'],
  'f64.lt': [0x63, 'f64 f64 -> i32'],
  'f64.gt': [0x64, 'f64 f64 -> i32'],
  'f64.le': [0x65, 'f64 f64 -> i32'],
  'f64.ge': [0x66, 'f64 f64 -> i32'],
  'f64.abs': [0x99, 'f64 -> f64'],
  'f64.neg': [0x9a, 'f64 -> f64'],
  'f64.ceil': [0x9b, 'f64 -> f64'],
  'f64.floor': [0x9c, 'f64 -> f64'],
  'f64.trunc': [0x9d, 'f64 -> f64'],
  'f64.nearest': [0x9e, 'f64 -> f64'],
  'f64.sqrt': [0x9f, 'f64 -> f64'],
  'f64.add': [0xa0, 'f64 f64 -> f64'],
  'f64.sub': [0xa1, 'f64 f64 -> f64'],
  'f64.mul': [0xa2, 'f64 f64 -> f64'],
  'f64.div': [0xa3, 'f64 f64 -> f64'],
  'f64.min': [0xa4, 'f64 f64 -> f64'],
  'f64.max': [0xa5, 'f64 f64 -> f64'],
  'f64.copysign': [0xa6, 'f64 f64 -> f64'],

  // conversions between scalars
  'i32.wrap_i64': [0xa7, 'i64 -> i32'],
  'i32.trunc_f32_s': [0xa8, 'f32 -> i32'],
  'i32.trunc_f64_s': [0xaa, 'f64 -> i32'],
  'i64.extend_i32_s': [0xac, 'i32 -> i64'],
  'i64.extend_i32_u': [0xad, 'i32 -> i64'],
  'f32.convert_i32_s': [0xb2, 'i32 -> f32'],
  'f32.convert_i32_u': [0xb3, 'i32 -> f32'],
  'f32.convert_i64_s': [0xb4, 'i64 -> f32'],
  'f32.demote_f64': [0xb6, 'f64 -> f32'],
  'f64.convert_i32_s': [0xb7, 'i32 -> f64'],
  'f64.convert_i32_u': [0xb8, 'i32 -> f64'],
  'f64.convert_i64_s': [0xb9, 'i64 -> f64'],
  'f64.promote_f32': [0xbb, 'f32 -> f64'],
  'i32.reinterpret_f32': [0xbc, 'f32 -> i32'],
  'i64.reinterpret_f64': [0xbd, 'f64 -> i64'],
  'f32.reinterpret_i32': [0xbe, 'i32 -> f32'],
  'f64.reinterpret_i64': [0xbf, 'i64 -> f64'],
  'i32.trunc_sat_f32_s': [[0xfc, 0x00], 'f32 -> i32'],
  'i32.trunc_sat_f32_u': [[0xfc, 0x01], 'f32 -> i32'],
  'i32.trunc_sat_f64_s': [[0xfc, 0x02], 'f64 -> i32'],
  'i32.trunc_sat_f64_u': [[0xfc, 0x03], 'f64 -> i32'],
  'i64.trunc_sat_f32_s': [[0xfc, 0x04], 'f32 -> i64'],
  'i64.trunc_sat_f32_u': [[0xfc, 0x05], 'f32 -> i64'],
  'i64.trunc_sat_f64_s': [[0xfc, 0x06], 'f64 -> i64'],
  'i64.trunc_sat_f64_u': [[0xfc, 0x07], 'f64 -> i64'],

  // vectors: memory, constants, lanes (128-bit SIMD)
  'v128.load': [[0xfd, 0x00], 'i32 -> v128', 'memory16'],
  'v128.load8x8_s': [[0xfd, 0x01], 'i32 -> v128', 'memory8'],
  'v128.load8x8_u': [[0xfd, 0x02], 'i32 -> v128', 'memory8'],
  'v128.load16x4_s': [[0xfd, 0x03], 'i32 -> v128', 'memory8'],
  'v128.load16x4_u': [[0xfd, 0x04], 'i32 -> v128', 'memory8'],
  'v128.load32x2_s': [[0xfd, 0x05], 'i32 -> v128', 'memory8'],
  'v128.load32x2_u': [[0xfd, 0x06], 'i32 -> v128', 'memory8'],
  'v128.load8_splat': [[0xfd, 0x07], 'i32 -> v128', 'memory1'],
  'v128.load16_splat': [[0xfd, 0x08], 'i32 -> v128', 'memory2'],
  'v128.load32_splat': [[0xfd, 0x09], 'i32 -> v128', 'memory4'],
  'v128.load64_splat': [[0xfd, 0x0a], 'i32 -> v128', 'memory8'],
  'v128.load32_zero': [[0xfd, 0x5c], 'i32 -> v128', 'memory4'],
  'v128.load64_zero': [[0xfd, 0x5d], 'i32 -> v128', 'memory8'],
  'v128.store': [[0xfd, 0x0b], 'i32 v128 ->', 'memory16'],
  'v128.load8_lane': [[0xfd, 0x54], 'i32 v128 -> v128', 'memory1lane'],
  'v128.load16_lane': [[0xfd, 0x55], 'i32 v128 -> v128', 'memory2lane'],
  'v128.load32_lane': [[0xfd, 0x56], 'i32 v128 -> v128', 'memory4lane'],
  'v128.load64_lane': [[0xfd, 0x57], 'i32 v128 -> v128', 'memory8lane'],
  'v128.store8_lane': [[0xfd, 0x58], 'i32 v128 ->', 'memory1lane'],
  'v128.store16_lane': [[0xfd, 0x59], 'i32 v128 ->', 'memory2lane'],
  'v128.store32_lane': [[0xfd, 0x5a], 'i32 v128 ->', 'memory4lane'],
  'v128.store64_lane': [[0xfd, 0x5b], 'i32 v128 ->', 'memory8lane'],
  'v128.const': [[0xfd, 0x0c], '-> v128', 'bytes16'],
  'i8x16.shuffle': [[0xfd, 0x0d], 'v128 v128 -> v128', 'lanes16'],
  'i8x16.swizzle': [[0xfd, 0x0e], 'v128 v128 -> v128'],
  'i8x16.splat': [[0xfd, 0x0f], 'i32 -> v128'],
  'i16x8.splat': [[0xfd, 0x10], 'i32 -> v128'],
  'i32x4.splat': [[0xfd, 0x11], 'i32 -> v128'],
  'i64x2.splat': [[0xfd, 0x12], 'i64 -> v128'],
  'f32x4.splat': [[0xfd, 0x13], 'f32 -> v128'],
  'f64x2.splat': [[0xfd, 0x14], 'f64 -> v128'],
  'i8x16.extract_lane_s': [[0xfd, 0x15], 'v128 -> i32', 'lane16'],
  'i8x16.extract_lane_u': [[0xfd, 0x16], 'v128 -> i32', 'lane16'],
  'i16x8.extract_lane_s': [[0xfd, 0x18], 'v128 -> i32', 'lane8'],
  'i16x8.extract_lane_u': [[0xfd, 0x19], 'v128 -> i32', 'lane8'],
  'i32x4.extract_lane': [[0xfd, 0x1b], 'v128 -> i32', 'lane4'],
  'i64x2.extract_lane': [[0xfd, 0x1d], 'v128 -> i64', 'lane2'],
  'f32x4.extract_lane': [[0xfd, 0x1f], 'v128 -> f32', 'lane4'],
  'f64x2.extract_lane': [[0xfd, 0x21], 'v128 -> f64', 'lane2'],
  'i8x16.replace_lane': [[0xfd, 0x17], 'v128 i32 -> v128', 'lane16'],
  'i16x8.replace_lane': [[0xfd, 0x1a], 'v128 i32 -> v128', 'lane8'],
  'i32x4.replace_lane': [[0xfd, 0x1c], 'v128 i32 -> v128', 'lane4'],
  'i64x2.replace_lane': [[0xfd, 0x1e], 'v128 i64 -> v128', 'lane2'],
  'f32x4.replace_lane': [[0xfd, 0x20], 'v128 f32 -> v128', 'lane4'],
  'f64x2.replace_lane': [[0xfd, 0x22], 'v128 f64 -> v128', 'lane2'],

  // vectors: bits
  'v128.and': [[0xfd, 0x4e], 'v128 v128 -> v128'],
  'v128.andnot': [[0xfd, 0x4f], 'v128 v128 -> v128'],
  'v128.or': [[0xfd, 0x50], 'v128 v128 -> v128'],
  'v128.xor': [[0xfd, 0x51], 'v128 v128 -> v128'],
  'v128.not': [[0xfd, 0x4d], 'v128 -> v128'],
  'v128.bitselect': [[0xfd, 0x52], 'v128 v128 v128 -> v128'],
  'v128.any_true': [[0xfd, 0x53], 'v128 -> i32'],

  // vectors: i8x16
  'i8x16.eq': [[0xfd, 0x23], 'v128 v128 -> v128'],
  'i8x16.ne': [[0xfd, 0x24], 'v128 v128 -> v128'],
  'i8x16.lt_s': [[0xfd, 0x25], 'v128 v128 -> v128'],
  'i8x16.lt_u': [[0xfd, 0x26], 'v128 v128 -> v128'],
  'i8x16.gt_s': [[0xfd, 0x27], 'v128 v128 -> v128'],
  'i8x16.gt_u': [[0xfd, 0x28], 'v128 v128 -> v128'],
  'i8x16.le_s': [[0xfd, 0x29], 'v128 v128 -> v128'],
  'i8x16.le_u': [[0xfd, 0x2a], 'v128 v128 -> v128'],
  'i8x16.ge_s': [[0xfd, 0x2b], 'v128 v128 -> v128'],
  'i8x16.ge_u': [[0xfd, 0x2c], 'v128 v128 -> v128'],
  'i8x16.abs': [[0xfd, 0x60], 'v128 -> v128'],
  'i8x16.neg': [[0xfd, 0x61], 'v128 -> v128'],
  'i8x16.popcnt': [[0xfd, 0x62], 'v128 -> v128'],
  'i8x16.all_true': [[0xfd, 0x63], 'v128 -> i32'],
  'i8x16.bitmask': [[0xfd, 0x64], 'v128 -> i32'],
  'i8x16.shl': [[0xfd, 0x6b], 'v128 i32 -> v128'],
  'i8x16.shr_s': [[0xfd, 0x6c], 'v128 i32 -> v128'],
  'i8x16.shr_u': [[0xfd, 0x6d], 'v128 i32 -> v128'],
  'i8x16.add': [[0xfd, 0x6e], 'v128 v128 -> v128'],
  'i8x16.sub': [[0xfd, 0x71], 'v128 v128 -> v128'],
  'i8x16.min_s': [[0xfd, 0x76], 'v128 v128 -> v128'],
  'i8x16.min_u': [[0xfd, 0x77], 'v128 v128 -> v128'],
  'i8x16.max_s': [[0xfd, 0x78], 'v128 v128 -> v128'],
  'i8x16.max_u': [[0xfd, 0x79], 'v128 v128 -> v128'],

  // vectors: i16x8
  'i16x8.eq': [[0xfd, 0x2d], 'v128 v128 -> v128'],
  'i16x8.ne': [[0xfd, 0x2e], 'v128 v128 -> v128'],
  'i16x8.lt_s': [[0xfd, 0x2f], 'v128 v128 -> v128'],
  'i16x8.lt_u': [[0xfd, 0x30], 'v128 v128 -> v128'],
  'i16x8.gt_s': [[0xfd, 0x31], 'v128 v128 -> v128'],
  'i16x8.gt_u': [[0xfd, 0x32], 'v128 v128 -> v128'],
  'i16x8.le_s': [[0xfd, 0x33], 'v128 v128 -> v128'],
  'i16x8.le_u': [[0xfd, 0x34], 'v128 v128 -> v128'],
  'i16x8.ge_s': [[0xfd, 0x35], 'v128 v128 -> v128'],
  'i16x8.ge_u': [[0xfd, 0x36], 'v128 v128 -> v128'],
  'i16x8.abs': [[0xfd, 0x80], 'v128 -> v128'],
  'i16x8.neg': [[0xfd, 0x81], 'v128 -> v128'],
  'i16x8.all_true': [[0xfd, 0x83], 'v128 -> i32'],
  'i16x8.bitmask': [[0xfd, 0x84], 'v128 -> i32'],
  'i16x8.extend_low_i8x16_s': [[0xfd, 0x87], 'v128 -> v128'],
  'i16x8.extend_high_i8x16_s': [[0xfd, 0x88], 'v128 -> v128'],
  'i16x8.extend_low_i8x16_u': [[0xfd, 0x89], 'v128 -> v128'],
  'i16x8.extend_high_i8x16_u': [[0xfd, 0x8a], 'v128 -> v128'],
  'i16x8.shl': [[0xfd, 0x8b], 'v128 i32 -> v128'],
  'i16x8.shr_s': [[0xfd, 0x8c], 'v128 i32 -> v128'],
  'i16x8.shr_u': [[0xfd, 0x8d], 'v128 i32 -> v128'],
  'i16x8.add': [[0xfd, 0x8e], 'v128 v128 -> v128'],
  'i16x8.sub': [[0xfd, 0x91], 'v128 v128 -> v128'],
  'i16x8.mul': [[0xfd, 0x95], 'v128 v128 -> v128'],
  'i16x8.min_s': [[0xfd, 0x96], 'v128 v128 -> v128'],
  'i16x8.min_u': [[0xfd, 0x97], 'v128 v128 -> v128'],
  'i16x8.max_s': [[0xfd, 0x98], 'v128 v128 -> v128'],
  'i16x8.max_u': [[0xfd, 0x99], 'v128 v128 -> v128'],

  // vectors: i32x4
  'i32x4.eq': [[0xfd, 0x37], 'v128 v128 -> v128'],
  'i32x4.ne': [[0xfd, 0x38], 'v128 v128 -> v128'],
  'i32x4.lt_s': [[0xfd, 0x39], 'v128 v128 -> v128'],
  'i32x4.lt_u': [[0xfd, 0x3a], 'v128 v128 -> v128'],
  'i32x4.gt_s': [[0xfd, 0x3b], 'v128 v128 -> v128'],
  'i32x4.gt_u': [[0xfd, 0x3c], 'v128 v128 -> v128'],
  'i32x4.le_s': [[0xfd, 0x3d], 'v128 v128 -> v128'],
  'i32x4.le_u': [[0xfd, 0x3e], 'v128 v128 -> v128'],
  'i32x4.ge_s': [[0xfd, 0x3f], 'v128 v128 -> v128'],
  'i32x4.ge_u': [[0xfd, 0x40], 'v128 v128 -> v128'],
  'i32x4.abs': [[0xfd, 0xa0], 'v128 -> v128'],
  'i32x4.neg': [[0xfd, 0xa1], 'v128 -> v128'],
  'i32x4.all_true': [[0xfd, 0xa3], 'v128 -> i32'],
  'i32x4.bitmask': [[0xfd, 0xa4], 'v128 -> i32'],
  'i32x4.extend_low_i16x8_s': [[0xfd, 0xa7], 'v128 -> v128'],
  'i32x4.extend_high_i16x8_s': [[0xfd, 0xa8], 'v128 -> v128'],
  'i32x4.extend_low_i16x8_u': [[0xfd, 0xa9], 'v128 -> v128'],
  'i32x4.extend_high_i16x8_u': [[0xfd, 0xaa], 'v128 -> v128'],
  'i32x4.shl': [[0xfd, 0xab], 'v128 i32 -> v128'],
  'i32x4.shr_s': [[0xfd, 0xac], 'v128 i32 -> v128'],
  'i32x4.shr_u': [[0xfd, 0xad], 'v128 i32 -> v128'],
  'i32x4.add': [[0xfd, 0xae], 'v128 v128 -> v128'],
  'i32x4.sub': [[0xfd, 0xb1], 'v128 v128 -> v128'],
  'i32x4.mul': [[0xfd, 0xb5], 'v128 v128 -> v128'],
  'i32x4.min_s': [[0xfd, 0xb6], 'v128 v128 -> v128'],
  'i32x4.min_u': [[0xfd, 0xb7], 'v128 v128 -> v128'],
  'i32x4.max_s': [[0xfd, 0xb8], 'v128 v128 -> v128'],
  'i32x4.max_u': [[0xfd, 0xb9], 'v128 v128 -> v128'],
  'i32x4.dot_i16x8_s': [[0xfd, 0xba], 'v128 v128 -> v128'],

  // vectors: i64x2
  'i64x2.eq': [[0xfd, 0xd6], 'v128 v128 -> v128'],
  'i64x2.ne': [[0xfd, 0xd7], 'v128 v128 -> v128'],
  'i64x2.lt_s': [[0xfd, 0xd8], 'v128 v128 -> v128'],
  'i64x2.gt_s': [[0xfd, 0xd9], 'v128 v128 -> v128'],
  'i64x2.le_s': [[0xfd, 0xda], 'v128 v128 -> v128'],
  'i64x2.ge_s': [[0xfd, 0xdb], 'v128 v128 -> v128'],
  'i64x2.abs': [[0xfd, 0xc0], 'v128 -> v128'],
  'i64x2.neg': [[0xfd, 0xc1], 'v128 -> v128'],
  'i64x2.all_true': [[0xfd, 0xc3], 'v128 -> i32'],
  'i64x2.bitmask': [[0xfd, 0xc4], 'v128 -> i32'],
  'i64x2.extend_low_i32x4_s': [[0xfd, 0xc7], 'v128 -> v128'],
  'i64x2.extend_high_i32x4_s': [[0xfd, 0xc8], 'v128 -> v128'],
  'i64x2.extend_low_i32x4_u': [[0xfd, 0xc9], 'v128 -> v128'],
  'i64x2.extend_high_i32x4_u': [[0xfd, 0xca], 'v128 -> v128'],
  'i64x2.shl': [[0xfd, 0xcb], 'v128 i32 -> v128'],
  'i64x2.shr_s': [[0xfd, 0xcc], 'v128 i32 -> v128'],
  'i64x2.shr_u': [[0xfd, 0xcd], 'v128 i32 -> v128'],
  'i64x2.add': [[0xfd, 0xce], 'v128 v128 -> v128'],
  'i64x2.sub': [[0xfd, 0xd1], 'v128 v128 -> v128'],
  'i64x2.mul': [[0xfd, 0xd5], 'v128 v128 -> v128'],

  // vectors: f32x4
  'f32x4.eq': [[0xfd, 0x41], 'v128 v128 -> v128'],
  'f32x4.ne': [[0xfd, 0x42], 'v128 v128 -> v128'],
  'f32x4.lt': [[0xfd, 0x43], 'v128 v128 -> v128'],
  'f32x4.gt': [[0xfd, 0x44], 'v128 v128 -> v128'],
  'f32x4.le': [[0xfd, 0x45], 'v128 v128 -> v128'],
  'f32x4.ge': [[0xfd, 0x46], 'v128 v128 -> v128'],
  'f32x4.ceil': [[0xfd, 0x67], 'v128 -> v128'],
  'f32x4.floor': [[0xfd, 0x68], 'v128 -> v128'],
  'f32x4.trunc': [[0xfd, 0x69], 'v128 -> v128'],
  'f32x4.nearest': [[0xfd, 0x6a], 'v128 -> v128'],
  'f32x4.abs': [[0xfd, 0xe0], 'v128 -> v128'],
  'f32x4.neg': [[0xfd, 0xe1], 'v128 -> v128'],
  'f32x4.sqrt': [[0xfd, 0xe3], 'v128 -> v128'],
  'f32x4.add': [[0xfd, 0xe4], 'v128 v128 -> v128'],
  'f32x4.sub': [[0xfd, 0xe5], 'v128 v128 -> v128'],
  'f32x4.mul': [[0xfd, 0xe6], 'v128 v128 -> v128'],
  'f32x4.div': [[0xfd, 0xe7], 'v128 v128 -> v128'],
  'f32x4.min': [[0xfd, 0xe8], 'v128 v128 -> v128'],
  'f32x4.max': [[0xfd, 0xe9], 'v128 v128 -> v128'],
  'f32x4.pmin': [[0xfd, 0xea], 'v128 v128 -> v128'],
  'f32x4.pmax': [[0xfd, 0xeb], 'v128 v128 -> v128'],

  // vectors: f64x2
  'f64x2.eq': [[0xfd, 0x47], 'v128 v128 -> v128'],
  'f64x2.ne': [[0xfd, 0x48], 'v128 v128 -> v128'],
  'f64x2.lt': [[0xfd, 0x49], 'v128 v128 -> v128'],
  'f64x2.gt': [[0xfd, 0x4a], 'v128 v128 -> v128'],
  'f64x2.le': [[0xfd, 0x4b], 'v128 v128 -> v128'],
  'f64x2.ge': [[0xfd, 0x4c], 'v128 v128 -> v128'],
  'f64x2.ceil': [[0xfd, 0x74], 'v128 -> v128'],
  'f64x2.floor': [[0xfd, 0x75], 'v128 -> v128'],
  'f64x2.trunc': [[0xfd, 0x7a], 'v128 -> v128'],
  'f64x2.nearest': [[0xfd, 0x94], 'v128 -> v128'],
  'f64x2.abs': [[0xfd, 0xec], 'v128 -> v128'],
  'f64x2.neg': [[0xfd, 0xed], 'v128 -> v128'],
  'f64x2.sqrt': [[0xfd, 0xef], 'v128 -> v128'],
  'f64x2.add': [[0xfd, 0xf0], 'v128 v128 -> v128'],
  'f64x2.sub': [[0xfd, 0xf1], 'v128 v128 -> v128'],
  'f64x2.mul': [[0xfd, 0xf2], 'v128 v128 -> v128'],
  'f64x2.div': [[0xfd, 0xf3], 'v128 v128 -> v128'],
  'f64x2.min': [[0xfd, 0xf4], 'v128 v128 -> v128'],
  'f64x2.max': [[0xfd, 0xf5], 'v128 v128 -> v128'],
  'f64x2.pmin': [[0xfd, 0xf6], 'v128 v128 -> v128'],
  'f64x2.pmax': [[0xfd, 0xf7], 'v128 v128 -> v128'],

  // vectors: conversions
  'f32x4.demote_f64x2_zero': [[0xfd, 0x5e], 'v128 -> v128'],
  'f64x2.promote_low_f32x4': [[0xfd, 0x5f], 'v128 -> v128'],
  'i32x4.trunc_sat_f32x4_s': [[0xfd, 0xf8], 'v128 -> v128'],
  'i32x4.trunc_sat_f32x4_u': [[0xfd, 0xf9], 'v128 -> v128'],
  'f32x4.convert_i32x4_s': [[0xfd, 0xfa], 'v128 -> v128'],
  'f32x4.convert_i32x4_u': [[0xfd, 0xfb], 'v128 -> v128'],
  'i32x4.trunc_sat_f64x2_s_zero': [[0xfd, 0xfc], 'v128 -> v128'],
  'i32x4.trunc_sat_f64x2_u_zero': [[0xfd, 0xfd], 'v128 -> v128'],
  'f64x2.convert_low_i32x4_s': [[0xfd, 0xfe], 'v128 -> v128'],
  'f64x2.convert_low_i32x4_u': [[0xfd, 0xff], 'v128 -> v128'],

  // relaxed SIMD: results may differ from machine to machine in the ways that the proposal lists
  'i8x16.relaxed_swizzle': [[0xfd, 0x100], 'v128 v128 -> v128'],
  'f32x4.relaxed_madd': [[0xfd, 0x105], 'v128 v128 v128 -> v128'],
  'f32x4.relaxed_nmadd': [[0xfd, 0x106], 'v128 v128 v128 -> v128'],
  'f64x2.relaxed_madd': [[0xfd, 0x107], 'v128 v128 v128 -> v128'],
  'f64x2.relaxed_nmadd': [[0xfd, 0x108], 'v128 v128 v128 -> v128'],
  'i32x4.relaxed_laneselect': [[0xfd, 0x10b], 'v128 v128 v128 -> v128'],
  'i64x2.relaxed_laneselect': [[0xfd, 0x10c], 'v128 v128 v128 -> v128'],
  'f32x4.relaxed_min': [[0xfd, 0x10d], 'v128 v128 -> v128'],
  'f32x4.relaxed_max': [[0xfd, 0x10e], 'v128 v128 -> v128'],
  'f64x2.relaxed_min': [[0xfd, 0x10f], 'v128 v128 -> v128'],
  'f64x2.relaxed_max': [[0xfd, 0x110], 'v128 v128 -> v128'],

  // threads: every access is sequentially consistent
  'memory.atomic.notify': [[0xfe, 0x00], 'i32 i32 -> i32', 'memory4'],
  'memory.atomic.wait32': [[0xfe, 0x01], 'i32 i32 i64 -> i32', 'memory4'],
  'memory.atomic.wait64': [[0xfe, 0x02], 'i32 i64 i64 -> i32', 'memory8'],
  'atomic.fence': [[0xfe, 0x03], '->', 'zero'],
  'i32.atomic.load': [[0xfe, 0x10], 'i32 -> i32', 'memory4'],
  'i64.atomic.load': [[0xfe, 0x11], 'i32 -> i64', 'memory8'],
  'i32.atomic.store': [[0xfe, 0x17], 'i32 i32 ->', 'memory4'],
  'i64.atomic.store': [[0xfe, 0x18], 'i32 i64 ->', 'memory8'],
  'i32.atomic.rmw.add': [[0xfe, 0x1e], 'i32 i32 -> i32', 'memory4'],
  'i64.atomic.rmw.add': [[0xfe, 0x1f], 'i32 i64 -> i64', 'memory8'],
  'i32.atomic.rmw.sub': [[0xfe, 0x25], 'i32 i32 -> i32', 'memory4'],
  'i64.atomic.rmw.sub': [[0xfe, 0x26], 'i32 i64 -> i64', 'memory8'],
  'i32.atomic.rmw.and': [[0xfe, 0x2c], 'i32 i32 -> i32', 'memory4'],
  'i64.atomic.rmw.and': [[0xfe, 0x2d], 'i32 i64 -> i64', 'memory8'],
  'i32.atomic.rmw.or': [[0xfe, 0x33], 'i32 i32 -> i32', 'memory4'],
  'i64.atomic.rmw.or': [[0xfe, 0x34], 'i32 i64 -> i64', 'memory8'],
  'i32.atomic.rmw.xor': [[0xfe, 0x3a], 'i32 i32 -> i32', 'memory4'],
  'i64.atomic.rmw.xor': [[0xfe, 0x3b], 'i32 i64 -> i64', 'memory8'],
  'i32.atomic.rmw.xchg': [[0xfe, 0x41], 'i32 i32 -> i32', 'memory4'],
  'i64.atomic.rmw.xchg': [[0xfe, 0x42], 'i32 i64 -> i64', 'memory8'],
  'i32.atomic.rmw.cmpxchg': [[0xfe, 0x48], 'i32 i32 i32 -> i32', 'memory4'],
  'i64.atomic.rmw.cmpxchg': [[0xfe, 0x49], 'i32 i64 i64 -> i64', 'memory8'],
} as const;

export type OpcodeName = keyof typeof table;

/** What follows an instruction's code in the binary. */
export type ImmediateKind =
  | 'block' | 'label' | 'labels' | 'function' | 'type' | 'local' | 'global' | 'zero' | 'zeros'
  | 'i32' | 'i64' | 'f32' | 'f64' | 'bytes16' | 'lanes16'
  | 'memory1' | 'memory2' | 'memory4' | 'memory8' | 'memory16'
  | 'memory1lane' | 'memory2lane' | 'memory4lane' | 'memory8lane'
  | 'lane2' | 'lane4' | 'lane8' | 'lane16';

type ImmediateOf<Name extends OpcodeName> =
  (typeof table)[Name] extends readonly [unknown, unknown, infer Kind] ? Kind : 'none';

/** The arguments that an instruction's immediate is written from: `memory` takes a byte offset, 0 when left out. */
export type Immediates<Name extends OpcodeName> =
  ImmediateOf<Name> extends 'none' | 'zero' | 'zeros' ? []
    : ImmediateOf<Name> extends 'block' ? [result?: ValueType]
      : ImmediateOf<Name> extends 'labels' | 'lanes16' | 'bytes16' ? [values: ArrayLike<number>]
        : ImmediateOf<Name> extends 'i64' ? [value: bigint]
          : ImmediateOf<Name> extends `memory${string}lane` ? [offset: number, lane: number]
            : ImmediateOf<Name> extends `memory${string}` ? [offset?: number]
              : [value: number];

/** One line of the table, taken apart. */
export interface Opcode {
  readonly name: OpcodeName;
  /** the first byte, or prefix and sub-code in LEB128 */
  readonly bytes: readonly number[];
  /** null: the types depend on the immediates or on the enclosing block */
  readonly operands: readonly ValueType[] | null;
  readonly results: readonly ValueType[] | null;
  readonly immediate: ImmediateKind | null;
}

function parse(name: OpcodeName): Opcode {
  const [code, signature, immediate]: readonly [number | readonly number[], string, ImmediateKind?] = table[name];
  const bytes = typeof code === 'number' ? [code] : [code[0], ...(code[1] < 0x80 ? [code[1]] : [0x80 | (code[1] & 0x7f), code[1] >> 7])];
  const rest = { name, bytes, immediate: immediate ?? null };
  if (signature === '*') return { ...rest, operands: null, results: null };
  const [operands, results] = signature.split('->').map((side) => side.split(' ').filter((type) => type !== ''));
  return { ...rest, operands: operands as ValueType[], results: results as ValueType[] };
}

const parsed: Map<string, Opcode> = new Map();
const byKind: Map<string, Map<string, Opcode>> = new Map();

/** Every instruction by name. A line is taken apart when it is first asked for: few programs use them all. */
export const opcodes: { get(name: string): Opcode | undefined; keys(): OpcodeName[] } = {
  get(name) {
    const known = parsed.get(name);
    if (known !== undefined || !Object.hasOwn(table, name)) return known;
    const opcode = parse(name as OpcodeName);
    parsed.set(name, opcode);
    return opcode;
  },
  keys: () => Object.keys(table) as OpcodeName[],
};

/**
 * The instruction `kind.operation`, found without putting its name together. Throws TypeError when there is none.
 */
export function instruction(kind: string, operation: string): Opcode {
  let operations = byKind.get(kind);
  if (operations === undefined) byKind.set(kind, operations = new Map());
  let opcode = operations.get(operation);
  if (opcode === undefined) {
    opcode = opcodes.get(`${kind}.${operation}`);
    if (opcode === undefined) throw new TypeError(`there is no instruction ${kind}.${operation}`);
    operations.set(operation, opcode);
  }
  return opcode;
}
