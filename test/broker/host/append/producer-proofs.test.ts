// Writing under a producer id: only a session that sends its secret may.
import { describe, expect, it } from 'vitest'
import { anyone, identityOf } from '../../../../broker/access/identity.ts'
import { addressNumberOf } from '../../../../broker/host/append/origin-numbers.ts'
import { ProducerProofs } from '../../../../broker/host/append/producer-proofs.ts'
import { producerIdentityOf } from '../../../../protocol/producer-identity.ts'
import { producerNumber } from '../../../support/producers.ts'
import { FakeSession } from '../support/fake-session.ts'
import { codeOf, contents, makeBatch, startTestHost } from '../support/test-host.ts'

const own = producerNumber(1)
const other = producerNumber(2)
const { tag } = producerIdentityOf(own.secret)
const nobody = { tag: 0, openTag: 0, holder: 0, address: 0, most: 0 }
const batch = makeBatch(['a'], { producerId: own.producerId })

describe('ProducerProofs', () => {
  it('accepts the secret of which the id is a hash, and no other', () => {
    const proofs = new ProducerProofs()
    const { session } = new FakeSession().context
    expect(proofs.producerOf(session, batch, own.secret)).toMatchObject({ tag })
    const changed = Buffer.from(own.secret)
    changed[15]! ^= 1
    for (const wrong of [undefined, new Uint8Array(0), other.secret, changed, own.secret.subarray(0, 15)]) {
      expect(proofs.producerOf(session, batch, wrong)).toBeUndefined()
    }
    // A wrong secret does not replace the proof of the right one, nor the other way round.
    expect(proofs.producerOf(session, batch, own.secret)).toMatchObject({ tag })
  })

  it('needs no secret for a batch without a producer', () => {
    const proofs = new ProducerProofs()
    expect(proofs.producerOf(new FakeSession().context.session, makeBatch(['a']), undefined)).toEqual(nobody)
    expect(proofs.hashes).toBe(0)
  })

  it('hashes a secret once for each session, even if the memory of the received frame is reused', () => {
    const proofs = new ProducerProofs()
    const [first, second] = [new FakeSession().context.session, new FakeSession().context.session]
    const view = Buffer.from(own.secret)
    for (let i = 0; i < 5; i++) proofs.producerOf(first, batch, view)
    expect(proofs.hashes).toBe(1)
    view.fill(0)
    expect(proofs.producerOf(first, batch, view)).toBeUndefined()
    expect(proofs.producerOf(first, batch, own.secret)).toBeDefined()
    expect(proofs.hashes).toBe(2)
    // The proof of one session does not count for another.
    expect(proofs.producerOf(second, batch, undefined)).toBeUndefined()
    expect(proofs.producerOf(second, batch, own.secret)).toBeDefined()
    expect(proofs.hashes).toBe(3)
  })

  it('binds an id to the principal that shows its secret', () => {
    const proofs = new ProducerProofs()
    const as = (principal: string) => {
      const session = new FakeSession()
      session.identity = identityOf(principal, [], () => 0)
      return proofs.producerOf(session, batch, own.secret)!
    }
    const [shop, again, thief] = [as('shop'), as('shop'), as('thief')]
    expect(again.tag).toBe(shop.tag)
    expect(thief.tag).not.toBe(shop.tag)
    for (const { openTag } of [shop, thief]) expect(openTag).toBe(tag)
    expect(shop.tag).not.toBe(tag)
  })

  it('proves an id again when the session has another identity', () => {
    const proofs = new ProducerProofs()
    const session = new FakeSession()
    expect(proofs.producerOf(session, batch, own.secret)).toMatchObject({ tag, openTag: tag })
    session.identity = identityOf('shop', [], () => 0)
    expect(proofs.producerOf(session, batch, own.secret)!.tag).not.toBe(tag)
    expect(proofs.hashes).toBe(2)
  })

  it('counts all sessions of a principal as one, wherever they come from', () => {
    const proofs = new ProducerProofs({ mostOf: (principal) => (principal === 'shop' ? 7 : 0) })
    const provenFor = (principal: string, remote: string) => {
      const session = { id: 1, remote, identity: { ...anyone, principal } }
      return proofs.producerOf(session, batch, own.secret)!
    }
    const one = provenFor('shop', '10.0.0.1:1')
    const other = provenFor('shop', '10.0.0.2:1')
    const bank = provenFor('bank', '10.0.0.1:2')
    expect(other.holder).toBe(one.holder)
    expect(other.address).not.toBe(one.address)
    expect(bank.holder).not.toBe(one.holder)
    expect([one.most, bank.most]).toEqual([7, 0])
    expect(Number.isSafeInteger(one.holder)).toBe(true)
  })

  it('distinguishes sessions and addresses', () => {
    const proofs = new ProducerProofs()
    const [first, second] = [new FakeSession().context.session, new FakeSession().context.session]
    const ofFirst = proofs.producerOf(first, batch, own.secret)!
    const ofSecond = proofs.producerOf(second, batch, own.secret)!
    expect(ofFirst.holder).not.toBe(ofSecond.holder)
    expect(ofFirst.address).toBe(ofSecond.address)
  })

  it('remembers a bounded number of proofs, and hashes forgotten ones again', () => {
    const proofs = new ProducerProofs({ max: 3 })
    const { session } = new FakeSession().context
    for (let n = 1; n <= 50; n++) {
      const { producerId, secret } = producerNumber(n)
      expect(proofs.producerOf(session, makeBatch(['a'], { producerId }), secret)).toBeDefined()
    }
    expect(proofs.hashes).toBe(50)
    expect(proofs.producerOf(session, batch, own.secret)).toBeDefined()
  })
})

