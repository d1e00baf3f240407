// The table of audit events, and that no operation that manages something escapes it.
import { describe, expect, it } from 'vitest'
import { auditedOperations, auditEvents } from '../../../../broker/telemetry/audit/events.ts'
import { operations, type Operation } from '../../../../protocol/operations.ts'

describe('audit events', () => {
  it('have codes of their own, by family and number', () => {
    const codes = Object.values(auditEvents).map(({ code }) => code)
    expect(new Set(codes).size).toBe(codes.length)
    for (const code of codes) expect(code).toMatch(/^[A-Z]+-\d{3}$/)
  })

  it.each(Object.entries<Operation>(operations))('cover %s if it manages something', (name, { grant }) => {
    const manages = grant.some(
      (rule) =>
        rule.rule === 'delegates' ||
        ('action' in rule && (rule.action === 'manage' || rule.action === 'admin')),
    )
    if (manages && !/^(list|describe)/.test(name)) expect(Object.keys(auditedOperations)).toContain(name)
  })

  it('of operations that change something are never left out for their number', () => {
    for (const event of Object.values(auditedOperations)) expect(auditEvents[event].limited).toBe(false)
  })
})
