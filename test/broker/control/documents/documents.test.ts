// Promises of documents, by the handlers of a controller: what is answered is stored, whoever expects a version is told the
// truth, and who watches misses no final state, across restarts too.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limits } from '../../../../protocol/limits.ts'
import type { OperationOn, RequestOf, ResponseOf } from '../../../../protocol/operations.ts'
import { outcomeOf, rejectionOf } from '../../../support/rejection.ts'
import { settled } from '../support/fake-time.ts'
import { MemoryCatalog } from '../support/memory-catalog.ts'
import { MemorySmallRows } from '../support/memory-small-rows.ts'
import { TestController } from '../support/test-controller.ts'
import { listed, Replica, textOf, type Asking } from './replica.ts'

/** A controller over stores that outlive it. */
class Scene {
  readonly smallRows = new MemorySmallRows()
  readonly #catalog = new MemoryCatalog()
  #running: TestController | undefined

  static async open(): Promise<Scene> {
    const scene = new Scene()
    await scene.restart()
    return scene
  }

  async restart(): Promise<void> {
    const { smallRows } = this
    this.#running?.controller.endWaits()
    this.#running = await TestController.open(this.#catalog, { smallRows, start: false })
  }

  get running(): TestController {
    return this.#running!
  }

  readonly asking: Asking = {
    list: (request) => this.ask('listDocuments', request),
    watch: (request) => this.ask('watchDocuments', request),
  }

  ask<N extends OperationOn<'control'>>(
    operation: N,
    request: Partial<RequestOf<N>>,
  ): Promise<ResponseOf<N>> {
    return this.running.ask(operation, request)
  }

  async put(name: string, content: string, expectedVersion?: number, kind = 'plans'): Promise<number> {
    const request = { kind, name, content: Buffer.from(content), expectedVersion }
    return (await this.ask('putDocument', request)).version
  }

  async delete(name: string, expectedVersion?: number, kind = 'plans'): Promise<void> {
    await this.ask('deleteDocument', { kind, name, expectedVersion })
  }

  async get(name: string, kind = 'plans'): Promise<string> {
    return textOf((await this.ask('getDocument', { kind, name })).document)
  }
}

describe('a document', () => {
  test('is read as it was put, byte for byte, with its version and its time', async () => {
    const scene = await Scene.open()
    const content = Uint8Array.from({ length: 256 }, (_, at) => at)
    const { version } = await scene.ask('putDocument', { kind: 'plans', name: 'a/b ünï', content })
    const { document } = await scene.ask('getDocument', { kind: 'plans', name: 'a/b ünï' })
    const updatedAt = scene.running.time.now()
    expect({ ...document, content: Buffer.from(document.content) }).toEqual({
      name: 'a/b ünï',
      version,
      updatedAt,
      content: Buffer.from(content),
    })
    expect(await outcomeOf(scene.get('a/b ünï', 'others'))).toBe('documentNotFound')
  })

  test('is put only where it has the expected version; the refusal tells the one it has', async () => {
    const scene = await Scene.open()
    const first = await scene.put('a', 'one', 0)
    const exists = await rejectionOf(scene.put('a', 'two', 0))
    expect([exists.code, exists.currentVersion]).toEqual(['versionConflict', first])
    const second = await scene.put('a', 'two', first)
    const late = await rejectionOf(scene.put('a', 'three', first))
    expect([late.code, late.currentVersion]).toEqual(['versionConflict', second])
    const absent = await rejectionOf(scene.put('b', 'x', first))
    expect([absent.code, absent.currentVersion]).toEqual(['versionConflict', 0])
    expect(await scene.get('a')).toBe(`${second} two`)
  })

  test('is deleted only where it has the expected version, and once', async () => {
    const scene = await Scene.open()
    const version = await scene.put('a', 'one')
    expect(await outcomeOf(scene.delete('a', version + 1))).toBe('versionConflict')
    expect(await outcomeOf(scene.delete('a', 0))).toBe('invalidArgument')
    const twice = [scene.delete('a', version), scene.delete('a', version), scene.delete('a')]
    expect(await Promise.all(twice.map(outcomeOf))).toEqual([
      'answered',
      'documentNotFound',
      'documentNotFound',
    ])
    expect(await outcomeOf(scene.delete('a'))).toBe('documentNotFound')
    expect(await scene.put('a', 'again', 0)).toBeGreaterThan(version)
  })

  test.each<[string, Partial<RequestOf<'putDocument'>>]>([
    ['no kind', { kind: '' }],
    ['a kind in capitals', { kind: 'Plans' }],
    ['a kind with a slash', { kind: 'a/b' }],
    ['a kind that is too long', { kind: 'k'.repeat(65) }],
    ['no name', { name: '' }],
    ['a name with a control character', { name: 'a\nb' }],
    ['a name that is too long', { name: 'n'.repeat(201) }],
  ])('is refused with %s', async (_, wrong) => {
    const scene = await Scene.open()
    const request = { kind: 'plans', name: 'a', content: Buffer.from('x'), ...wrong }
    expect(await outcomeOf(scene.ask('putDocument', request))).toBe('invalidArgument')
  })

  test('has the longest name, of the longest characters, and the largest content', async () => {
    const scene = await Scene.open()
    const name = '€'.repeat(limits.documentNameLengthMax)
    const kind = 'k'.repeat(limits.documentKindLengthMax)
    const content = new Uint8Array(limits.documentBytesMax).fill(0xff)
    await scene.ask('putDocument', { kind, name, content })
    const { document } = await scene.ask('getDocument', { kind, name })
    expect(Buffer.compare(document.content, content)).toBe(0)
  })

  test('is refused as storageFull where the disk is full, and taken when there is room again', async () => {
    const scene = await Scene.open()
    await scene.put('a', 'one')
    scene.smallRows.isFull = true
    expect(await outcomeOf(scene.put('b', 'two'))).toBe('storageFull')
    expect(await outcomeOf(scene.delete('a'))).toBe('storageFull')
    scene.smallRows.isFull = false
    await scene.put('b', 'two')
    expect((await listed(scene.asking, 'plans')).documents.map(({ name }) => name)).toEqual(['a', 'b'])
  })
})

