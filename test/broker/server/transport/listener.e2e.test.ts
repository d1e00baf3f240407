// The server over TCP loopback: it listens, serves many clients, answers other protocols, and drains.
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { encodeRequest, limits } from '../../../../protocol/index.ts'
import { RawConnection } from '../../../support/raw-connection.ts'
import { clicks, serving, type Serving } from '../serving.ts'

const at = { host: '127.0.0.1', port: 0 }

let home: Serving | undefined

afterEach(async () => {
  await home?.server.close()
  home = undefined
})

function serve(): Serving {
  return (home = serving<'append' | 'describeStream'>({
    append: ({ batches }) => ({
      results: batches.map(({ batch }) => ({
        code: 0,
        baseSequenceNumber: batch.length,
        arrivalTime: 0,
        durability: 'disk',
        retryAfterMs: undefined,
        message: undefined,
      })),
    }),
    describeStream: () => ({ stream: clicks }),
  }))
}

/** Returns everything that the peer sends until it closes. */
async function conversation(port: number, ...writes: readonly (string | Uint8Array)[]): Promise<string> {
  const socket = connect(port, at.host)
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => {})
  for (const bytes of writes) socket.write(bytes)
  await once(socket, 'close')
  return Buffer.concat(chunks).toString('latin1')
}

describe('server over TCP', () => {
  it('serves frames of the largest size and many small ones at once', async () => {
    const { server } = serve()
    const { port } = await server.listen(at)
    const connection = await RawConnection.open(port)
    const large = {
      batches: [
        {
          streamId: 1,
          shardIndex: 0,
          batch: new Uint8Array(limits.batchBytesMax),
          producerSecret: undefined,
        },
      ],
    }
    const answers = [connection.request('append', large)]
    for (let bytes = 1; bytes <= 500; bytes++) {
      const batches = [
        { streamId: 1, shardIndex: 0, batch: new Uint8Array(bytes), producerSecret: undefined },
      ]
      answers.push(connection.request('append', { batches }))
    }
    const lengths = (await Promise.all(answers)).map(({ results }) => results[0]!.baseSequenceNumber)
    expect(lengths).toEqual([limits.batchBytesMax, ...Array.from({ length: 500 }, (_, i) => i + 1)])
    connection.close()
  })

  it('listen: rejects where the port is taken', async () => {
    const { port } = await serve().server.listen(at)
    const other = serving<'describeStream'>({ describeStream: () => ({ stream: clicks }) }).server
    await expect(other.listen({ ...at, port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await other.close()
  })

  it('answers a plain HTTP request with a reason, garbage with a named error, and closes', async () => {
    const { port } = await serve().server.listen(at)
    expect(await conversation(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
    expect(await conversation(port, Buffer.alloc(100_000, 0xff))).toContain('was announced; the limit is')
  })

  it('outlives peers that reset their connection in the middle of a frame', async () => {
    const { server } = serve()
    const { port } = await server.listen(at)
    for (let round = 0; round < 20; round++) {
      const connection = await RawConnection.open(port)
      const request = Buffer.concat(encodeRequest('describeStream', 9, { name: 'clicks' }))
      connection.write(request.subarray(0, round % request.length))
      ;(connection.socket as ReturnType<typeof connect>).resetAndDestroy()
    }
    const connection = await RawConnection.open(port)
    expect((await connection.request('describeStream', { name: 'clicks' })).stream).toEqual(clicks)
    connection.close()
  })

  it('drain: tells clients, ends connections, and frees the port', async () => {
    const { server } = serve()
    const { port } = await server.listen(at)
    const connection = await RawConnection.open(port)
    await server.drain(1000)
    await connection.closed
    expect(connection.events.map(({ event }) => event)).toEqual(['draining'])
    await expect(RawConnection.open(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})
