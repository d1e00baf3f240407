// `millrace delivery retry`: replays error documents. The app does it, where the documents are; the verb asks for it and waits.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import type { DeliveryRetry } from '../../../../protocol/apps/delivery-definition.ts'
import { withClient } from '../../../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../../../connecting/options.ts'
import { Failure } from '../../../failure.ts'
import { jsonOption, withExamples } from '../../../help.ts'
import { countOf } from '../../../output/amounts.ts'
import { print, printJson, tell, type Terminal } from '../../../terminal.ts'
import { withDefinitions } from './definitions-module.ts'

interface RetryFlags extends ConnectionFlags {
  readonly from?: string
  readonly wait: boolean
  readonly json?: true
}

const POLL_MS = 250

/** After so long without an app, it says so. */
const NOBODY_MS = 10_000

export function retryVerb(terminal: Terminal): Command {
  const command = new Command('retry')
    .description(
      'Replay error documents: what could not be delivered goes through the delivery once more, as it is now, and the documents are ' +
        'removed. What fails again is in new ones.',
    )
    .argument('<name>')
    .option('--from <prefix>', 'only documents whose names begin with it')
    .option('--no-wait', 'do not wait until it is done')
    .addOption(jsonOption())
    .action((name: string, flags: RetryFlags) => retry(terminal, name, flags))
  return withExamples(withConnection(command), [
    { line: 'millrace delivery retry lake', says: 'all of them' },
    {
      line: 'millrace delivery retry lake --from errors/processing-failed/2026/11/',
      says: 'those of a month',
    },
  ])
}

async function retry(terminal: Terminal, name: string, flags: RetryFlags): Promise<void> {
  const over = await withDefinitions((definitions) =>
    withClient(terminal, flags, async (client) => {
      const rim = { now: Date.now, id: randomUUID }
      const wish = await definitions.requestRetry(client, name, flags.from, rim)
      if (!flags.wait) return wish
      for (let waited = 0; ; waited += POLL_MS) {
        const now = await definitions.retryOf(client, name)
        if (now === undefined || now.id !== wish.id) throw new Failure(`${name} was deleted meanwhile.`)
        if (now.state === 'done' || now.state === 'failed') return now
        if (now.state === 'wanted' && waited === NOBODY_MS) {
          tell(
            terminal,
            'No app has begun it yet: it waits for `millrace serve --with delivery`. Ctrl-C leaves the wish there.',
          )
        }
        await sleep(POLL_MS)
      }
    }),
  )
  if (flags.json === true) printJson(terminal, over, { indent: 2 })
  else if (over.state !== 'failed') print(terminal, doneText(over))
  if (over.state === 'failed') throw new Failure(`${doneText(over)} Then it failed: ${over.reason ?? ''}`)
}

function doneText({ state, documents, records }: DeliveryRetry): string {
  if (state === 'wanted') return 'They are replayed as soon as an app comes to it.'
  return `Replayed ${countOf(documents, 'error document')} with ${countOf(records, 'record')}.`
}
