// The configuration: what AWS' agent takes is taken, with its defaults; what is wrong is refused with its place and what to do.
import { describe, expect, it } from 'vitest'
import { agentConfig, AgentConfigFault, type AgentConfig } from '../../src/config/index.ts'
import { flowKeys } from '../../src/config/keys/flow-keys.ts'
import { globalKeys } from '../../src/config/keys/global-keys.ts'
import type { Key } from '../../src/config/keys/key.ts'

const FILE = '/etc/agent/agent.json'

function configOf(value: unknown, ...dropped: unknown[]): AgentConfig {
  return agentConfig(
    { file: FILE, text: JSON.stringify(value, undefined, 2) },
    dropped.map((text, index) => ({ file: `/etc/agent/agent.d/${index}.json`, text: JSON.stringify(text) })),
  )
}

function problemsOf(make: () => unknown): string[] {
  try {
    make()
  } catch (error) {
    if (error instanceof AgentConfigFault) return error.message.split('\n')
    throw error
  }
  return []
}

const flow = { filePattern: '/var/log/app.log*', kinesisStream: 'clicks' }
const atAws = {
  'kinesis.endpoint': 'kinesis.eu-west-1.amazonaws.com',
  'firehose.endpoint': 'https://firehose.eu-west-1.amazonaws.com',
}

