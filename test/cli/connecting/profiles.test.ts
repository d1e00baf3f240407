// What a file of profiles may hold, and how profiles change.
import { describe, expect, it } from 'vitest'
import {
  checkProfileName,
  parseProfiles,
  withoutProfile,
  withProfile,
  withUse,
  type Profiles,
} from '../../../cli/connecting/profiles.ts'

const a = { url: 'millrace://a' }
const b = { url: 'millrace://b' }

describe('parseProfiles', () => {
  it('returns what was written', () => {
    const profiles: Profiles = { use: 'a', profiles: { a, b: { ...b, tokenFile: '/b.token' } } }
    expect(parseProfiles(JSON.stringify(profiles), '/p.json')).toEqual(profiles)
  })

  it.each([
    ['{', 'is not JSON'],
    ['7', 'does not hold a JSON object'],
    ['{}', 'lacks the field profiles'],
    ['{"profiles":7}', 'has something else than an object as profiles'],
    ['{"profiles":{"a":{}}}', 'lacks the field profiles.a.url'],
    ['{"profiles":{"a":{"url":7}}}', 'has something else than text as profiles.a.url'],
    [
      '{"profiles":{"a":{"url":"x","token":"mr_secret"}}}',
      'has the field profiles.a.token, which this version does not know',
    ],
    ['{"profiles":{},"version":2}', 'has the field version, which this version does not know'],
    ['{"profiles":{"-x":{"url":"x"}}}', 'has the name profiles.-x, which cannot be the name of a profile'],
  ])('%s is refused', (text, what) => {
    const message = `/p.json ${what}. Correct the file, or remove it.`
    expect(() => parseProfiles(text, '/p.json')).toThrow(
      expect.objectContaining({ message, exit: 'usage' }) as Error,
    )
  })
})

it('checkProfileName: takes plain names, and none that a command line would read as an option', () => {
  expect(() => checkProfileName('prod-1.eu')).not.toThrow()
  for (const name of ['', '-x', 'a b', '__proto__', 'constructor', 'prototype', 'é', 'x'.repeat(65)]) {
    expect(() => checkProfileName(name)).toThrow('cannot be the name of a profile')
  }
})

it('profiles are added, replaced, used and removed', () => {
  const two = withProfile(withProfile({ profiles: {} }, 'a', a), 'b', b)
  const used = withUse(two, 'a')
  expect(used).toEqual({ use: 'a', profiles: { a, b } })
  expect(withProfile(used, 'a', b)).toEqual({ use: 'a', profiles: { a: b, b } })
  expect(withoutProfile(used, 'b')).toEqual({ use: 'a', profiles: { a } })
  expect(withoutProfile(used, 'a')).toEqual({ profiles: { b } })
  expect(withUse(used, undefined)).toEqual({ profiles: { a, b } })
})
