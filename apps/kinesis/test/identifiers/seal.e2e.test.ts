// The seal that the endpoints of one broker share, over a broker in this process.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'millrace'
import { createBroker } from 'millrace/broker'
import { describe, expect, it } from 'vitest'
import { openSeal } from '../../src/identifiers/seal.ts'

describe('the seal of the endpoints of one broker', () => {
  it('is one, even if two endpoints begin at once, and stays it', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'kinesis-seal-'))
    const broker = await createBroker({ dataDir })
    try {
      const clients = await Promise.all([connect(broker.url), connect(broker.url), connect(broker.url)])
      const seals = await Promise.all(clients.map(openSeal))
      const later = await openSeal(clients[0])
      const content = Buffer.from('content')
      for (const closing of seals) {
        expect(later.open('page-token', closing.close('page-token', content))).toEqual(content)
      }
      await Promise.all(clients.map((client) => client.close()))
    } finally {
      await broker.close()
      await rm(dataDir, { recursive: true })
    }
  })
})
