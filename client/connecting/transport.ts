// The client's only door to the network. Everything above it sees a Duplex, so that an in-process broker, a test or a
// tunnel can stand in for TCP.
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Address } from './address.ts'
import { onAbort } from '../waiting.ts'

/**
 * Opens one byte stream to a broker process. `signal` fires when nobody waits for it any more: give up, and reject.
 * The connection that is made owns the stream and destroys it.
 */
export type Dial = (address: Address, signal: AbortSignal) => Promise<Duplex>

/** TCP without Nagle's algorithm: frames leave when they are written, once a turn. */
export const dialTcp: Dial = ({ host, port }, signal) =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true })
    const abandon = () => socket.destroy(new Error('nobody waits for this connection any more'))
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
