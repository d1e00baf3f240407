// What the command line is told of the broker of this machine.
import { expect, it } from 'vitest'
import { localProfile } from '../../broker/local-profile.ts'

const tokenFileFor = (url: string) => localProfile({ url, dataDir: '/data' }).tokenFile

it('names the token of root where it may travel, and nowhere else', () => {
  for (const url of ['millrace://127.0.0.1:7400', 'millrace://[::1]:7400', 'millrace://localhost:7400']) {
    expect(tokenFileFor(url)).toBe('/data/root.token')
  }
  expect(tokenFileFor('millraces://broker.example.org:7400')).toBe('/data/root.token')
  for (const url of [
    'millrace://10.1.2.3:7400',
    'millrace://broker.example.org:7400',
    'millrace://[fe80::1]:7400',
  ]) {
    expect(tokenFileFor(url)).toBeUndefined()
  }
})
