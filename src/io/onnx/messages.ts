/**
 * The messages of ONNX files that are read and written here, after onnx.proto (github.com/onnx/onnx, IR version 8): by
 * field its number, its type, and 'list' where it may stand several times. What is not in the table is passed over.
 */

import type { StoredType } from '../elements.ts';

export const messages = {
  Model: {
    irVersion: [1, 'int'], producerName: [2, 'text'], producerVersion: [3, 'text'], graph: [7, 'Graph'],
    opsetImport: [8, 'OperatorSet', 'list'], metadataProps: [14, 'Entry', 'list'],
  },
  OperatorSet: { domain: [1, 'text'], version: [2, 'int'] },
  Entry: { key: [1, 'text'], value: [2, 'text'] },
  Graph: {
    node: [1, 'Node', 'list'], name: [2, 'text'], initializer: [5, 'Tensor', 'list'], input: [11, 'ValueInfo', 'list'],
    output: [12, 'ValueInfo', 'list'], sparseInitializer: [15, 'Unread', 'list'],
  },
  Node: {
    input: [1, 'text', 'list'], output: [2, 'text', 'list'], name: [3, 'text'], opType: [4, 'text'],
    attribute: [5, 'Attribute', 'list'], domain: [7, 'text'],
  },
  Attribute: {
    name: [1, 'text'], f: [2, 'float'], i: [3, 'int'], s: [4, 'bytes'], t: [5, 'Tensor'], floats: [7, 'float', 'list'],
    ints: [8, 'int', 'list'], type: [20, 'int'], reference: [21, 'text'],
  },
  Tensor: {
    dims: [1, 'int', 'list'], dataType: [2, 'int'], floatData: [4, 'float', 'list'], int32Data: [5, 'int', 'list'],
    int64Data: [7, 'int', 'list'], name: [8, 'text'], rawData: [9, 'bytes'], doubleData: [10, 'double', 'list'],
    externalData: [13, 'Entry', 'list'], dataLocation: [14, 'int'],
  },
  ValueInfo: { name: [1, 'text'], type: [2, 'Type'] },
  Type: { tensorType: [1, 'TensorType'] },
  TensorType: { elemType: [1, 'int'], shape: [2, 'Shape'] },
  Shape: { dim: [1, 'Dimension', 'list'] },
  Dimension: { dimValue: [1, 'int'], dimParam: [2, 'text'] },
  Unread: {},
} as const;

export type MessageName = keyof typeof messages;

/** What a scalar of each type is in memory. Integers are numbers; of those beyond 2^53 the nearest. */
interface Scalars {
  int: number;
  float: number;
  double: number;
  text: string;
  bytes: Uint8Array;
}

type Single<Type> =
  Type extends keyof Scalars ? Scalars[Type] : Type extends MessageName ? Message<Type> : never;

type Table<Name extends MessageName> = (typeof messages)[Name];

/** A message: every field may be missing; those that may stand several times are lists. */
export type Message<Name extends MessageName> = {
  -readonly [Field in keyof Table<Name>]?: Table<Name>[Field] extends readonly [number, infer Type, 'list']
    ? Array<Single<Type>>
    : Table<Name>[Field] extends readonly [number, infer Type] ? Single<Type> : never;
};

/** Element types of tensors in ONNX by their numbers, where a tensor can hold them; names as elements.ts has them. */
export const elementTypes: Readonly<Record<number, StoredType>> = {
  1: 'float32', 2: 'uint8', 3: 'int8', 4: 'uint16', 5: 'int16', 6: 'int32', 7: 'int64', 9: 'bool', 10: 'float16',
  11: 'float64', 12: 'uint32', 13: 'uint64', 16: 'bfloat16',
};

/** The numbers of the types that are written. */
export const typeNumber: Readonly<Record<'float32' | 'float64' | 'int64', number>> = {
  float32: 1, float64: 11, int64: 7,
};

/** The numbers of the kinds of attributes that are written. */
export const attributeType: Readonly<Record<'float' | 'int' | 'ints', number>> = { float: 1, int: 2, ints: 7 };
