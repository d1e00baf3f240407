// `millrace function invoke`: calls a function by the app that runs it, and shows what it answers.
import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import type { Client } from '../../../../client/index.ts'
import {
  functionKinds,
  liveFunctionEndpoints,
  type FunctionEndpoint,
} from '../../../../protocol/apps/function-definition.ts'
import { collect, withClient } from '../../../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../../../connecting/options.ts'
import { resolveTarget } from '../../../connecting/resolve.ts'
import { processSurroundings } from '../../../connecting/surroundings.ts'
import { Failure } from '../../../failure.ts'
import { withExamples } from '../../../help.ts'
import { print, tell, type Terminal } from '../../../terminal.ts'
import { loadCalling, loadDefinitions, refusing, type FunctionReply } from './functions-module.ts'

interface InvokeFlags extends ConnectionFlags {
  readonly event?: string
  readonly log?: true
  readonly async?: true
}

export function invokeVerb(terminal: Terminal): Command {
  const command = new Command('invoke')
    .description(
      'Call a function with an event, and print what it answers: JSON, on standard output. A function that fails ends with exit code 1, ' +
        'and its error on standard output.',
    )
    .argument('<function>')
    .option(
      '--event <event>',
      'JSON, the path of a file with it, or - for standard input; {} where it is not said',
    )
    .option('--log', 'show on standard error what the call printed: the last 4 KB')
    .option('--async', 'do not wait for the answer; a call that fails is tried twice more')
    .action((name: string, flags: InvokeFlags) => invoke(terminal, name, flags))
  return withExamples(withConnection(command), [
    { line: `millrace function invoke hello --event '{"name":"Ada"}'`, says: 'an event as it is' },
    {
      line: 'millrace function invoke enrich --event event.json --log',
      says: 'of a file, with what it prints',
    },
    { line: 'millrace function invoke enrich --event - < event.json', says: 'of standard input' },
  ])
}

async function invoke(terminal: Terminal, name: string, flags: InvokeFlags): Promise<void> {
  const payload = await eventOf(terminal, flags.event)
  const reply = await withClient(terminal, flags, (client) =>
    call(client, name, { payload, flags, terminal }),
  )
  if (reply.log !== undefined) tell(terminal, reply.log.replace(/\n$/, ''))
  if (reply.status >= 300) throw new Failure(refusalText(reply))
  if (flags.async === true) return tell(terminal, 'Taken.')
  print(terminal, reply.payload)
  if (reply.isFunctionError) throw new Failure(`The function ${name} failed.`)
}

async function call(
  client: Client,
  name: string,
  {
    payload,
    flags,
    terminal,
  }: { readonly payload: string | Uint8Array; readonly flags: InvokeFlags; readonly terminal: Terminal },
): Promise<FunctionReply> {
  const { getFunction } = await loadDefinitions()
  const { callFunction } = await loadCalling()
  await refusing(() => getFunction(client, name))
  const documents = await collect(client.documents<FunctionEndpoint>(functionKinds.endpoints).list())
  const endpoints = liveFunctionEndpoints(
    documents.map(({ value }) => value),
    Date.now(),
  )
  if (endpoints.length === 0) {
    throw new Failure(
      'Nobody runs functions: start the broker by `millrace serve --with functions`, or run `millrace function serve`.',
    )
  }
  const { ca } = resolveTarget(flags, processSurroundings()).tls
  let failure: unknown
  for (const endpoint of endpoints) {
    try {
      return await callFunction(endpoint, {
        name,
        payload,
        type: flags.async === true ? 'Event' : 'RequestResponse',
        wantsLog: flags.log === true,
        signal: terminal.interrupted(),
        ca: ca === undefined ? undefined : await readFile(ca.value),
      })
    } catch (error) {
      failure = error
      // Only one that was not reached is known to have done nothing.
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') break
    }
  }
  if (terminal.interrupted().aborted) throw new Failure('The call goes on without you.', 'interrupted')
  throw new Failure(
    `The app functions cannot be reached at ${endpoints.map(({ url }) => url).join(', ')}: ${(failure as Error).message}.`,
  )
}

function refusalText({ status, payload }: FunctionReply): string {
  try {
    const { Message } = JSON.parse(payload) as { readonly Message?: unknown }
    if (typeof Message === 'string') return Message
  } catch {
    // It is no answer of the app.
  }
  return `The app functions answered ${status}: ${payload}`
}

/** The event that an option names: JSON itself, a file, or standard input. */
async function eventOf(terminal: Terminal, event: string | undefined): Promise<string | Uint8Array> {
  if (event === undefined) return '{}'
  if (event === '-') {
    const pieces: Buffer[] = []
    for await (const piece of terminal.stdin as AsyncIterable<Buffer>) pieces.push(Buffer.from(piece))
    return checkedJson(Buffer.concat(pieces).toString('utf8'), 'standard input')
  }
  if (isJson(event)) return event
  // What begins as JSON was meant as JSON.
  if (/^\s*[[{"]/.test(event)) return checkedJson(event, '--event')
  return checkedJson(await readFile(event, 'utf8'), event)
}

function checkedJson(text: string, place: string): string {
  try {
    JSON.parse(text)
    return text
  } catch (error) {
    throw new Failure(`What ${place} has is no JSON: ${(error as Error).message}.`, 'usage')
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
