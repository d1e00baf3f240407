// The url of a broker.
import { describe, expect, it } from 'vitest'
import { addressText, parseUrl } from '../../../client/connecting/address.ts'
import { MillraceError } from '../../../protocol/millrace-error.ts'

describe('parseUrl', () => {
  it('reads one address, or several in their order, with 7400 as the default port', () => {
    expect(parseUrl('millrace://127.0.0.1:7401').addresses).toEqual([{ host: '127.0.0.1', port: 7401 }])
    expect(parseUrl('millrace://broker').addresses).toEqual([{ host: 'broker', port: 7400 }])
    expect(parseUrl('millrace://a:1,b:2/').addresses).toEqual([
      { host: 'a', port: 1 },
      { host: 'b', port: 2 },
    ])
  })

  it('tells by the scheme whether all of its addresses are reached by TLS', () => {
    expect(parseUrl('millrace://a:1,b:2').isSecure).toBe(false)
    expect(parseUrl('millraces://a:1,b:2')).toEqual({
      isSecure: true,
      addresses: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
    })
  })

  it('reads IPv6 addresses in brackets, and writes them so', () => {
    const [address] = parseUrl('millrace://[::1]:7400').addresses
    expect(address).toEqual({ host: '::1', port: 7400 })
    expect(addressText(address!)).toBe('[::1]:7400')
  })

  it.each([
    'http://a:1',
    'millrace://',
    'millrace://a:b',
    'millrace://a:70000',
    'millrace://a:1,,b:2',
    'millraces://a:1,millraces://b:2',
    'MILLRACES://a',
    'millrace://user@a:1',
    'millrace://a:1/path',
    'millrace://::1:7400',
  ])('refuses %s, and says what a url looks like', (url) => {
    expect(() => parseUrl(url)).toThrow(/is not a broker's url: .*millrace:\/\/127\.0\.0\.1:7400/)
    try {
      parseUrl(url)
    } catch (error) {
      expect(MillraceError.is(error, 'invalidArgument')).toBe(true)
    }
  })

  it.each([
    'millrace://ada:planted@a:1',
    'http://planted@a:1',
    'millrace://a:1,ada:planted@b:2',
    'ada:planted@a',
  ])('quotes no password: %s', (url) => {
    expect(() => parseUrl(url)).toThrow(/^(?!.*planted).*\*\*\*@[ab](:\d)?" is not a broker's url/)
  })
})
