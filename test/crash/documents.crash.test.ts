// A daemon that is killed while documents are put. Then every put that was acknowledged is there, or a newer one; no version
// came twice; a counter has as many as were counted, give or take those whose outcome nobody knows; and a watch that ran all
// the time has what there is.
import { expect, onTestFailed, test } from 'vitest'
import { checkDataDirectory } from '../../broker/storage/integrity.ts'
import {
  connect,
  MillraceError,
  type Client,
  type DocumentChange,
  type NamedDocument,
} from '../../client/index.ts'
import { until } from '../support/checker/progress.ts'
import { TestDaemon } from '../support/daemon.ts'
import { randomOf } from '../support/random.ts'

const ROUNDS = Number(process.env['MILLRACE_CRASH_ROUNDS'] ?? 4)
const DEADLINE_MS = 600_000
const WRITERS = 8
/** Acknowledged puts before each kill. */
const PROGRESS_PUTS = 100

class Load {
  readonly #client: Client
  #isOver = false
  /** By name: what was put last, and what was acknowledged last, with its version. */
  readonly asked = new Map<string, number>()
  readonly acknowledged = new Map<string, { readonly count: number; readonly version: number }>()
  readonly versions: number[] = []
  counted = 0
  unknown = 0

  constructor(client: Client) {
    this.#client = client
  }

  stop(): void {
    this.#isOver = true
  }

  /** Puts its documents over and over. */
  async write(writer: number): Promise<void> {
    const documents = this.#client.documents<number>('written')
    for (let count = 0; !this.#isOver; count++) {
      const name = `${writer}-${count % 5}`
      this.asked.set(name, count)
      const { version } = await documents.put(name, count)
      this.acknowledged.set(name, { count, version })
      this.versions.push(version)
    }
  }

  /** Counts in one document, against the others that do. */
  async count(): Promise<void> {
    const documents = this.#client.documents<number>('counted')
    while (!this.#isOver) {
      try {
        const { version } = await documents.update('all', (value = 0) => value + 1)
        this.counted++
        this.versions.push(version)
      } catch (error) {
        if (!MillraceError.is(error) || error.sideEffects === 'none') throw error
        this.unknown++
      }
    }
  }
}

test(
  'documents: a daemon killed at any moment of many puts keeps those that were acknowledged',
  async () => {
    const random = randomOf(20_262)
    await using daemon = await TestDaemon.start({ hosts: '1' })
    onTestFailed(() => console.error(daemon.log()))
    const watched = new Map<string, DocumentChange<number> & { type: 'put' }>()
    {
      await using client = await connect(daemon.url, { retry: { backoffMinMs: 5, backoffMaxMs: 50 } })
      const load = new Load(client)
      const stopWatch = new AbortController()
      const watching = (async () => {
        for await (const change of client.documents<number>('written').watch({ signal: stopWatch.signal })) {
          if (change.type === 'put') watched.set(change.name, change)
          else watched.delete(change.name)
        }
      })().catch((error: unknown) => {
        if (!MillraceError.is(error, 'aborted')) throw error
      })
      const running = [
        ...Array.from({ length: WRITERS }, (_, writer) => load.write(writer)),
        load.count(),
        load.count(),
      ]
      const failed = Promise.all(running).then(() => new Promise<never>(() => {}))
      for (let round = 0; round < ROUNDS; round++) {
        const goal = load.versions.length + PROGRESS_PUTS + random.below(PROGRESS_PUTS)
        await Promise.race([failed, until('puts are acknowledged', () => load.versions.length >= goal)])
        if (round % 2 === 0) await daemon.killController()
        else await daemon.killAll(await daemon.hostPids())
        await daemon.restart()
      }
      load.stop()
      await Promise.all(running)

      const written = client.documents<number>('written')
      for (const [name, { count, version }] of load.acknowledged) {
        const found = (await written.get(name))!
        expect(found.value).toBeGreaterThanOrEqual(count)
        expect(found.value).toBeLessThanOrEqual(load.asked.get(name)!)
        expect(found.version).toBeGreaterThanOrEqual(version)
      }
      expect(new Set(load.versions).size).toBe(load.versions.length)
      const total = (await client.documents<number>('counted').get('all'))!.value
      expect(total).toBeGreaterThanOrEqual(load.counted)
      expect(total).toBeLessThanOrEqual(load.counted + load.unknown)

      const list: NamedDocument<number>[] = []
      for await (const document of written.list()) list.push(document)
      await until('the watch has told everything', () =>
        list.every(({ name, version }) => watched.get(name)?.version === version),
      )
      expect(watched.size).toBe(list.length)
      stopWatch.abort()
      await watching
    }
    await daemon.stop()
    expect((await checkDataDirectory(daemon.dataDir)).problems).toEqual([])
  },
  DEADLINE_MS,
)
