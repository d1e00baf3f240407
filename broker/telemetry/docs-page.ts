// Makes docs/metrics.md from the table of metrics. Runs in the documentation generator; pure.
import { metrics, type Metric } from './metrics.ts'

const places = [
  ['both', 'Controller and hosts'],
  ['controller', 'Controller'],
  ['host', 'Shard hosts'],
] as const

/** Returns the page as Markdown. */
export function metricsPage(): string {
  return `# Metrics

\`GET /metrics\` on the admin port answers in Prometheus' text format, for the whole daemon at once. What a shard host
measures carries its number as the label \`host\`; what the controller measures of itself has no such label. Beside the
metrics below stand those of each process: \`process_*\` (processor, memory, file descriptors) and \`nodejs_*\` (event
loop, garbage collection, heap).

No label is a stream, a shard or a client: the number of series does not grow with what users do.

${places.map(([from, title]) => `## ${title}\n\n${tableOf(from)}`).join('\n\n')}
`
}

function tableOf(from: Metric['from']): string {
  const rows = Object.entries<Metric>(metrics)
    .filter(([, metric]) => metric.from === from)
    .map(([name, { kind, labels, help }]) => {
      const labelText = labels.map((label) => `\`${label}\``).join(', ')
      return `| \`${name}\` | ${kind} | ${labelText} | ${help} |`
    })
  return ['| metric | kind | labels | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n')
}