describe('a list of documents', () => {
  test('has the kind and the prefix that was asked for, in order, in pages', async () => {
    const scene = await Scene.open()
    const names = ['b', 'a/1', 'ä', 'a/3', 'a/2', 'a', 'Z', 'a/4', '中']
    for (const name of names) await scene.put(name, name)
    await scene.put('a/9', 'x', undefined, 'plans-2')
    const byBytes = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    const all = await listed(scene.asking, 'plans')
    expect(all.documents.map(({ name }) => name)).toEqual(byBytes)
    expect(all.pages).toBe(3)
    const some = await listed(scene.asking, 'plans', 'a/')
    expect(some.documents.map(({ name }) => name)).toEqual(['a/1', 'a/2', 'a/3', 'a/4'])
    expect((await listed(scene.asking, 'plan')).documents).toEqual([])
  })

  test('comes in pages of bounded bytes, and has all documents in the end', async () => {
    const scene = await Scene.open()
    const names = Array.from({ length: 12 }, (_, at) => `large-${at + 10}`)
    for (const name of names) await scene.put(name, 'x'.repeat(limits.documentBytesMax))
    const { documents, pages } = await listed(scene.asking, 'plans', undefined, limits.listPageMax)
    expect(documents.map(({ name }) => name)).toEqual(names)
    expect(pages).toBeGreaterThan(1)
    const replica = new Replica(scene.asking, 'plans')
    await replica.step()
    for (const name of names) await scene.put(name, 'y'.repeat(limits.documentBytesMax))
    let steps = 0
    while ([...replica.documents.values()].some((text) => text.endsWith('x')) && steps++ < 20)
      await replica.step()
    expect(steps).toBeGreaterThan(1)
    expect(replica.lists).toBe(1)
  })

  test('refuses a page without room', async () => {
    const scene = await Scene.open()
    expect(await outcomeOf(scene.ask('listDocuments', { kind: 'plans', limit: 0 }))).toBe('invalidArgument')
  })
})

describe('a watch of documents', () => {
  const watching = (scene: Scene, after: number, prefix?: string) =>
    scene.ask('watchDocuments', { kind: 'plans', prefix, after, maxWaitMs: 10_000 })

  test('waits for a change of its kind and prefix, and tells it', async () => {
    const scene = await Scene.open()
    const { version } = await listed(scene.asking, 'plans')
    const answer = watching(scene, version, 'a/')
    await scene.put('b', 'x')
    await scene.put('a/1', 'x', undefined, 'others')
    await settled()
    expect(scene.running.time.waiting).toHaveLength(1)
    const put = await scene.put('a/1', 'one')
    const told = await answer
    expect(told.documents.map((document) => [document.name, textOf(document)])).toEqual([
      ['a/1', `${put} one`],
    ])
    const next = watching(scene, told.version, 'a/')
    await scene.delete('a/1')
    expect(await next).toMatchObject({ documents: [], deleted: ['a/1'], isComplete: true })
    expect(scene.running.time.waiting).toEqual([])
  })

  test('answers without a change when its time is over, or when the broker stops', async () => {
    const scene = await Scene.open()
    const nothing = { documents: [], deleted: [], version: 0, isComplete: true }
    const late = watching(scene, 0)
    await scene.running.time.advance(10_000)
    expect(await late).toEqual(nothing)
    const stopped = watching(scene, 0)
    await settled()
    scene.running.controller.endWaits()
    expect(await stopped).toEqual(nothing)
    expect(await watching(scene, 0)).toEqual(nothing)
  })

  test('says that it does not know all changes from before a restart', async () => {
    const scene = await Scene.open()
    await scene.put('a', 'one')
    const version = await scene.put('b', 'two')
    await scene.delete('a')
    await scene.restart()
    expect(await watching(scene, version)).toMatchObject({ documents: [], deleted: [], isComplete: false })
    expect(await watching(scene, version + 100)).toMatchObject({ isComplete: false })
  })
})

