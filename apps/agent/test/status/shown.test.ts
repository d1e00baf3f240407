// What the agent shows: every figure has its metric, and nothing of a name or reason is taken for markup.
import { describe, expect, it } from 'vitest'
import { emptyTally, tallyTable, type TallyName } from '../../src/flows/tally.ts'
import { counterName, metricsText } from '../../src/status/metrics-text.ts'
import { statusPage } from '../../src/status/page.ts'
import type { AgentSnapshot } from '../../src/status/snapshot.ts'

const snapshot: AgentSnapshot = {
  at: Date.UTC(2026, 1, 3, 4, 5, 6),
  startedAt: Date.UTC(2026, 1, 3),
  config: '/etc/agent.json',
  warnings: ['agent.json:3: maxSendingThreads has no effect here.'],
  flows: [
    {
      name: 'kinesis:clicks:/logs/"a"\\*<b>.log',
      destination: 'a stream of the broker, clicks',
      state: 'waiting',
      reason: 'The stream <clicks> does not exist.',
      tally: { ...emptyTally(), recordsSent: 12, recordsSkipped: 3 },
      consecutiveProcessingErrors: 2,
      onItsWay: { chunks: 1, bytes: 1234 },
      lastError: { at: Date.UTC(2026, 1, 3, 4), message: 'no & never' },
      files: [
        {
          path: '/logs/a.log',
          file: '1-2-1',
          size: 2000,
          offset: 1000,
          confirmedOffset: 500,
          lagBytes: 1500,
          modifiedAt: 0,
          state: 'destination',
          reason: 'held',
          bytesPerSecond: 10,
          standsSince: Date.UTC(2026, 1, 3, 3),
        },
      ],
    },
  ],
}

describe('metricsText', () => {
  it('has every figure of the table, with help, type and value', () => {
    const text = metricsText(snapshot)
    const flow = 'flow="kinesis:clicks:/logs/\\"a\\"\\\\*<b>.log"'
    for (const name of Object.keys(tallyTable) as TallyName[]) {
      const metric = counterName(name)
      expect(text).toContain(`# HELP ${metric} ${tallyTable[name].doc}\n# TYPE ${metric} counter\n`)
      expect(text).toContain(`${metric}{${flow}} ${snapshot.flows[0]!.tally[name]}\n`)
    }
    expect(text).toContain(`millrace_agent_flow_up{${flow}} 0\n`)
    expect(text).toContain(
      'millrace_agent_file_lag_bytes{' + flow + ',path="/logs/a.log",file="1-2-1"} 1500\n',
    )
    expect(text).toContain(',file="1-2-1"} 1\n')
  })

  it('has one line of samples, help or type a line', () => {
    for (const line of metricsText(snapshot).trimEnd().split('\n')) {
      expect(line).toMatch(
        /^(# (HELP|TYPE) millrace_agent_\w+ .+|millrace_agent_\w+\{(\w+="([^"\\]|\\.)*",?)+\} \d+)$/,
      )
    }
  })
})

describe('statusPage', () => {
  it('says per flow and file how it stands and why, as text', () => {
    const page = statusPage(snapshot)
    expect(page).toContain('The stream &lt;clicks&gt; does not exist.')
    expect(page).toContain('no &amp; never')
    expect(page).toContain('Stands still since 2026-02-03 03:00:00 UTC.')
    expect(page).toContain('maxSendingThreads has no effect here.')
    expect(page).toContain('records sent 12')
    expect(page).not.toContain('<clicks>')
    expect(page).not.toContain('<b>')
  })
})
