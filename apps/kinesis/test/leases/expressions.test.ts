// Conditions and updates of items, in expressions and in the older form.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  isAttributeValue,
  normalItem,
  normalNumber,
  sum,
  type Item,
} from '../../src/leases/attribute-value.ts'
import { parseCondition } from '../../src/leases/expressions/condition.ts'
import { conditionOfExpected, updateOfAttributes } from '../../src/leases/expressions/legacy.ts'
import { parseUpdate } from '../../src/leases/expressions/update.ts'

const lease: Item = {
  leaseKey: { S: 'shardId-0' },
  leaseOwner: { S: 'w1' },
  leaseCounter: { N: '41' },
  parents: { SS: ['a', 'b'] },
  nested: { M: { list: { L: [{ N: '1' }, { S: 'two' }] }, 'a.b': { BOOL: true } } },
}

const placeholders = {
  names: { '#c': 'leaseCounter', '#dotted': 'a.b', '#owner': 'leaseOwner' },
  values: {
    ':41': { N: '41.0' },
    ':42': { N: '42' },
    ':w1': { S: 'w1' },
    ':w': { S: 'w' },
    ':a': { S: 'a' },
    ':true': { BOOL: true },
    ':sets': { SS: ['b', 'c'] },
    ':same': { SS: ['b', 'a'] },
    ':list': { L: [{ S: 'three' }] },
    ':type': { S: 'N' },
  },
} as const

const holds = (expression: string, item: Item = lease) =>
  parseCondition(expression, placeholders, 'ConditionExpression')(item)

describe('a condition expression', () => {
  it.each([
    ['attribute_exists(leaseKey)', true],
    ['attribute_not_exists(leaseKey)', false],
    ['attribute_not_exists(nested.missing) AND attribute_exists(nested.list[1])', true],
    ['leaseCounter = :41', true],
    ['#c <> :41', false],
    ['#c < :42 and #c >= :41', true],
    ['NOT #c > :41', true],
    ['#c BETWEEN :41 AND :42 AND leaseOwner = :w1', true],
    ['leaseOwner IN (:a, :w1)', true],
    ['leaseOwner IN (:a, :w)', false],
    ['begins_with(#owner, :w)', true],
    ['contains(parents, :a) AND NOT contains(parents, :w)', true],
    ['parents = :same', true],
    ['nested.#dotted = :true', true],
    ['attribute_type(#c, :type)', true],
    ['size(parents) < :41', true],
    ['missing = :41', false],
    ['missing <> :41', true],
    ['missing < :41', false],
    ['leaseOwner < :41', false],
    // AND binds closer than OR, and NOT than AND.
    ['leaseOwner = :w1 OR missing = :41 AND missing = :42', true],
    ['(leaseOwner = :w1 OR missing = :41) AND missing = :42', false],
    ['NOT missing = :41 AND leaseOwner = :w1', true],
  ])('%s is %s', (expression, expected) => {
    expect(holds(expression)).toBe(expected)
  })

  it.each([
    '',
    'leaseKey',
    'leaseKey =',
    'leaseKey = :none',
    '#none = :41',
    '(leaseKey = :41',
    'leaseKey = :41)',
    'leaseKey == :41',
    'unknown(leaseKey, :41)',
    'leaseKey = :41 leaseOwner = :w1',
    'leaseKey; drop',
    '('.repeat(200) + 'leaseKey = :41' + ')'.repeat(200),
  ])('is refused: %s', (expression) => {
    expect(() => holds(expression)).toThrow(/^Invalid ConditionExpression/)
  })
})

describe('an update expression', () => {
  const updated = (expression: string, item: Item = lease) =>
    parseUpdate(expression, placeholders).apply(item)

  it('sets, removes, adds and deletes, all of it of the item as it was', () => {
    const after = updated(
      'SET #c = #c + :42, fresh = if_not_exists(fresh, :a), kept = if_not_exists(leaseOwner, :a), nested.list = list_append(nested.list, :list) REMOVE leaseOwner ADD parents :sets, total :41',
    )
    expect(after).toEqual({
      leaseKey: { S: 'shardId-0' },
      leaseCounter: { N: '83' },
      fresh: { S: 'a' },
      kept: { S: 'w1' },
      parents: { SS: ['a', 'b', 'c'] },
      total: { N: '41.0' },
      nested: { M: { list: { L: [{ N: '1' }, { S: 'two' }, { S: 'three' }] }, 'a.b': { BOOL: true } } },
    })
    expect(updated('DELETE parents :sets').parents).toEqual({ SS: ['a'] })
    expect(updated('DELETE parents :same')).not.toHaveProperty('parents')
    expect(updated('REMOVE nested.list[0]').nested).toEqual({
      M: { list: { L: [{ S: 'two' }] }, 'a.b': { BOOL: true } },
    })
  })

  it.each([
    'SET',
    'SET a :41',
    'PUT a = :41',
    'SET a = #c + leaseOwner',
    'SET a = missing',
    'SET missing.inner = :41',
    'ADD leaseOwner :41',
    'REMOVE',
  ])('is refused: %s', (expression) => {
    expect(() => updated(expression)).toThrow(expect.objectContaining({ code: 'ValidationException' }))
  })
})

