// A thread that serves a few calls by the built code, for channels.e2e.test.ts: it works, fails, breaks and leaves.
import { parentPort } from 'node:worker_threads'
import { InvariantError } from '#dist/protocol/invariant.js'
import { serveCalls } from '#dist/broker/channels/calls.js'
import { portChannel } from '#dist/broker/threads/port-channel.js'

const channel = portChannel(parentPort)
serveCalls(
  channel,
  {
    echo: (request) => request,
    never: () => new Promise(() => {}),
    breakDown: () => {
      throw new InvariantError('the tail went backwards')
    },
    answerThenCrash: () => {
      setImmediate(() => {
        throw new Error('out of luck')
      })
      return 'answered'
    },
    unsendable: () => () => {},
    leave: () => {
      setImmediate(() => channel.close())
      return 'bye'
    },
  },
  { transferOf: (call, reply) => (call === 'echo' && reply.arena ? [reply.arena] : []) },
)
