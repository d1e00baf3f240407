// A connection that comes through the TLS door: what its handshake proves, once it is over. Runs on the main thread of every process
// that listens.
import type { Socket } from 'node:net'
import type { SecurableArrival } from '../session-home.ts'
import type { TlsDoor } from './tls-door.ts'

export function arrivalBy(door: TlsDoor, socket: Socket): SecurableArrival {
  let certificateNames: readonly string[] = []
  return {
    isPrivate: true,
    get certificateNames() {
      return certificateNames
    },
    handshake: async () => {
      const secured = await door.secure(socket)
      ;({ certificateNames } = secured)
      return secured
    },
  }
}
