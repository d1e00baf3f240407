// Closing a composition: the reverse order of opening, everything in spite of failures, one deadline for all drains.
import { describe, expect, test } from 'vitest'
import { closeAll, remaining, type Closers } from '../../broker/closing.ts'

describe('closeAll', () => {
  test('closes in the opposite order of opening, one after the other, and once', async () => {
    const closed: string[] = []
    const closing = (name: string) => async (): Promise<void> => {
      closed.push(`${name} begins`)
      await Promise.resolve()
      closed.push(`${name} ends`)
    }
    const closers: Closers = [closing('lock'), closing('server')]
    await closeAll(closers)
    await closeAll(closers)
    expect(closed).toEqual(['server begins', 'server ends', 'lock begins', 'lock ends'])
  })

  test('closes everything else where a closer throws or rejects, and rejects with all failures', async () => {
    const [thrown, rejected] = [new Error('thrown'), new Error('rejected')]
    let isLockReleased = false
    const closers: Closers = [
      () => (isLockReleased = true),
      () => {
        throw thrown
      },
      () => Promise.reject(rejected),
    ]
    await expect(closeAll(closers)).rejects.toMatchObject({ errors: [rejected, thrown] })
    expect(isLockReleased).toBe(true)
  })
})

describe('remaining', () => {
  test('counts from its first call, and never below zero', () => {
    let now = 1_000
    const left = remaining(500, { elapsed: () => now })
    now = 9_000
    expect(left()).toBe(500)
    now = 9_200.5
    expect(left()).toBe(300)
    now = 20_000
    expect(left()).toBe(0)
  })
})
