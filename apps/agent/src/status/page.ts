// The page of the agent: one table a flow, drawn anew every few seconds. Pure. Without scripts, so that it shows the same everywhere.
import { tallyTable, type TallyName } from '../flows/tally.ts'
import type { AgentSnapshot, FileSnapshot, FlowSnapshot } from './snapshot.ts'

const REFRESH_SECONDS = 5

/** Files of a flow that the page shows at most: those that stand first, then those that are furthest behind. The JSON has all. */
const FILES_SHOWN_MAX = 200

const STYLE = `body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1c2024;background:#fff}
h1{font-size:1.3rem}h2{font-size:1.05rem;margin:2rem 0 .3rem;overflow-wrap:anywhere}p{margin:.3rem 0}
table{border-collapse:collapse;width:100%;margin:.5rem 0}th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #d9dde1;vertical-align:top}
th{font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.path{overflow-wrap:anywhere}
.bad{color:#b3261e;font-weight:600}.quiet{color:#5c656e}
@media (prefers-color-scheme:dark){body{color:#e6e8ea;background:#15181b}th,td{border-color:#363c42}.bad{color:#ff8a80}.quiet{color:#9aa4ad}}`

export function statusPage(snapshot: AgentSnapshot): string {
  const { at, startedAt, config, warnings, flows } = snapshot
  const warned = warnings.map((warning) => `<p class="quiet">${text(warning)}</p>`).join('')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="${REFRESH_SECONDS}"><title>Millrace agent</title><style>${STYLE}</style></head>
<body><h1>Millrace agent</h1>
<p class="quiet">${text(config)}, since ${moment(startedAt)}, as of ${moment(at)}. <a href="/status.json">JSON</a>, <a href="/metrics">metrics</a>.</p>
${warned}${flows.map(flowSection).join('\n')}
</body></html>
`
}

function flowSection(flow: FlowSnapshot): string {
  const { name, destination, state, reason, tally, lastError, onItsWay, files } = flow
  const isBad = state === 'waiting' || state === 'failed'
  const figures = (Object.keys(tallyTable) as TallyName[])
    .map((each) => ({ label: words(each), value: tally[each] }))
    .filter(({ value }) => value > 0)
    .map(({ label, value }) => `${label} ${count(value)}`)
  const shown = files.toSorted(mostUrgent).slice(0, FILES_SHOWN_MAX)
  const more = files.length - shown.length
  return `<section><h2>${text(name)}</h2>
<p>To ${text(destination)}: <span${isBad ? ' class="bad"' : ''}>${state}</span>${reason === undefined ? '' : `. ${text(reason)}`}</p>
<p class="quiet">${[...figures, `on the way ${count(onItsWay.bytes)} bytes`].join(', ')}.${
    lastError === undefined ? '' : ` Last error, ${moment(lastError.at)}: ${text(lastError.message)}`
  }</p>
<table><thead><tr><th>File</th><th class="n">Size</th><th class="n">Delivered</th><th class="n">Behind</th><th class="n">Bytes/s</th><th>State</th></tr></thead>
<tbody>${shown.map(fileRow).join('')}${more > 0 ? `<tr><td colspan="6" class="quiet">and ${count(more)} more</td></tr>` : ''}</tbody></table></section>`
}

function fileRow(file: FileSnapshot): string {
  const { path, size, confirmedOffset, lagBytes, bytesPerSecond, state, reason, standsSince } = file
  const stands =
    standsSince === undefined ? '' : ` <span class="bad">Stands still since ${moment(standsSince)}.</span>`
  return `<tr><td class="path">${text(path)}</td>${[
    size,
    confirmedOffset,
    lagBytes,
    Math.round(bytesPerSecond),
  ]
    .map((value) => `<td class="n">${count(value)}</td>`)
    .join('')}<td>${text(state)}: ${text(reason)}${stands}</td></tr>`
}

function mostUrgent(one: FileSnapshot, other: FileSnapshot): number {
  const standing = Number(other.standsSince !== undefined) - Number(one.standsSince !== undefined)
  return standing || other.lagBytes - one.lagBytes || (one.path < other.path ? -1 : 1)
}

/** `records sent` for `recordsSent`. */
function words(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}

function moment(at: number): string {
  return new Date(at)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC')
}

function text(value: string): string {
  return value
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
