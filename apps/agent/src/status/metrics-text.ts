// The agent's metrics in Prometheus' text form. Pure. Their names derive from the table of figures.
import { tallyTable, type TallyName } from '../flows/tally.ts'
import type { AgentSnapshot, FileSnapshot, FlowSnapshot } from './snapshot.ts'

/** Content type of the text. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

interface Metric {
  readonly name: string
  readonly doc: string
  readonly type: 'counter' | 'gauge'
  readonly samples: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[]
}

export function metricsText(snapshot: AgentSnapshot): string {
  return `${[...flowMetrics(snapshot.flows), ...fileMetrics(snapshot.flows)].map(printed).join('\n')}\n`
}

/** `millrace_agent_records_sent_total` */
export function counterName(name: TallyName): string {
  return `millrace_agent_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_total`
}

function flowMetrics(flows: readonly FlowSnapshot[]): readonly Metric[] {
  const perFlow = (value: (flow: FlowSnapshot) => number): Metric['samples'] =>
    flows.map((flow) => ({ labels: { flow: flow.name }, value: value(flow) }))
  const counters = (Object.keys(tallyTable) as TallyName[]).map((name): Metric => ({
    name: counterName(name),
    doc: tallyTable[name].doc,
    type: 'counter',
    samples: perFlow(({ tally }) => tally[name]),
  }))
  return [
    ...counters,
    {
      name: 'millrace_agent_flow_up',
      doc: '1 where the flow runs, 0 where it waits for somebody or has failed.',
      type: 'gauge',
      samples: perFlow(({ state }) => Number(state !== 'waiting' && state !== 'failed')),
    },
    {
      name: 'millrace_agent_consecutive_processing_errors',
      doc: 'Looks in a row in which processing skipped every record that was read.',
      type: 'gauge',
      samples: perFlow(({ consecutiveProcessingErrors }) => consecutiveProcessingErrors),
    },
  ]
}

function fileMetrics(flows: readonly FlowSnapshot[]): readonly Metric[] {
  const perFile = (value: (file: FileSnapshot) => number): Metric['samples'] =>
    flows.flatMap((flow) =>
      flow.files
        .filter(({ file }) => file !== undefined)
        .map((file) => ({
          labels: { flow: flow.name, path: file.path, file: file.file! },
          value: value(file),
        })),
    )
  const gauge = (name: string, doc: string, value: (file: FileSnapshot) => number): Metric => ({
    name: `millrace_agent_file_${name}`,
    doc,
    type: 'gauge',
    samples: perFile(value),
  })
  return [
    gauge('size_bytes', 'Size of the file.', ({ size }) => size),
    gauge(
      'confirmed_bytes',
      'Up to where everything is delivered.',
      ({ confirmedOffset }) => confirmedOffset,
    ),
    gauge('lag_bytes', 'Bytes of the file that are not delivered.', ({ lagBytes }) => lagBytes),
    gauge('stands', '1 where there is more to deliver and nothing is.', ({ standsSince }) =>
      Number(standsSince !== undefined),
    ),
  ]
}

function printed({ name, doc, type, samples }: Metric): string {
  const lines = samples.map(({ labels, value }) => {
    const shown = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
    return `${name}{${shown.join(',')}} ${value}`
  })
  return [`# HELP ${name} ${doc}`, `# TYPE ${name} ${type}`, ...lines].join('\n')
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
