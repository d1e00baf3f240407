// A member of a group in a process of its own, which a test stops, kills or blocks. Arguments: the url, and options of the
// group as JSON. Prints a line for each record (`handled VALUE`) and event (`event TYPE`). A record `block MS` keeps the event
// loop busy; a record `wait` waits for the line `go`, and then says what became of its checkpoint. The line `stop` stops it.
import { createInterface } from 'node:readline'
import { connect } from '#dist/client/index.js'

const [, , url, options] = process.argv
const print = (line) => process.stdout.write(`${line}\n`)
const client = await connect(url)
const group = client.group({
  stream: 'clicks',
  name: 'billing',
  checkpoint: 'record',
  onEvent: ({ type }) => print(`event ${type}`),
  ...JSON.parse(options),
})
let go
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'go') go?.()
  else void group.stop().then(() => client.close())
})
await group.run(async ([record], context) => {
  const value = Buffer.from(record.data).toString()
  if (value.startsWith('block ')) {
    const until = performance.now() + Number(value.slice('block '.length))
    print('blocking')
    while (performance.now() < until);
  } else if (value === 'wait') {
    print('waiting')
    await new Promise((resolve) => (go = resolve))
    await context.checkpoint().then(
      () => print('checkpoint stored'),
      ({ code }) => print(`checkpoint ${code}`),
    )
  }
  print(`handled ${value}`)
})
print('stopped')
