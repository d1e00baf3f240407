// How documents of the endpoint become bytes. Runs in the endpoint, pure.
import type { DocumentCodec } from 'millrace'

/** JSON that leaves out what is undefined. */
export const plainJson = <T>(): DocumentCodec<T> => ({
  name: 'json',
  encode: (value) => new TextEncoder().encode(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as T,
})
