// Bytes as they are printed: what was stored can be told from what is shown, whatever it is.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { printedData, printedHeaders, textOf } from '../../../protocol/text/printed-bytes.ts'

const value = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
  fc.constantFrom('base64:/w==', '', '\ufeffmark', '/w==').map((text) => Buffer.from(text)),
)
const bytesOf = (text: string | undefined, base64: string | undefined) =>
  text === undefined ? Buffer.from(base64!, 'base64') : Buffer.from(text)

it('printedData: the bytes can be had again from its JSON', () => {
  fc.assert(
    fc.property(value, (bytes) => {
      const { data, dataBase64 } = JSON.parse(JSON.stringify(printedData(bytes))) as Record<string, string>
      expect(bytesOf(data, dataBase64)).toEqual(Buffer.from(bytes))
    }),
  )
})

it('printedHeaders: names and bytes can be had again from its JSON', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ minLength: 1 }), value), (headers) => {
      const printed = JSON.parse(JSON.stringify(printedHeaders(headers))) as Record<
        string,
        Record<string, string>
      >
      const texts = Object.entries(printed['headers'] ?? {}).map(([name, text]) => [
        name,
        bytesOf(text, undefined),
      ])
      const others = Object.entries(printed['headersBase64'] ?? {}).map(([name, base64]) => [
        name,
        bytesOf(undefined, base64),
      ])
      const again = new Map([...texts, ...others] as [string, Buffer][])
      expect(again).toEqual(
        new Map(Object.entries(headers).map(([name, bytes]) => [name, Buffer.from(bytes)])),
      )
      expect(again.size).toBe(texts.length + others.length)
    }),
  )
  expect(printedHeaders({})).toEqual({})
})

it('textOf: keeps a byte order mark, and is undefined for bytes that are not UTF-8', () => {
  expect(textOf(Buffer.from('\ufeffa'))).toBe('\ufeffa')
  expect(textOf(Buffer.of(0xed, 0xa0, 0x80))).toBeUndefined()
})
