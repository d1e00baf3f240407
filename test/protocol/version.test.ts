// Two peers agree on the newest version that both speak, or on none.
import { describe, expect, test } from 'vitest'
import { negotiateVersion, PROTOCOL_VERSION_MAX } from '../../protocol/version.ts'
import { fail } from '../support/fail.ts'

describe('negotiateVersion', () => {
  test('takes the newest that both speak', () => {
    expect(negotiateVersion({ versionMin: 1, versionMax: 1 }, fail)).toBe(1)
    expect(negotiateVersion({ versionMin: 1, versionMax: 65_535 }, fail)).toBe(PROTOCOL_VERSION_MAX)
  })

  test.each([
    { versionMin: PROTOCOL_VERSION_MAX + 1, versionMax: 65_535 },
    { versionMin: 0, versionMax: 0 },
    { versionMin: 1, versionMax: 0 },
  ])('$versionMin to $versionMax share nothing with this broker', (client) => {
    expect(() => negotiateVersion(client, fail)).toThrow(
      expect.objectContaining({ code: 'unsupportedVersion' }),
    )
  })
})
