// The only place where the client opens sockets. Its other code uses a Duplex, so that an in-process broker, a test or a tunnel
// can replace TCP.
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Address } from './address.ts'
import { onAbort } from '../waiting.ts'

/**
 * Opens one byte stream to a broker process. Rejects if `signal` fires, because the stream is no longer needed. The connection
 * that is made of the stream owns it, and destroys it.
 */
export type Dial = (address: Address, signal: AbortSignal) => Promise<Duplex>

/** TCP without Nagle's algorithm: frames leave when they are written, once a turn. */
export const dialTcp: Dial = ({ host, port }, signal) =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true })
    const abandon = () => socket.destroy(new Error('the connection is no longer needed'))
    socket.once('error', (error) => {
      stop()
      reject(error)
    })
    socket.once('connect', () => {
      stop()
      socket.removeAllListeners('error')
      resolve(socket)
    })
    const stop = onAbort(signal, abandon)
  })