describe('addressNumberOf', () => {
  it.each([
    ['127.0.0.1:5000', '127.0.0.1:6000'],
    ['[::ffff:10.1.2.3]:1', '10.1.2.3:2'],
    ['[2001:db8:1:2:aaaa::1]:1', '[2001:db8:1:2::5]:2'],
    ['[2001:db8::1]:1', '[2001:db8:0:0:1:2:3:4]:9'],
    ['[::1]:1', '[::2]:1'],
    ['[fe80::1%eth0]:1', '[fe80::2%eth0]:1'],
    ['in process', 'in process'],
  ])('is the same for %s and %s', (one, other) => {
    expect(addressNumberOf(one)).toBe(addressNumberOf(other))
    expect(Number.isSafeInteger(addressNumberOf(one))).toBe(true)
  })

  it.each([
    ['127.0.0.1:5000', '127.0.0.2:5000'],
    ['[2001:db8:1:2::1]:1', '[2001:db8:1:3::1]:1'],
    ['[2001:db8::1:2:3:4:5]:1', '[2001:db8::2:3:4:5]:1'],
    ['10.0.0.1:1', '[::1]:1'],
  ])('differs for %s and %s', (one, other) => {
    expect(addressNumberOf(one)).not.toBe(addressNumberOf(other))
  })
})

describe('append', () => {
  it('stores nothing that is sent under an id without its secret, at any epoch and sequence', async () => {
    const host = await startTestHost()
    const session = new FakeSession()
    await host.append(session, batch)
    const forged = [0, 1, 2].map((firstProducerSequence) => ({
      shardIndex: 0,
      batch: makeBatch(['forged'], { producerId: own.producerId, firstProducerSequence }),
      producerSecret: other.secret,
    }))
    const { results } = await host.appendTo(new FakeSession(), ...forged)
    expect(results.map(codeOf)).toEqual(forged.map(() => 'producerUnproven'))
    expect(results[0]!.message).toContain(String(own.producerId))
    expect(contents((await host.fetchOne(session, 0)).batches)).toEqual(['0:a'])
  })
})
