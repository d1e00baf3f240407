// `millrace function create|update`: functions, and the mappings that call them with the records of streams.
import { randomUUID } from 'node:crypto'
import { access } from 'node:fs/promises'
import { Command, Option } from 'commander'
import type { Client } from '../../../../client/index.ts'
import {
  functionKinds,
  liveFunctionEndpoints,
  type FunctionEndpoint,
  type FunctionTarget,
} from '../../../../protocol/apps/function-definition.ts'
import { visible } from '../../../../protocol/text/visible-text.ts'
import { collect, withClient } from '../../../connecting/connection.ts'
import { withConnection, type ConnectionFlags } from '../../../connecting/options.ts'
import { Failure } from '../../../failure.ts'
import { jsonOption, withExamples } from '../../../help.ts'
import { parseGroupStart } from '../../../positions.ts'
import { print, printJson, tell, type Terminal } from '../../../terminal.ts'
import {
  addFunctionFlags,
  addMappingFlags,
  functionInput,
  mappingSettings,
  type FunctionFlags,
  type MappingFlags,
} from './flags.ts'
import { mappingSentence, targetText } from './function-report.ts'
import {
  loadDefinitions,
  refusing,
  type DefinitionDoor,
  type MappingInput,
  type MappingSettings,
  type NamedMapping,
} from './functions-module.ts'

interface Shared extends ConnectionFlags, FunctionFlags, MappingFlags {
  readonly json?: true
  readonly stream?: string
}

interface CreateFlags extends Shared {
  readonly handler: string
  readonly consumer?: string
  readonly from?: string
  readonly createStream?: true
}

interface UpdateFlags extends Shared {
  readonly handler?: string
}

export function createVerb(terminal: Terminal): Command {
  const command = new Command('create')
    .description(
      'Make a function of a module or an HTTP endpoint, and with --stream have it called with the records of a stream. ' +
        'It is run by the app functions: `millrace serve --with functions`.',
    )
    .argument('<name>', '1 to 64 of a–z, A–Z, 0–9, _ and -')
    .requiredOption(
      '--handler <where>',
      'a module (./enrich.mjs, or ./enrich.mjs#export; by default the export handler), or https://… to which events are posted',
    )
    .option('--stream <stream>', 'call it with the records of this stream')
    .option('--create-stream', 'make that stream where it is missing')
    .option(
      '--consumer <consumer>',
      'read as this registered consumer, pushed and with a throughput of its own',
    )
    .option(
      '--from <position>',
      'where to begin: TRIM_HORIZON (where it is not said), LATEST, a time, or how long ago',
    )
  addFunctionFlags(addMappingFlags(command))
    .addOption(jsonOption())
    .action((name: string, flags: CreateFlags) => create(terminal, name, flags))
  return withExamples(withConnection(command), [
    {
      line: 'millrace function create enrich --stream clicks --handler ./enrich.mjs --to enriched --batch-size 500',
      says: 'from a stream, through a module, into a stream',
    },
    {
      line: 'millrace function create alarm --stream clicks --handler http://127.0.0.1:9000/2015-03-31/functions/function/invocations',
      says: 'a Lambda container image',
    },
    {
      line: `millrace function create eu --stream clicks --handler ./eu.mjs --filter '{"data":{"region":["eu"]}}' --retries 3 --bisect --on-failure failed`,
      says: 'some records, three retries, and the rest told to a stream',
    },
    {
      line: 'millrace function create hello --handler ./hello.mjs',
      says: 'to be called by `function invoke` alone',
    },
  ])
}

async function create(terminal: Terminal, name: string, flags: CreateFlags): Promise<void> {
  const settings = mappingSettings(flags)
  refuseWithoutStream(flags, settings)
  const { parseTarget, createFunction, createMapping, deleteFunction } = await loadDefinitions()
  const target = parseTarget(flags.handler, process.cwd())
  await tellOfMissingModule(terminal, target)
  await withClient(terminal, flags, async (client) => {
    const door = doorOf(client)
    const made = await refusing(() => createFunction(door, name, { ...functionInput(flags), target }))
    let mapped: NamedMapping | undefined
    try {
      const input = mappingInput(name, flags, settings)
      const createsSource = flags.createStream === true
      mapped = input && (await refusing(() => createMapping(door, input, { createsSource })))
    } catch (error) {
      // All or nothing: the same command can be given again.
      await deleteFunction(door, name)
      throw error
    }
    if (flags.json === true) printJson(terminal, { ...made, mapping: mapped }, { indent: 2 })
    else {
      print(terminal, `Made the function ${name}: ${targetText(target)}.`)
      if (mapped !== undefined) print(terminal, mappingSentence(mapped))
    }
    await tellIfNobodyRuns(terminal, client)
  })
}

function mappingInput(name: string, flags: CreateFlags, settings: MappingSettings): MappingInput | undefined {
  const { stream, consumer, from } = flags
  if (stream === undefined) return undefined
  return {
    function: name,
    source: {
      stream,
      ...(consumer !== undefined && { consumer }),
      ...(from !== undefined && { from: startOf(from) }),
    },
    ...settings,
  }
}

