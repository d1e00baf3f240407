// A daemon whose app kinesis is the program beside this file. It takes its options from the environment, as the daemon does.
import { loadConfig } from '#dist/broker/config/load.js'
import { startDaemon } from '#dist/broker/main.js'
import { endSoon } from '#dist/broker/telemetry/end-soon.js'

const daemon = await startDaemon(loadConfig({}).values, () => new URL('app.mjs', import.meta.url).href)
process.exitCode = await daemon.stopped
endSoon()
