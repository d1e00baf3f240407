// Calls to a real thread and a real process: buffers change hands, and however the other side ends, no call stays open.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { createCaller } from '#dist/broker/channels/calls.js'
import { portChannel } from '#dist/broker/threads/port-channel.js'
import { processChannel } from '#dist/broker/channels/process-channel.js'
import { afterEach, describe, expect, it } from 'vitest'

type Calls = {
  echo: {
    request: { readonly arena?: ArrayBuffer; readonly words?: Uint32Array }
    reply: { readonly arena: ArrayBuffer; readonly words: Uint32Array }
  }
  never: { request: null; reply: null }
  breakDown: { request: null; reply: null }
  answerThenCrash: { request: null; reply: string }
  answerThenExit: { request: null; reply: string }
  unsendable: { request: null; reply: null }
  leave: { request: null; reply: string }
}

let worker: Worker | undefined
let child: ChildProcess | undefined

afterEach(async () => {
  await worker?.terminate()
  child?.kill('SIGKILL')
  worker = undefined
  child = undefined
})

function startThread() {
  worker = new Worker(new URL('./echo-worker.mjs', import.meta.url), { stderr: true })
  return createCaller<Calls>(portChannel(worker))
}

function startProcess() {
  child = fork(new URL('./echo-process.mjs', import.meta.url), { serialization: 'advanced' })
  return createCaller<Calls>(processChannel(child))
}

describe('a thread', () => {
  it('gets and gives back the buffer itself', async () => {
    const caller = startThread()
    const arena = new ArrayBuffer(1 << 20)
    const reply = caller.call('echo', { arena }, [arena])
    expect(arena.byteLength).toBe(0)
    expect((await reply).arena.byteLength).toBe(1 << 20)
  })

  it('that breaks an invariant ends, and every open call is of unknown outcome', async () => {
    const caller = startThread()
    const open = caller.call('never', null)
    const breaking = caller.call('breakDown', null)
    await expect(breaking).rejects.toMatchObject({ code: 'outcomeUnknown' })
    await expect(open).rejects.toMatchObject({ code: 'outcomeUnknown' })
    await expect(open).rejects.toThrow('the tail went backwards')
    await expect(caller.call('echo', {})).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('that crashes has still given the answers it gave', async () => {
    const caller = startThread()
    const open = caller.call('never', null)
    expect(await caller.call('answerThenCrash', null)).toBe('answered')
    await expect(open).rejects.toThrow('out of luck')
  })

  it('that leaves has its open calls rejected', async () => {
    const caller = startThread()
    const open = caller.call('never', null)
    expect(await caller.call('leave', null)).toBe('bye')
    await expect(open).rejects.toMatchObject({ code: 'outcomeUnknown' })
  })

  it('answers internal where its reply cannot be sent', async () => {
    await expect(startThread().call('unsendable', null)).rejects.toMatchObject({ code: 'internal' })
  })

  it('is not asked what cannot be sent: that call alone is rejected', async () => {
    const caller = startThread()
    await expect(caller.call('echo', { words: (() => {}) as never })).rejects.toThrow('could not be cloned')
    expect(await caller.call('leave', null)).toBe('bye')
  })
})

describe('a process', () => {
  it('gets and gives back typed arrays as they are', async () => {
    const reply = await startProcess().call('echo', { words: Uint32Array.of(1, 2 ** 31) })
    expect(reply.words).toEqual(Uint32Array.of(1, 2 ** 31))
  })

  it('that is killed leaves its open calls of unknown outcome, and refuses later ones', async () => {
    const caller = startProcess()
    await caller.call('echo', {})
    const open = caller.call('never', null)
    child!.kill('SIGKILL')
    await expect(open).rejects.toMatchObject({ code: 'outcomeUnknown' })
    await expect(caller.call('echo', {})).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('that goes after an answer has given it', async () => {
    const caller = startProcess()
    const open = caller.call('never', null)
    expect(await caller.call('answerThenExit', null)).toBe('answered')
    await expect(open).rejects.toMatchObject({ code: 'outcomeUnknown' })
  })

  it('ends when its parent closes the channel', async () => {
    const caller = startProcess()
    await caller.call('echo', {})
    const exited = once(child!, 'exit')
    caller.close()
    expect(await exited).toEqual([0, null])
  })
})