function startOf(text: string): 'TRIM_HORIZON' | 'LATEST' | { atTimestamp: number } {
  const start = parseGroupStart(text, { option: '--from', now: Date.now() })
  return typeof start === 'string' ? start : { atTimestamp: Number(start.atTimestamp) }
}

function refuseWithoutStream(
  { stream, consumer, from, createStream }: CreateFlags,
  settings: MappingSettings,
): void {
  if (stream !== undefined) return
  const isMeant =
    consumer !== undefined || from !== undefined || createStream === true || Object.keys(settings).length > 0
  if (isMeant)
    throw new Failure('What is said of records needs --stream: the stream that they are read from.', 'usage')
}

export function updateVerb(terminal: Terminal): Command {
  const command = new Command('update')
    .description(
      'Change a function, or how it is called with the records of a stream. What is not named stays.',
    )
    .argument('<function>')
    .option('--handler <where>', 'another module or endpoint')
    .option('--stream <stream>', 'which of its mappings is meant; need not be named where it has one')
  addFunctionFlags(addMappingFlags(command, { canClear: true }), { canClear: true })
    .addOption(new Option('--json', 'print JSON for scripts'))
    .action((name: string, flags: UpdateFlags) => update(terminal, name, flags))
  return withExamples(withConnection(command), [
    {
      line: 'millrace function update enrich --handler ./enrich-2.mjs',
      says: 'calls under way end in the old one',
    },
    { line: 'millrace function update enrich --batch-size 1000 --window 2s', says: 'larger batches' },
    { line: 'millrace function update enrich --no-filter --retries forever', says: 'takes back' },
  ])
}

async function update(terminal: Terminal, name: string, flags: UpdateFlags): Promise<void> {
  const settings = mappingSettings(flags)
  const { parseTarget, updateFunction, updateMapping, getFunction, listMappings } = await loadDefinitions()
  const target = flags.handler === undefined ? undefined : parseTarget(flags.handler, process.cwd())
  const changes = { ...functionInput(flags), ...(target !== undefined && { target }) }
  const changesMapping = Object.keys(settings).length > 0
  if (Object.keys(changes).length === 0 && !changesMapping) {
    throw new Failure('Name what is to change: see --help.', 'usage')
  }
  if (target !== undefined) await tellOfMissingModule(terminal, target)
  await withClient(terminal, flags, async (client) => {
    const door = doorOf(client)
    await refusing(async () => {
      let updated = await getFunction(client, name)
      const mappings = await listMappings(client, { function: name })
      const found = changesMapping ? chosenMapping(name, mappings, flags.stream) : undefined
      const mapping = found && (await updateMapping(door, found.uuid, settings))
      if (Object.keys(changes).length > 0) updated = await updateFunction(door, name, changes)
      if (flags.json === true) return printJson(terminal, { ...updated, mapping }, { indent: 2 })
      print(
        terminal,
        `Changed the function ${name}: ${targetText(updated.definition.target)}, version ${updated.definition.version}.`,
      )
      if (mapping !== undefined) print(terminal, mappingSentence(mapping))
    })
  })
}

/** The mapping that is meant: of the stream that is named, or the only one. */
function chosenMapping(
  name: string,
  mappings: readonly NamedMapping[],
  stream: string | undefined,
): NamedMapping {
  const meant =
    stream === undefined ? mappings : mappings.filter(({ mapping }) => mapping.source.stream === stream)
  const [first] = meant
  if (first === undefined) {
    const what = stream === undefined ? 'no stream' : `no stream ${visible(stream)}`
    throw new Failure(`The function ${visible(name)} reads ${what}.`, 'notFound')
  }
  if (meant.length === 1) return first
  const streams = meant.map(({ mapping }) => mapping.source.stream).join(', ')
  throw new Failure(`The function ${visible(name)} reads ${visible(streams)}: name one by --stream.`, 'usage')
}

/** What is changed through the app's package. */
export function doorOf(client: Client): DefinitionDoor {
  return { client, now: Date.now, uuid: randomUUID }
}

async function tellOfMissingModule(terminal: Terminal, target: FunctionTarget): Promise<void> {
  if (target.type !== 'module') return
  try {
    await access(target.path)
  } catch {
    tell(
      terminal,
      `${target.path} is not there, or not readable. The app functions looks for it on its own machine.`,
    )
  }
}

async function tellIfNobodyRuns(terminal: Terminal, client: Client): Promise<void> {
  const endpoints = await collect(client.documents<FunctionEndpoint>(functionKinds.endpoints).list())
  if (
    liveFunctionEndpoints(
      endpoints.map(({ value }) => value),
      Date.now(),
    ).length > 0
  )
    return
  tell(
    terminal,
    'Nobody runs functions yet: start the broker by `millrace serve --with functions`, or run `millrace function serve`.',
  )
}
