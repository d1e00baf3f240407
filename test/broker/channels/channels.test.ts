// What every channel promises, shown by a pair in one thread and by message ports: order, nothing lost, one close.
import { MessageChannel } from 'node:worker_threads'
import { describe, expect, it, vi } from 'vitest'
import type { Channel } from '../../../broker/channels/channel.ts'
import { channelPair } from '../../../broker/channels/channel-pair.ts'
import { portChannel } from '../../../broker/threads/port-channel.ts'

function portPair(): [Channel, Channel] {
  const { port1, port2 } = new MessageChannel()
  return [portChannel(port1), portChannel(port2)]
}

describe.each([
  ['a pair in one thread', channelPair],
  ['message ports', portPair],
])('%s', (_name, open) => {
  it('delivers in order, and never inside post', async () => {
    const [near, far] = open()
    const seen: unknown[] = []
    far.onMessage((message) => seen.push(message))
    for (let i = 0; i < 100; i++) near.post(i)
    expect(seen).toEqual([])
    await expect.poll(() => seen.length).toBe(100)
    expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => i))
    near.close()
  })

  it('keeps what arrives before anybody listens', async () => {
    const [near, far] = open()
    near.post('early')
    near.post('bird')
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    const seen: unknown[] = []
    far.onMessage((message) => seen.push(message))
    await expect.poll(() => seen.length).toBe(2)
    expect(seen).toEqual(['early', 'bird'])
    near.close()
  })

  it('delivers what was posted before the close, then tells both sides of it once', async () => {
    const [near, far] = open()
    const told: string[] = []
    far.onMessage((message) => told.push(String(message)))
    far.onClose(() => told.push('far closed'))
    near.onClose(() => told.push('near closed'))
    near.post('last words')
    near.close()
    near.close()
    await expect.poll(() => told).toContain('far closed')
    expect(told).toEqual(['near closed', 'last words', 'far closed'])
  })

  it('is silent after its close, and tells late listeners at once', async () => {
    const [near, far] = open()
    const messages = vi.fn<() => void>()
    near.onMessage(messages)
    near.close()
    near.post('into the void')
    far.post('too late')
    await new Promise<void>((resolve) => far.onClose(() => resolve()))
    expect(messages).not.toHaveBeenCalled()
    const listener = vi.fn<() => void>()
    near.onClose(listener)
    expect(listener).toHaveBeenCalledOnce()
  })
})

it('a pair in one thread hands over the very object', async () => {
  const [near, far] = channelPair()
  const arena = new ArrayBuffer(8)
  const arrived = new Promise((resolve) => {
    far.onMessage(resolve)
  })
  near.post({ arena }, [arena])
  expect(((await arrived) as { arena: ArrayBuffer }).arena).toBe(arena)
})

it('message ports transfer buffers: the sender has none left', async () => {
  const [near, far] = portPair()
  const arena = new ArrayBuffer(8)
  const arrived = new Promise((resolve) => {
    far.onMessage(resolve)
  })
  near.post({ arena }, [arena])
  expect(arena.byteLength).toBe(0)
  expect(((await arrived) as { arena: ArrayBuffer }).arena.byteLength).toBe(8)
  near.close()
})