test('copies that watch end with all documents, whatever is changed at once and however often the broker restarts', async () => {
  const scene = await Scene.open()
  const replicas = ['', 'a', 'b', 'none'].map((prefix) => new Replica(scene.asking, 'plans', prefix))
  let isOver = false
  const copying = replicas.map(async (replica) => {
    while (!isOver) await replica.step(10_000)
  })
  for (let round = 0; round < 30; round++) {
    const changes = Array.from({ length: 12 }, (_, at) => {
      const name = `${'ab'[at % 2]}${(at * 7 + round) % 10}`
      return (round + at) % 3 === 0 ? outcomeOf(scene.delete(name)) : outcomeOf(scene.put(name, `${round}`))
    })
    await Promise.all(changes)
    if (round % 7 === 6) await scene.restart()
  }
  isOver = true
  scene.running.controller.endWaits()
  await Promise.all(copying)
  for (const [at, prefix] of ['', 'a', 'b', 'none'].entries()) {
    await replicas[at]!.step()
    await replicas[at]!.step()
    const { documents } = await listed(scene.asking, 'plans', prefix)
    expect(Object.fromEntries(replicas[at]!.documents)).toEqual(
      Object.fromEntries(documents.map((document) => [document.name, textOf(document)])),
    )
  }
})

/** A version as the model knows it: its number comes with the answer. */
interface Token {
  version: number
}

test('documents: answers and contents are those of a map, for changes at once and across restarts', async () => {
  const command = fc.record({
    does: fc.constantFrom('put', 'put', 'delete'),
    kind: fc.constantFrom('plans', 'plans-2'),
    name: fc.constantFrom('a', 'b', 'c'),
    expects: fc.constantFrom('nothing', 'absence', 'known', 'stale'),
  })
  const batch = fc.record({
    commands: fc.array(command, { minLength: 1, maxLength: 6 }),
    restarts: fc.integer({ min: 0, max: 9 }).map((dice) => dice === 0),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(batch, { maxLength: 12 }), async (batches) => {
      const scene = await Scene.open()
      const replica = new Replica(scene.asking, 'plans')
      const model = new Map<string, { readonly token: Token; readonly content: string }>()
      let count = 0
      for (const { commands, restarts } of batches) {
        const before = new Map(model)
        // All are asked for at once, and decided in the order of asking.
        const asked = commands.map(async ({ does, kind, name, expects }) => {
          const key = `${kind}/${name}`
          const known = before.get(key)?.token
          const expected = { nothing: undefined, absence: 0, known: known?.version ?? 0, stale: 1e9 }[expects]
          const now = model.get(key)
          const isMet = { nothing: true, absence: !now, known: now?.token === known, stale: false }[expects]
          if (does === 'put') {
            const content = String(count++)
            const token = { version: 0 }
            if (isMet) model.set(key, { token, content })
            const outcome = outcomeOf(
              scene.put(name, content, expected, kind).then((version) => {
                token.version = version
              }),
            )
            expect(await outcome).toBe(isMet ? 'answered' : 'versionConflict')
            return
          }
          if (isMet && now && expected !== 0) model.delete(key)
          const outcome = await outcomeOf(scene.delete(name, expected, kind))
          if (expected === 0) expect(outcome).toBe('invalidArgument')
          else if (!now) expect(outcome).toBe('documentNotFound')
          else expect(outcome).toBe(isMet ? 'answered' : 'versionConflict')
        })
        await Promise.all(asked)
        if (restarts) await scene.restart()
        await replica.step()
        const textsOf = (kind: string) =>
          Object.fromEntries(
            [...model]
              .filter(([key]) => key.startsWith(`${kind}/`))
              .map(([key, { token, content }]) => [
                key.slice(kind.length + 1),
                `${token.version} ${content}`,
              ]),
          )
        for (const kind of ['plans', 'plans-2']) {
          const { documents } = await listed(scene.asking, kind)
          const found = documents.map((document) => [document.name, textOf(document)] as const)
          expect(Object.fromEntries(found)).toEqual(textsOf(kind))
        }
        expect(Object.fromEntries(replica.documents)).toEqual(textsOf('plans'))
        for (const [key, { token, content }] of model) {
          const [kind, name] = key.split('/') as [string, string]
          expect(await scene.get(name, kind)).toBe(`${token.version} ${content}`)
        }
      }
    }),
    { numRuns: 60 },
  )
})
