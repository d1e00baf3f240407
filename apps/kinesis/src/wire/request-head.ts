// The head of a request, whatever brought it. Pure types.

export interface RequestHead {
  readonly method: string
  /** As it was sent. */
  readonly path: string
  /** What stands behind the question mark, as it was sent; undefined where there is none. */
  readonly query: string | undefined
  /** Bytes of its headers. */
  readonly bytes: number
  /** Whether it came over TLS. */
  readonly isEncrypted: boolean
  /** All values of a header, by its name in small letters; those of HTTP/2's `:authority` are also those of `host`. */
  values(name: string): readonly string[]
  /** The values of a header, joined by commas. */
  header(name: string): string | undefined
}
