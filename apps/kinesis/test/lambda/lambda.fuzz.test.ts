// Requests of the Lambda API as nobody writes them: any path, query, headers and body is read within the bounds of the model, or is refused in
// the service's words. Nothing of it fails otherwise.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeLambda } from '../../src/lambda/codec.ts'
import { LambdaError } from '../../src/lambda/model/errors.ts'
import { lambdaOperations, type LambdaOperationName } from '../../src/lambda/model/operations.ts'
import type { LambdaOperation } from '../../src/lambda/model/operation.ts'
import { settingsBy } from '../../src/lambda/mappings/settings.ts'
import { functionNamed } from '../../src/lambda/names.ts'
import { routeOf } from '../../src/lambda/routes.ts'
import { KinesisError } from '../../src/model/errors.ts'

const names = Object.keys(lambdaOperations) as LambdaOperationName[]
const home = { region: 'us-east-1', account: '000000000000' }

/** The words that requests are made of, and others. */
const word = fc.oneof(
  fc.constantFrom(
    'f',
    'arn:aws:lambda:us-east-1:000000000000:function:f',
    '%',
    '%25',
    '..',
    '__proto__',
    '$LATEST',
    '-1',
    '1e9',
  ),
  fc.string(),
)

function headOf(query: string | undefined, header: string | undefined) {
  return {
    method: 'GET',
    path: '/',
    query,
    bytes: 0,
    isEncrypted: false,
    values: () => [],
    header: () => header,
  }
}

it.each(names)('%s: any words and JSON are read, or refused', (name) => {
  const { http }: LambdaOperation = lambdaOperations[name]
  const queryNames = Object.values(http.query ?? {})
  const query = fc
    .array(fc.tuple(fc.constantFrom('x', ...queryNames), word))
    .map((pairs) =>
      pairs.map(([key, value]) => `${key}=${encodeURIComponent(value.toWellFormed())}`).join('&'),
    )
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 2, maxLength: 2 }),
      query,
      fc.option(word),
      fc.json(),
      (texts, given, header, json) => {
        const path = http.path.replace(/\{\w+\}/g, () => encodeURIComponent(texts[0]!.toWellFormed()) || 'f')
        const route = routeOf(http.method, path)
        expect(route).toMatchObject({ operation: name })
        const members = route?.kind === 'served' ? route.members : {}
        refusedOr(() =>
          decodeLambda(name, { head: headOf(given, header ?? undefined), body: Buffer.from(json) }, members),
        )
      },
    ),
  )
})

it('any mapping that is within the bounds of the model becomes settings, or is refused', () => {
  const seconds = fc.integer({ min: -2, max: 1_000_000 })
  const request = fc.record(
    {
      FunctionName: fc.constant('f'),
      Enabled: fc.boolean(),
      MaximumRecordAgeInSeconds: seconds,
      MaximumBatchingWindowInSeconds: seconds,
      Topics: fc.array(fc.string()),
      FilterCriteria: fc.record({
        Filters: fc.array(fc.record({ Pattern: fc.oneof(fc.json(), fc.string()) }), { maxLength: 12 }),
      }),
    },
    { requiredKeys: ['FunctionName'] },
  )
  fc.assert(
    fc.property(request, (values) => {
      refusedOr(() => {
        const body = Buffer.from(JSON.stringify(values))
        const input = decodeLambda(
          'CreateEventSourceMapping',
          { head: headOf(undefined, undefined), body },
          {},
        )
        const settings = settingsBy(input)
        expect(settings.filters?.length ?? 0).toBeLessThanOrEqual(10)
        const { recordAgeMaxMs = -1 } = settings
        expect(recordAgeMaxMs === -1 || recordAgeMaxMs >= 60_000).toBe(true)
      })
    }),
  )
})

it('any text names a function, or is refused', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        word,
        fc.array(word).map((words) => words.join(':')),
      ),
      (text) => {
        refusedOr(() => expect(typeof functionNamed(home, text).name).toBe('string'))
      },
    ),
  )
})

/** Runs it; what it throws must be an error that is answered. */
function refusedOr(run: () => void): void {
  try {
    run()
  } catch (error) {
    if (!(error instanceof KinesisError)) expect(error).toBeInstanceOf(LambdaError)
  }
}
