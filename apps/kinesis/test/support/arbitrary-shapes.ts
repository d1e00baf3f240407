// Values of shapes, generated: what a handler or a client could give.
import fc, { type Arbitrary } from 'fast-check'
import type { Shape } from '../../src/model/shape.ts'

/** Texts that keep the patterns of the model, by pattern; every other text of the model is free. */
const samples: Readonly<Record<string, readonly string[]>> = {
  '[a-zA-Z0-9_.-]+': ['a', 'clicks', 'A.b-c_9', 'shardId-000000000000'],
  'arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+': ['arn:aws:kinesis:us-east-1:000000000000:stream/clicks'],
  '[a-z0-9]{20}-[a-z0-9]{3}': ['abcdefghij0123456789-abc'],
  '^(0|([1-9]\\d{0,38}))$': ['0', '170141183460469231731687303715884105728'],
  '^(0|([1-9]\\d{0,128}))$': ['0', '49640000000000000000000000000000000000000000000000000002'],
  '^(arn):aws.*:kinesis:.*:\\d{12}:.*stream\\/[a-zA-Z0-9_.-]+\\/consumer\\/[a-zA-Z0-9_.-]+:[0-9]+': [
    'arn:aws:kinesis:us-east-1:000000000000:stream/clicks/consumer/app:1732980123',
  ],
  'arn:aws.*:kinesis:.*:\\d{12}:.*(stream|channel)/\\S+': [
    'arn:aws:kinesis:us-east-1:000000000000:stream/clicks',
  ],
  'arn:aws[-a-z0-9]*:iam::\\d{12}:role/[a-zA-Z_0-9+=,.@\\-_/]+': ['arn:aws:iam::000000000000:role/a'],
  'arn:aws[-a-z0-9]*:glue:[-a-z0-9]+:\\d{12}:schema/[-a-zA-Z0-9_$#.]+/[-a-zA-Z0-9_$#.]+': [
    'arn:aws:glue:us-east-1:000000000000:schema/a/b',
  ],
  'arn:aws[-a-z0-9]*:s3:::[a-z0-9._-]{3,63}': ['arn:aws:s3:::bucket'],
  'arn:aws[-a-z0-9]*:s3tables:[-a-z0-9]+:\\d{12}:bucket/[a-z0-9_-]{3,63}': [
    'arn:aws:s3tables:us-east-1:000000000000:bucket/abc',
  ],
  '\\d{12}': ['000000000000'],
  "[0-9A-Za-z!\\-_'.*()\\/]+": ['errors/'],
  "[0-9A-Za-z!\\-_'.*()\\/=:{}]+": ['records/'],
  '[0-9a-z_]+': ['table_1'],
  '[a-zA-Z0-9\\.\\_]+': ['time'],
  '[\\.\\-_/#A-Za-z0-9]+': ['/logs'],
  '[^:*]*': ['stream'],
  'arn:aws.*:kinesis:.*:\\d{12}:channel/\\S+': ['arn:aws:kinesis:us-east-1:000000000000:channel/a'],
  // Of Firehose, where the texts decide what is made of a request.
  'arn:.*:s3:::[\\w\\.\\-]{1,255}': ['arn:aws:s3:::lake', 'arn:aws-cn:s3:::a.b-c'],
  'arn:.*:kinesis:[a-zA-Z0-9\\-]+:\\d{12}:stream/[a-zA-Z0-9_.-]+': [
    'arn:aws:kinesis:us-east-1:000000000000:stream/clicks',
  ],
  'arn:.*:iam::\\d{12}:role/[a-zA-Z_0-9+=,.@\\-_/]+': ['arn:aws:iam::000000000000:role/a'],
  'arn:.*:kms:[a-zA-Z0-9\\-]+:\\d{12}:(key|alias)/[a-zA-Z_0-9+=,.@\\-_/]+': [
    'arn:aws:kms:us-east-1:000000000000:key/1',
  ],
  '.*': [
    '',
    'a/',
    'year=!{timestamp:yyyy}/',
    '!{firehose:error-output-type}/',
    '!{partitionKeyFromQuery:a}/',
    '!{a',
    '!{}',
  ],
  '^$|[a-zA-Z/_]+': ['', 'UTC', 'Europe/Berlin', 'Nowhere'],
  "^$|\\.[0-9a-z!\\-_.*'()]+": ['', '.json.gz'],
  '^(?!\\s*$).+': [
    '{a:.a}',
    '{a',
    '{b: .b[0], "c d"}',
    'JQ-1.6',
    'JSON',
    'DELIMITED',
    '\\n',
    '0.5',
    '-1',
    'arn:aws:lambda:us-east-1:000000000000:function:f:1',
    'arn:aws:lambda:nowhere',
  ],
  '^\\S+$': ['a', 'eu-west-1'],
  '[a-zA-Z0-9-]+': ['destinationId-000000000001', 'x'],
  '[0-9]+': ['1', '007'],
  '[\\.\\-_/#A-Za-z0-9]*': ['', '/logs'],
  '^(?!aws:)[\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@%]*$': ['team', 'größe'],
  '^[\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@%]*$': ['', 'data'],
  'arn:.*:secretsmanager:[a-zA-Z0-9\\-]+:\\d{12}:secret:[a-zA-Z0-9\\-/_+=.@!]+': [
    'arn:aws:secretsmanager:us-east-1:000000000000:secret:a',
  ],
  'https://.*': ['https://collector.example/in'],
}

const moments = fc.date({ min: new Date(-1e12), max: new Date(4e12), noInvalidDate: true })

/** Values of a shape within its bounds. */
export function valuesOf(shape: Shape): Arbitrary<unknown> {
  switch (shape.kind) {
    case 'text': {
      if (shape.pattern !== undefined) {
        const texts = samples[shape.pattern]
        if (texts === undefined) throw new Error(`no sample of ${shape.pattern}`)
        return fc.constantFrom(...texts)
      }
      return fc
        .string({ unit: 'binary', minLength: shape.min ?? 0, maxLength: 12 })
        .filter((text) => text.isWellFormed())
    }
    case 'choice':
      return fc.constantFrom(...shape.values)
    case 'integer':
      return fc.integer({ min: shape.min ?? -(2 ** 31), max: shape.max ?? 2 ** 31 - 1 })
    case 'long':
      return fc.maxSafeInteger().map((value) => (shape.min === 0 ? Math.abs(value) : value))
    case 'boolean':
      return fc.boolean()
    case 'blob':
      return fc.uint8Array({ maxLength: 70 })
    case 'timestamp':
      return moments
    case 'list':
      return fc.array(valuesOf(shape.of), { minLength: shape.min ?? 0, maxLength: 3 })
    case 'map':
      return fc
        .uniqueArray(
          fc.tuple(fc.oneof(valuesOf(shape.key), fc.constant('__proto__')), valuesOf(shape.value)),
          {
            minLength: shape.min ?? 0,
            maxLength: 3,
            selector: ([key]) => key,
          },
        )
        .map((entries) => Object.fromEntries(entries) as unknown)
    case 'structure':
      return fc.record(
        Object.fromEntries(
          Object.entries(shape.members).map(([name, member]) => [name, valuesOf(member.shape)]),
        ),
        {
          requiredKeys: Object.entries(shape.members)
            .filter(([, member]) => member.required)
            .map(([name]) => name),
          noNullPrototype: true,
        },
      )
    case 'eventStream':
      throw new Error('a stream of events is no value')
  }
}
