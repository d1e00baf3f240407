// Numbers of refused lines, over several siftings.
import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { RefusedLines } from '../../../src/formats/parquet/refused-lines.ts'

const data = Buffer.alloc(0)

describe('RefusedLines', () => {
  it('numbers what each sifting refuses among all lines, in their order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3), { maxLength: 60 }), (fates) => {
        const refused = new RefusedLines()
        // A line with the fate n is refused by sifting n; 0 stays.
        let left = fates.map((fate, number) => ({ fate, number }))
        for (const sifting of [1, 2, 3]) {
          refused.add(
            left.flatMap(({ fate }, number) =>
              fate === sifting ? [{ number, data, message: `${fate}` }] : [],
            ),
          )
          left = left.filter(({ fate }) => fate !== sifting)
        }
        const wanted = fates.flatMap((fate, number) =>
          fate === 0 ? [] : [{ number, data, message: `${fate}` }],
        )
        expect(refused.all).toEqual(wanted)
      }),
    )
  })
})