describe('an update of several places', () => {
  const listed: Item = {
    list: { L: ['a', 'b', 'c', 'd'].map((S) => ({ S })) },
    map: { M: { list: { L: [{ S: 'x' }] } } },
  }
  const after = (expression: string) => parseUpdate(expression, placeholders).apply(listed)['list']

  it('counts the elements of a list as they were before any of them went', () => {
    expect(after('REMOVE list[0], list[1]')).toEqual({ L: [{ S: 'c' }, { S: 'd' }] })
    expect(after('REMOVE list[0], map.list[0], list[1]')).toEqual({ L: [{ S: 'c' }, { S: 'd' }] })
    expect(after('REMOVE list[2], list[0] SET list[3] = :a')).toEqual({ L: [{ S: 'b' }, { S: 'a' }] })
  })

  it.each([
    'SET map = :a REMOVE map.list',
    'SET list[1] = :a, list[1] = :w',
    'REMOVE map.list[0] ADD map.list :41',
  ])('%s is refused: one place is within the other', (expression) => {
    expect(() => after(expression)).toThrow('Two document paths overlap with each other')
  })
})

describe('an item', () => {
  it('is stored with its numbers in the form in which they are answered', () => {
    const given: Item = {
      a: { N: '2.50' },
      b: { NS: ['01', '1e1'] },
      c: { L: [{ M: { d: { N: '-0.0' } } }] },
    }
    expect(normalItem(given)).toEqual({
      a: { N: '2.5' },
      b: { NS: ['1', '10'] },
      c: { L: [{ M: { d: { N: '0' } } }] },
    })
  })
})

describe('the older form of conditions and updates', () => {
  it('says what attributes have to be, all of it or any of it', () => {
    const check = (expected: Parameters<typeof conditionOfExpected>[0], operator?: string) =>
      conditionOfExpected(expected, operator)(lease)
    expect(check({ leaseCounter: { Value: { N: '41' } }, leaseOwner: { Value: { S: 'w1' } } })).toBe(true)
    expect(check({ leaseCounter: { Value: { N: '42' } }, leaseOwner: { Value: { S: 'w1' } } })).toBe(false)
    expect(check({ leaseCounter: { Value: { N: '42' } }, leaseOwner: { Value: { S: 'w1' } } }, 'OR')).toBe(
      true,
    )
    expect(check({ leaseKey: { Exists: false } })).toBe(false)
    expect(check({ missing: { Exists: false } })).toBe(true)
    expect(check({ missing: { ComparisonOperator: 'NULL' } })).toBe(true)
    expect(
      check({
        leaseCounter: { ComparisonOperator: 'BETWEEN', AttributeValueList: [{ N: '1' }, { N: '50' }] },
      }),
    ).toBe(true)
    expect(() => check({ leaseKey: { Exists: false, Value: { S: 'x' } } })).toThrow(/Value cannot be used/)
    expect(() => check({ leaseKey: {} })).toThrow(/Value must be provided/)
  })

  it('puts, adds and deletes attributes', () => {
    const update = updateOfAttributes({
      leaseOwner: { Action: 'DELETE' },
      leaseCounter: { Value: { N: '1' }, Action: 'ADD' },
      parents: { Value: { SS: ['a'] }, Action: 'DELETE' },
      checkpoint: { Value: { S: 'SHARD_END' } },
    })
    const { leaseOwner: _, ...others } = lease
    expect(update.apply(lease)).toEqual({
      ...others,
      leaseCounter: { N: '42' },
      parents: { SS: ['b'] },
      checkpoint: { S: 'SHARD_END' },
    })
    expect([...update.names]).toEqual(['leaseOwner', 'leaseCounter', 'parents', 'checkpoint'])
    expect(() => updateOfAttributes({ leaseOwner: {} })).toThrow(/Only DELETE action/)
  })
})

describe('numbers', () => {
  it('are added exactly, whatever their size', () => {
    const whole = fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n })
    fc.assert(
      fc.property(whole, whole, fc.integer({ min: 0, max: 20 }), (a, b, scale) => {
        const [x, y] = [`${a}e-${scale}`, `${b}e-${scale}`]
        expect(sum(x, y, 1)).toBe(normalNumber(`${a + b}e-${scale}`))
        expect(sum(x, y, -1)).toBe(normalNumber(`${a - b}e-${scale}`))
      }),
    )
    expect(sum('0.1', '0.2', 1)).toBe('0.3')
    expect(normalNumber('-00.500')).toBe('-0.5')
    expect(normalNumber('-0')).toBe('0')
  })

  it('are nothing else', () => {
    for (const text of ['', '.', '-', '1e', 'NaN', '1e999', '0x1', ' 1']) {
      expect(isAttributeValue({ N: text })).toBe(false)
    }
  })
})
