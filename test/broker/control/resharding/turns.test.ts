// Work of one stream runs in the order of asking, one piece at a time; waiting work is bounded and can be withdrawn.
import { describe, expect, test } from 'vitest'
import { Turns } from '../../../../broker/control/resharding/turns.ts'
import { settled } from '../support/fake-time.ts'

const full = (): never => {
  throw new Error('full')
}

/** Work that records its begin, and ends when the test says so. */
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
  test('runs work of one stream one at a time and in order, and work of several streams side by side', async () => {
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

  test('isBusy, whenIdle: say whether a stream has work, and when it has none', async () => {
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

  test('take: refuses work beyond its limit, and never runs refused work', async () => {
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

  test('withdraw: takes work out of the line until its turn has come', async () => {
    const turns = new Turns({ waitingMax: 9 })
    const { begun, ends, work } = recorded()
    const first = turns.take(1, work('a'), full)
    const second = turns.take(1, work('b'), full)
    expect([first.withdraw(), second.withdraw(), second.withdraw()]).toEqual([false, true, false])
    ends.get('a')!.resolve('')
    await settled()
    expect(begun).toEqual(['a'])
  })

  test('stop: refuses waiting and new work', async () => {
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