describe('agent configuration', () => {
  it('has the defaults of AWS’ agent where a flow goes to AWS', () => {
    const { flows, positionLifeDays, shutdownMs, statusPeriodMs } = configOf({ ...atAws, flows: [flow] })
    expect(flows[0]).toMatchObject({
      name: 'kinesis:clicks:/var/log/app.log*',
      filePattern: '/var/log/app.log*',
      destination: {
        type: 'kinesis',
        name: 'clicks',
        endpoint: { url: 'https://kinesis.eu-west-1.amazonaws.com', region: 'eu-west-1' },
      },
      buffer: { ageMs: 60_000, records: 500, bytes: 4_194_304 },
      pollMsMin: 100,
      refreshMsMax: 10_000,
      skipHeaderLines: 0,
      truncationTerminator: '\n',
      retry: { initialMs: 100, maxMs: 10_000 },
      queueCapacity: 100,
      partitionKeys: 'RANDOM',
      processing: [],
    })
    expect({ positionLifeDays, shutdownMs, statusPeriodMs }).toEqual({
      positionLifeDays: 7,
      shutdownMs: 10_000,
      statusPeriodMs: 30_000,
    })
  })

  it('sends to the broker where no endpoint is given, and never to us-east-1', () => {
    const flows = [flow, { filePattern: '/a', deliveryStream: 'lake' }]
    for (const endpoint of [undefined, '', 'millrace://127.0.0.1:7400', 'millraces://prod:7400']) {
      const given = {
        'kinesis.endpoint': endpoint,
        'firehose.endpoint': endpoint,
        'kinesis.region': 'eu-west-1',
      }
      expect(configOf({ ...given, flows }).flows.map(({ destination }) => destination)).toEqual([
        { type: 'stream', name: 'clicks' },
        { type: 'delivery', name: 'lake' },
      ])
    }
  })

  it('takes regions from endpoints, and those that are given before them', () => {
    const regionOf = (endpoint: string, region?: string) => {
      const [first] = configOf({
        'kinesis.endpoint': endpoint,
        ...(region && { 'kinesis.region': region }),
        flows: [flow],
      }).flows
      return first!.destination.type === 'kinesis' ? first!.destination.endpoint.region : undefined
    }
    expect(regionOf('https://kinesis.ap-southeast-2.amazonaws.com')).toBe('ap-southeast-2')
    expect(regionOf('https://vpce-1-2.kinesis.us-gov-west-1.vpce.amazonaws.com')).toBe('us-gov-west-1')
    expect(regionOf('http://127.0.0.1:4567')).toBe('us-east-1')
    expect(regionOf('http://127.0.0.1:4567', 'eu-north-1')).toBe('eu-north-1')
  })

  it('reads comments, trailing commas, a byte order mark, and figures and flags that are texts', () => {
    const text = `\uFEFF{ // of the agent
      "flows": [ { "filePattern": "logs/*.log", /* the stream */ "kinesisStream": "clicks", "skipHeaderLines": "2", }, ],
      "millrace.createStreams": "false",
    }`
    const { flows, createsStreams } = agentConfig({ file: FILE, text }, [])
    expect(flows[0]).toMatchObject({ skipHeaderLines: 2, filePattern: '/etc/agent/logs/*.log' })
    expect(createsStreams).toBe(false)
  })

  it('adds flows of the directory beside it, and names what else stands there', () => {
    const { flows, warnings } = configOf(
      { flows: [flow] },
      { flows: [{ filePattern: '/b', kinesisStream: 'b' }], checkpointFile: '/x' },
    )
    expect(flows.map(({ destination }) => destination.name)).toEqual(['clicks', 'b'])
    expect(warnings.map(({ message }) => message)).toEqual([
      'checkpointFile has no effect in agent.d: its files add flows alone. Give it in the main file.',
    ])
  })

  it('keeps positions beside checkpointFile, and else beside itself', () => {
    expect(configOf({ flows: [flow] }).stateDir).toBe('/etc/agent/agent-state')
    expect(
      configOf({ flows: [flow], checkpointFile: '/var/run/aws-kinesis-agent/checkpoints' }).stateDir,
    ).toBe('/var/run/aws-kinesis-agent/checkpoints.millrace')
    expect(
      agentConfig({ file: FILE, text: JSON.stringify({ flows: [flow] }) }, [], '/elsewhere').stateDir,
    ).toBe('/elsewhere')
  })

  it('warns once of each key that has no effect, and of unknown ones with what may be meant', () => {
    const { warnings } = configOf({
      flows: [
        {
          ...flow,
          waitOnFullPublishQueueMillis: 2000,
          dataProcessingOptions: [{ optionName: 'ADDEC2METADATA' }],
        },
        { ...flow, filePattern: '/b', waitOnFullPublishQueueMillis: 2000, skipHeaderLine: 1 },
      ],
      maxSendingThreads: 4,
      'cloudwatch.emitMetrics': true,
      assumeRoleARN: 'arn:aws:iam::123456789012:role/agent',
      colour: 'green',
    })
    const said = warnings.map(({ line, message }) => `${line}: ${message}`)
    expect(said).toHaveLength(7)
    expect(said.join('\n')).toContain(
      'skipHeaderLine is no key of the agent, and is passed over. Did you mean skipHeaderLines?',
    )
    expect(said.join('\n')).toContain('colour is no key of the agent, and is passed over.')
    for (const key of [
      'maxSendingThreads',
      'cloudwatch.emitMetrics',
      'assumeRoleARN',
      'waitOnFullPublishQueueMillis',
      'ADDEC2METADATA',
    ]) {
      expect(said.filter((line) => line.includes(`${key} has no effect here.`))).toHaveLength(1)
    }
  })

  it.each([
    'userDefinedCredentialsProvider.classname',
    'userDefinedCredentialsProvider.location',
    'sts.endpoint',
    'log.emitMetrics',
  ])('says of %s what to do instead, by the name that AWS’ agent has for it', (key) => {
    const { warnings } = configOf({ flows: [flow], [key]: 'false' })
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringMatching(new RegExp(`^${key.replaceAll('.', '\\.')} has no effect here\\. .+`)),
    ])
  })

  it('takes the internals of a flow for those of all', () => {
    const { warnings } = configOf({ flows: [{ ...flow, 'log.emitInternalMetrics': true }] })
    expect(warnings.map(({ message }) => message)).toEqual([
      'log.emitInternalMetrics has no effect here. Give it once, beside flows: it counts for all of them.',
    ])
  })

  it('names the line and the place of text that is no JSON', () => {
    const broken = (text: string) => problemsOf(() => agentConfig({ file: FILE, text }, []))
    expect(broken('{\n  "flows": [\n    { "filePattern" "/a" }\n  ]\n}')[0]).toMatch(
      /^\/etc\/agent\/agent\.json:3: This is no JSON: colon expected at column 21, before/,
    )
    expect(broken('')[0]).toContain('This is no JSON')
    expect(broken('{ "flows": [')[0]).toContain('This is no JSON')
    expect(broken('[]')[0]).toBe(`${FILE}:1: The configuration must be an object with "flows".`)
  })

  it('names all that is wrong at once, each with its line, key and value', () => {
    const given = {
      flows: [
        { filePattern: '/a', kinesisStream: 'a', maxBufferSizeRecords: 'many', initialPosition: 'MIDDLE' },
        { filePattern: '/b', kinesisStream: 'b', deliveryStream: 'b' },
        { kinesisStream: 'not a name' },
        { filePattern: '/c' },
      ],
      checkpointTimeToLiveDays: 0,
    }
    const problems = problemsOf(() => configOf(given))
    expect(problems).toHaveLength(7)
    const lines = JSON.stringify(given, undefined, 2).split('\n')
    for (const [key, says] of [
      ['checkpointTimeToLiveDays', 'checkpointTimeToLiveDays is 0: it must be 1 to 36500.'],
      ['maxBufferSizeRecords', 'maxBufferSizeRecords is "many": it must be a whole number.'],
      ['initialPosition', 'initialPosition is "MIDDLE": it must be one of START_OF_FILE, END_OF_FILE.'],
      ['not a name', 'kinesisStream is "not a name": a name has 1 to 128 characters'],
    ] as const) {
      const line = lines.findIndex((text) => text.includes(key)) + 1
      const named = key === 'not a name' ? line - 1 : line
      expect(problems.join('\n')).toContain(`${FILE}:${named}: ${says}`)
    }
    const all = problems.join('\n')
    expect(all).toContain('The flow has two destinations, kinesisStream and deliveryStream: give one')
    expect(all).toContain('The flow has no filePattern: name the files that it reads.')
    expect(all).toContain('The flow has no destination: give kinesisStream or deliveryStream.')
  })

  it('refuses flows that are there twice, and a configuration without any', () => {
    expect(problemsOf(() => configOf({ flows: [flow] }, { flows: [flow] }))).toEqual([
      '/etc/agent/agent.d/0.json:1: The flow kinesis:clicks:/var/log/app.log* is there already, at /etc/agent/agent.json:3: remove one of them.',
    ])
    expect(problemsOf(() => configOf({ flows: [] }))).toEqual([
      expect.stringContaining('There are no flows') as string,
    ])
  })

  it('keeps buffers within what the destination takes', () => {
    const bufferOf = (destination: object, endpoints: object, buffer: object) =>
      configOf({ ...endpoints, flows: [{ filePattern: '/a', ...destination, ...buffer }] }).flows[0]!.buffer
    const stream = { kinesisStream: 'a' }
    const delivery = { deliveryStream: 'a' }
    expect(bufferOf(stream, {}, {})).toEqual({ ageMs: 1000, records: 50_000, bytes: 1_048_576 })
    expect(bufferOf(stream, {}, { maxBufferAgeMillis: 0, maxBufferSizeRecords: 1 })).toMatchObject({
      ageMs: 0,
      records: 1,
    })
    expect(bufferOf(stream, atAws, { maxBufferSizeBytes: 5_242_880 }).bytes).toBe(5_242_880)
    expect(bufferOf(delivery, atAws, {}).bytes).toBe(4_194_304)
    const refused = [
      [stream, atAws, { maxBufferAgeMillis: 999 }, 'it must be 1000 to 900000 for a Kinesis stream'],
      [stream, atAws, { maxBufferSizeRecords: 501 }, 'it must be 1 to 500 for a Kinesis stream'],
      [
        delivery,
        atAws,
        { maxBufferSizeBytes: 4_194_305 },
        'it must be 1 to 4194304 for a Firehose delivery stream',
      ],
      [stream, {}, { maxBufferSizeBytes: 8_388_609 }, 'it must be 1 to 8388608'],
      [stream, {}, { maxBufferAgeMillis: 900_001 }, 'it must be 0 to 900000'],
    ] as const
    for (const [destination, endpoints, buffer, says] of refused) {
      const problems = problemsOf(() => bufferOf(destination, endpoints, buffer))
      expect(problems).toHaveLength(1)
      expect(problems[0]).toContain(says)
    }
  })

  it('refuses figures on both sides of every bound, and takes the bounds', () => {
    for (const [scope, keys] of [
      ['global', globalKeys],
      ['flow', flowKeys],
    ] as const) {
      for (const [name, key] of Object.entries<Key>(keys)) {
        if (key.kind !== 'whole' || /^maxBuffer|Backoff/.test(name)) continue
        const make = (value: number) => () =>
          scope === 'global'
            ? configOf({ flows: [flow], [name]: value })
            : configOf({ flows: [{ ...flow, [name]: value }] })
        const beyond = key.max < Number.MAX_SAFE_INTEGER ? [key.max + 1] : []
        const refused = [key.min, key.max, key.min - 1, ...beyond].filter(
          (value) => problemsOf(make(value)).length > 0,
        )
        expect([name, ...refused]).toEqual([name, key.min - 1, ...beyond])
      }
    }
  })

  it('refuses processing that cannot be had, with what to do', () => {
    const problemOf = (option: object) =>
      problemsOf(() => configOf({ flows: [{ ...flow, dataProcessingOptions: [option] }] })).join('\n')
    expect(problemOf({ optionName: 'USINGPLUGGIN' })).toContain('millrace function create')
    expect(problemOf({ optionName: 'CSVTOJASON' })).toContain('Did you mean CSVTOJSON?')
    expect(problemOf({})).toContain('optionName is undefined')
    expect(problemOf({ optionName: 'CSVTOJSON' })).toContain('customFieldNames')
    expect(problemOf({ optionName: 'LOGTOJSON' })).toContain('logFormat')
    expect(problemOf({ optionName: 'LOGTOJSON', logFormat: 'NGINX' })).toContain('COMMONAPACHELOG')
    expect(problemOf({ optionName: 'LOGTOJSON', logFormat: 'SYSLOG', customFieldNames: ['a'] })).toContain(
      'SYSLOG has 5 fields',
    )
    expect(problemOf({ optionName: 'LOGTOJSON', logFormat: 'SYSLOG', matchPattern: '(a)(b)' })).toContain(
      'needs customFieldNames',
    )
    expect(
      problemOf({
        optionName: 'LOGTOJSON',
        logFormat: 'SYSLOG',
        matchPattern: '(a)(b)',
        customFieldNames: ['a'],
      }),
    ).toContain('matchPattern has 2 groups, and customFieldNames 1 names')
    expect(
      problemOf({
        optionName: 'LOGTOJSON',
        logFormat: 'SYSLOG',
        matchPattern: '(a',
        customFieldNames: ['a'],
      }),
    ).toContain('this regular expression cannot be used')
  })

  it('warns of patterns that hostile lines can keep busy', () => {
    const warningsOf = (matchPattern: string) =>
      configOf({
        flows: [
          {
            ...flow,
            dataProcessingOptions: [
              { optionName: 'LOGTOJSON', logFormat: 'SYSLOG', matchPattern, customFieldNames: ['a'] },
            ],
          },
        ],
      }).warnings
    expect(warningsOf(String.raw`(a+)\1`)[0]?.message).toContain('lookaround')
    expect(warningsOf(String.raw`(a+)(?=b)b`)[0]?.message).toContain('lookaround')
    expect(warningsOf(String.raw`((?:a+)+)`)).toEqual([])
    for (const name of ['multiLineStartPattern', 'fileFooterPattern']) {
      const { warnings } = configOf({ flows: [{ ...flow, [name]: '(?i)(a+)+b' }] })
      expect(warnings.map(({ message }) => message)).toEqual([
        expect.stringContaining(`${name} has references`),
      ])
    }
  })
})
