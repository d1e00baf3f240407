// Makes docs/audit.md from the table of audit events. Runs in the documentation generator; pure.
import { auditedOperations, auditEvents, type AuditEvent } from './events.ts'

/** Returns the page as Markdown. */
export function auditPage(): string {
  const rows = Object.entries<AuditEvent>(auditEvents).map(([name, { code, limited, doc }]) => {
    const operations = Object.entries(auditedOperations).filter(([, event]) => event === name)
    const names = operations.map(([operation]) => `\`${operation}\``).join(', ')
    return `| ${code} | \`${name}\` | ${doc} | ${names} | ${limited ? 'yes' : ''} |`
  })
  return `# Audit

Each process writes down who did what, and who was refused what: one line of JSON for each event of the table below. The codes
are stable: an alert may lean on them. Lines stand in the log, marked \`"log": "audit"\` and written whatever \`log-level\` says
(\`silent\` aside), or in a file of their own with \`--audit-log PATH\`.

\`\`\`json
{"level":"info","time":"2026-01-02T03:04:05.678Z","process":"controller","pid":7,"log":"audit","code":"STREAM-002","event":"streamUpdated","principal":"shop","address":"10.0.0.7:52044","session":12,"operation":"updateStream","resource":"orders","outcome":"done","from":{"retentionMs":86400000},"to":{"retentionMs":172800000},"msg":"STREAM-002 streamUpdated: done"}
\`\`\`

- \`principal\` is missing where nobody said who asks; \`actor\` is the principal that acted as it, whose the \`credential\`
  then is. \`outcome\` is \`done\`, once the change is on disk, or the code of the error
  that was answered; \`outcomeUnknown\` says that the change may still happen. \`from\` and \`to\` are what was there and what was
  asked for. No line holds a token, a secret or a payload.
- An event that anybody can cause as often as he likes is limited: of each source (principal, else address) and event, ten lines
  a minute are written, and then one with \`leftOut\`, the number of the others. Administrative changes are never left out.
  \`millrace_audit_events_total\` counts all of them.
- The file is made with mode 0600 and only appended to, each line in one write, by the controller and all hosts. After a rename, as
  by logrotate, each process makes the new file with its next line, within a second; no signal is needed.
- Writing never holds up the broker. Where the disk takes no lines, up to 8 MiB of them wait in each process; further ones are
  dropped, and a line in their place says how many (\`droppedLines\`). A process that is killed loses the lines that wait.

| code | event | meaning | operations | limited |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}
