// Tells by its first bytes what a connection speaks. One port speaks everything: HTTP/1.1, HTTP/2 with prior knowledge, and
// TLS, within which the same question is asked again: some clients speak HTTP/2 there without having negotiated it.
import type { Duplex } from 'node:stream'

export type Spoken = 'http1' | 'http2' | 'tls'

/** The first byte of a TLS record that holds a handshake. */
const TLS_HANDSHAKE = 0x16
/** How the preface of HTTP/2 begins; no method of HTTP/1.1 does. */
const HTTP2_PREFACE = 'PRI'

/** What begins with these bytes; undefined where they are too few to tell. */
export function spokenBy(bytes: Uint8Array): Spoken | undefined {
  if (bytes.length === 0) return undefined
  if (bytes[0] === TLS_HANDSHAKE) return 'tls'
  for (let at = 0; at < Math.min(bytes.length, HTTP2_PREFACE.length); at++) {
    if (bytes[at] !== HTTP2_PREFACE.charCodeAt(at)) return 'http1'
  }
  return bytes.length >= HTTP2_PREFACE.length ? 'http2' : undefined
}

/**
 * Reads until it is clear what the other side speaks, puts the bytes back, and tells. A connection that ends before, or takes
 * longer than `withinMs`, is destroyed.
 */
export function sniff(
  socket: Duplex,
  { withinMs, found }: { withinMs: number; found: (spoken: Spoken) => void },
): void {
  let bytes = Buffer.alloc(0)
  const giveUp = (): void => {
    stop()
    socket.destroy()
  }
  const look = (): void => {
    for (let piece = read(); piece !== null; piece = read()) bytes = Buffer.concat([bytes, piece])
    const spoken = spokenBy(bytes)
    if (spoken === undefined) return
    stop()
    socket.unshift(bytes)
    found(spoken)
  }
  const read = (): Buffer | null => socket.read() as Buffer | null
  const timer = setTimeout(giveUp, withinMs)
  const stop = (): void => {
    clearTimeout(timer)
    socket.off('readable', look).off('end', giveUp).off('close', stop)
  }
  socket.on('readable', look).on('end', giveUp).on('close', stop)
}
