// A process that serves a few calls by the built code, for channels.e2e.test.ts.
import { serveCalls } from '#dist/broker/channels/calls.js'
import { parentChannel } from '#dist/broker/channels/process-channel.js'

const channel = parentChannel()
channel.onClose(() => process.exit(0))
serveCalls(channel, {
  echo: (request) => request,
  never: () => new Promise(() => {}),
  answerThenExit: () => {
    process.nextTick(() => process.disconnect())
    return 'answered'
  },
})
