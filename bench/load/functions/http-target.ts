// Load: not a load, but an endpoint that is a function: it decodes the data of each record, and answers nothing. It reports its port, and
// serves until it is stopped. Runs in a load process.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { LoadControl } from '../job.ts'
import { handler } from './handlers/read.ts'
import type { KinesisRecords } from './handlers/kinesis-records.ts'

export async function runHttpTarget(_settings: object, control: LoadControl): Promise<null> {
  const server = createServer((request, response) => {
    json(request).then(
      (event) => {
        handler(event as KinesisRecords)
        response.writeHead(200, { 'content-type': 'application/json' }).end('null')
      },
      () => response.writeHead(400).end(),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  control.ready((server.address() as AddressInfo).port)
  if (!control.stopped.aborted) await once(control.stopped, 'abort')
  server.close()
  server.closeAllConnections()
  return null
}
