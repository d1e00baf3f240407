// The manifest is accepted as a whole or not at all.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatManifest, parseManifest, type Manifest } from '../../../../broker/storage/segments/manifest.ts'

const manifests: fc.Arbitrary<Manifest> = fc
  .tuple(
    fc.nat(99),
    fc.uniqueArray(fc.integer({ min: 1, max: 1e6 }), { minLength: 1, maxLength: 20 }),
    fc.maxSafeNat(),
  )
  .map(([ownerId, numbers, size]) => {
    const rising = numbers.toSorted((a, b) => a - b)
    const sealed = rising.slice(0, -1).map((number) => ({
      number,
      generation: number % 3,
      bytes: size,
      sealedAt: size,
    }))
    return { ownerId, sealed, active: rising.at(-1)! }
  })

test('manifest: is parsed as it was written', () => {
  fc.assert(
    fc.property(manifests, (manifest) => {
      expect(parseManifest(formatManifest(manifest))).toMatchObject(manifest)
    }),
  )
})

test('manifest: any changed character or truncation is refused, or does not change the meaning', () => {
  fc.assert(
    fc.property(
      manifests,
      fc.nat(),
      fc.string({ minLength: 1, maxLength: 1 }),
      (manifest, position, character) => {
        const text = formatManifest(manifest)
        const at = position % text.length
        const whole = parseManifest(text)
        for (const damaged of [text.slice(0, at) + character + text.slice(at + 1), text.slice(0, at)]) {
          const read = parseManifest(damaged)
          if (typeof read !== 'string') expect(read).toEqual(whole)
        }
      },
    ),
  )
})

test('manifest: an error says what is wrong', () => {
  const manifest = { ownerId: 0, sealed: [], active: 1 }
  expect(parseManifest('{')).toBe('it is not JSON')
  expect(parseManifest('null')).toBe('it is not a JSON object')
  expect(parseManifest('{"format":9}')).toBe('it has format 9; this version reads 2')
  expect(parseManifest(formatManifest(manifest).replace('"active": 1', '"active": 2'))).toBe(
    'it does not match its checksum',
  )
  const backwards = { ...manifest, sealed: [{ number: 5, generation: 0, bytes: 0, sealedAt: 0 }] }
  expect(parseManifest(formatManifest(backwards))).toBe('its segment numbers do not rise')
})
