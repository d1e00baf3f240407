// Work of one stream is done in the order of asking, one piece at a time; what waits is bounded and can be withdrawn.
import { describe, expect, test } from 'vitest'
import { Turns } from '../../../broker/control/resharding/turns.ts'
import { settled } from '../support/fake-time.ts'

const full = (): never => {
  throw new Error('full')
}

/** Work that says when it begins, and ends when it is told to. */
function recorded() {
  const begun: string[] = []
  const ends = new Map<string, { resolve: (value: string) => void; reject: (error: Error) => void }>()
  const work = (name: string) => (): Promise<string> => {
    begun.push(name)
    return new Promise((resolve, reject) => {
      ends.set(name, { resolve, reject })
    })
  }
  return { begun, ends, work }
}

describe('Turns', () => {
  test('one at a time and in order for a stream, side by side for several', async () => {
    const turns = new Turns({ waitingMax: 9 })
    const { begun, ends, work } = recorded()
    const first = turns.take(1, work('a'), full)
    const second = turns.take(1, work('b'), full)
    turns.take(2, work('c'), full)
    await settled()
    expect(begun).toEqual(['a', 'c'])
    ends.get('a')!.reject(new Error('failed'))
    await expect(first.done).rejects.toThrow('failed')
    await settled()
    expect(begun).toEqual(['a', 'c', 'b'])
    ends.get('b')!.resolve('done')
    expect(await second.done).toBe('done')
  })

  test('tells when a stream is busy, and when it is not any more', async () => {
    const turns = new Turns({ waitingMax: 9 })
    const { ends, work } = recorded()
    await turns.whenIdle(1)
    turns.take(1, work('a'), full)
    turns.take(1, work('b'), full)
    let isIdle = false
    void turns.whenIdle(1).then(() => (isIdle = true))
    ends.get('a')!.resolve('')
    await settled()
    expect([turns.isBusy(1), isIdle]).toEqual([true, false])
    ends.get('b')!.resolve('')
    await settled()
    expect([turns.isBusy(1), isIdle]).toEqual([false, true])
  })

  test('refuses what is too much, and what it refused leaves no trace', async () => {
    const turns = new Turns({ waitingMax: 1 })
    const { begun, ends, work } = recorded()
    turns.take(1, work('a'), full)
    turns.take(1, work('b'), full)
    expect(() => turns.take(1, work('c'), full)).toThrow('full')
    ends.get('a')!.resolve('')
    await settled()
    ends.get('b')!.resolve('')
    await settled()
    expect([begun, turns.isBusy(1)]).toEqual([['a', 'b'], false])
  })

  test('a place can be given up until its turn has come', async () => {
    const turns = new Turns({ waitingMax: 9 })
    const { begun, ends, work } = recorded()
    const first = turns.take(1, work('a'), full)
    const second = turns.take(1, work('b'), full)
    expect([first.withdraw(), second.withdraw(), second.withdraw()]).toEqual([false, true, false])
    ends.get('a')!.resolve('')
    await settled()
    expect(begun).toEqual(['a'])
  })

  test('when it is stopped, what waits is refused, and nothing begins any more', async () => {
    const turns = new Turns({ waitingMax: 9 })
    const { begun, ends, work } = recorded()
    const first = turns.take(1, work('a'), full)
    const second = turns.take(1, work('b'), full)
    turns.stop()
    await expect(second.done).rejects.toMatchObject({ code: 'unavailable' })
    expect(() => turns.take(2, work('c'), full)).toThrow('stopping')
    ends.get('a')!.resolve('ended by itself')
    expect(await first.done).toBe('ended by itself')
    expect(begun).toEqual(['a'])
  })
})
