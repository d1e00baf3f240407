// The table of the command's exit codes. `millrace --help` prints it, and a test compares the two.

import { HELP_WIDTH } from './help.ts'
import { hanging } from './output/table.ts'

export interface ExitCode {
  readonly code: number
  readonly doc: string
}

export const exitCodes = {
  ok: {
    code: 0,
    doc: 'Done; also when the reader of a pipe went away, or Ctrl-C ended a consume that follows.',
  },
  failed: {
    code: 1,
    doc: 'The broker or the machine refused, or did not store all in time; what was done is reported.',
  },
  usage: { code: 2, doc: 'The command line or the configuration is wrong; nothing was done.' },
  unreachable: { code: 3, doc: 'No broker answers at the address, or by TLS it cannot be trusted.' },
  notFound: {
    code: 4,
    doc: 'The stream, the shard, the group, the consumer, the document, the principal, the token or the key does not exist.',
  },
  unhealthy: { code: 5, doc: 'status, doctor or check found something wrong, and said what.' },
  malformed: {
    code: 6,
    doc: 'check found the disk sound, and batches that were written so that no reader can take them apart.',
  },
  unchecked: {
    code: 7,
    doc: 'check found nothing wrong, and batches that need a codec which this Node does not have.',
  },
  denied: {
    code: 8,
    doc: 'The broker does not know who asks, or does not let them; what was done before is reported.',
  },
  unmet: {
    code: 9,
    doc: 'bench measured what an --expect does not allow, or found records lost, doubled or out of order.',
  },
  interrupted: { code: 130, doc: 'Ctrl-C ended the work before it was done.' },
} as const satisfies Record<string, ExitCode>

export type ExitName = keyof typeof exitCodes

/** The table as lines of help. */
export function exitCodesHelp(): string {
  return Object.values(exitCodes)
    .map(({ code, doc }) => `  ${String(code).padEnd(5)}${hanging(doc, 7, HELP_WIDTH)}`)
    .join('\n')
}
