// Enforces the import rules of the architecture: which folder may import which.
import { describe, expect, it } from 'vitest'
import { apps, dependenciesOf, importsOf, isTest, linesMatching, sources, type SourceFile } from './tree.ts'

/** Longest matching prefix decides a file's floor. `mayImport` names prefixes of paths; a floor may always import itself. */
const floors: readonly { floor: string; mayImport: readonly string[] }[] = [
  { floor: 'protocol/', mayImport: [] },
  { floor: 'client/', mayImport: ['protocol/'] },
  { floor: 'broker/config/', mayImport: ['protocol/', 'broker/access/'] },
  { floor: 'broker/telemetry/', mayImport: ['protocol/', 'broker/time.ts'] },
  { floor: 'broker/channels/', mayImport: ['protocol/'] },
  { floor: 'broker/threads/', mayImport: ['protocol/', 'broker/channels/', 'broker/telemetry/'] },
  {
    floor: 'broker/storage/',
    mayImport: [
      'protocol/',
      'broker/time.ts',
      'broker/channels/',
      'broker/threads/',
      'broker/telemetry/',
      'broker/config/',
      'broker/catalog/',
      'broker/catalog-contract.ts',
      'broker/small-rows-contract.ts',
    ],
  },
  { floor: 'broker/supervision/', mayImport: ['protocol/', 'broker/telemetry/', 'broker/time.ts'] },
  { floor: 'broker/access/', mayImport: ['protocol/', 'broker/time.ts'] },
  {
    floor: 'broker/server/',
    mayImport: [
      'protocol/',
      'broker/access/',
      'broker/certificates-contract.ts',
      'broker/telemetry/',
      'broker/time.ts',
    ],
  },
  { floor: 'broker/control/', mayImport: [...hostAndControlMayImport(), 'broker/supervision/'] },
  { floor: 'broker/host/', mayImport: [...hostAndControlMayImport(), 'broker/threads/'] },
  { floor: 'broker/catalog/', mayImport: ['protocol/', 'broker/catalog-contract.ts'] },
  { floor: 'broker/catalog-contract.ts', mayImport: ['broker/catalog/'] },
  { floor: 'broker/small-rows-contract.ts', mayImport: ['broker/catalog/'] },
  {
    floor: 'broker/host-contract.ts',
    mayImport: [
      'protocol/',
      'broker/access/',
      'broker/certificates-contract.ts',
      'broker/channels/',
      'broker/threads/',
    ],
  },
  { floor: 'broker/time.ts', mayImport: [] },
  { floor: 'broker/certificates-contract.ts', mayImport: [] },
  { floor: 'broker/clock/', mayImport: ['protocol/', 'broker/host-contract.ts', 'broker/time.ts'] },
  // Composition roots of the broker: they may know all of it, and nothing above it.
  { floor: 'broker/', mayImport: ['protocol/'] },
  { floor: 'cli/', mayImport: ['protocol/', 'client/', 'broker/'] },
  { floor: 'scripts/', mayImport: ['protocol/', 'client/', 'broker/', 'cli/'] },
  { floor: 'examples/', mayImport: [] },
  // The bench and `millrace bench` keep to one pace.
  { floor: 'bench/', mayImport: ['protocol/', 'client/', 'broker/', 'cli/load-test/pacing/'] },
  // An app sees the package as any program does, by its name, and other apps not at all.
  ...apps.map((app) => ({ floor: `${app}/`, mayImport: [] })),
]

function hostAndControlMayImport(): readonly string[] {
  return [
    'protocol/',
    'broker/access/',
    'broker/server/',
    'broker/channels/',
    'broker/telemetry/',
    'broker/config/',
    'broker/certificates-contract.ts',
    'broker/host-contract.ts',
    'broker/catalog/',
    'broker/catalog-contract.ts',
    'broker/small-rows-contract.ts',
    'broker/time.ts',
    'broker/clock/',
  ]
}

/** Files that start a process or a thread are the only ones that do anything when they are imported. They say so. */
const isEntry = (file: SourceFile) =>
  /(^|[/-])(main|worker)\.ts$/.test(file.path) ||
  /^\/\/ (PROCESS|THREAD) ENTRY/.test(file.text) ||
  inside(file, 'scripts/', 'examples/')

/** A dependency that only some may touch. Tests are free: they prove things about what lies behind the door. */
const doors: readonly {
  names: readonly string[]
  through: (file: SourceFile, typeOnly: boolean) => boolean
}[] = [
  {
    names: ['millrace/broker'],
    // A broker of its own, for programs and tests that want the whole in one process.
    through: (file) => !inside(file, 'apps/') || /^apps\/[^/]+\/src\/local-broker\.ts$/.test(file.path),
  },
  { names: ['lmdb'], through: (file) => inside(file, 'broker/storage/', 'bench/') },
  {
    names: ['valibot'],
    through: (file) => inside(file, 'broker/catalog/', 'broker/storage/', 'cli/connecting/profiles.ts'),
  },
  {
    names: ['node:net', 'node:tls', 'node:http', 'node:https', 'node:http2', 'node:dgram'],
    through: (file) =>
      /^apps\/[^/]+\/src\/wire\//.test(file.path) ||
      inside(
        file,
        'broker/server/',
        'broker/telemetry/log-descriptor.ts',
        'client/connecting/transport.ts',
        'client/connecting/tls-transport.ts',
        'cli/tls/certificates.ts',
        'cli/tls/host-name.ts',
        'bench/',
      ),
  },
  {
    names: ['node:worker_threads', 'piscina'],
    // A member of a group renews its lease from a thread of its own, whatever keeps the application's event loop busy. Expressions of
    // users run in another, since they may never end.
    through: (file) =>
      inside(
        file,
        'broker/threads/',
        'bench/',
        'client/groups/membership/heartbeat-',
        // An open loop sends when records are due, whatever keeps the event loop of the process that loads.
        'cli/load-test/pacing/',
        'apps/delivery/src/partitioning/jq-thread.ts',
        // Handlers of users, in threads that can be ended.
        'apps/functions/src/runtime/module-pool.ts',
      ) || isEntry(file),
  },
  {
    names: ['node:child_process'],
    through: (file, typeOnly) => typeOnly || inside(file, 'broker/supervision/', 'bench/', 'scripts/'),
  },
  {
    names: ['@duckdb/node-api'],
    through: (file) =>
      inside(file, 'apps/analytics/src/engine/', 'apps/delivery/src/formats/parquet/duckdb.ts'),
  },
  {
    names: ['commander', 'cli-progress', 'cli-table3', 'csv-parse'],
    through: (file) => inside(file, 'cli/', 'bench/'),
  },
  {
    names: ['@peculiar/x509', 'reflect-metadata'],
    through: (file) => inside(file, 'cli/tls/'),
  },
  {
    names: ['pino', 'pino-pretty', 'prom-client'],
    // A logger is handed down, so its type is known everywhere.
    through: (file, typeOnly) => typeOnly || inside(file, 'broker/telemetry/'),
  },
]

/** How programs, and so apps, import the package. `millrace/broker` is behind a door of its own, above. */
const publicDoors = ['millrace', 'millrace/app', 'millrace/protocol', 'millrace/broker']

const packagesOfFloor: readonly { floor: string; packages: readonly string[] }[] = [
  { floor: 'protocol/', packages: ['node:crypto', 'node:zlib', 'node:buffer'] },
  { floor: 'client/', packages: ['node:'] },
]

const shipped = sources.filter((file) => !isTest(file) && file.path.includes('/'))

function inside(file: SourceFile, ...prefixes: string[]): boolean {
  return prefixes.some((prefix) => file.path.startsWith(prefix))
}

function floorOf(path: string) {
  const matching = floors.filter((rule) => path.startsWith(rule.floor))
  return matching.sort((a, b) => b.floor.length - a.floor.length)[0]
}

describe('floors', () => {
  it('every source file stands on a floor', () => {
    expect(shipped.filter((file) => floorOf(file.path) === undefined).map((file) => file.path)).toEqual([])
  })

  it('a folder imports only from the floors below it', () => {
    const offences = shipped.flatMap((file) => {
      const { floor, mayImport } = floorOf(file.path)!
      return importsOf(file)
        .filter(({ target }) => target.endsWith('.ts'))
        .filter(({ target }) => ![floor, ...mayImport].some((prefix) => target.startsWith(prefix)))
        .map(({ target }) => `${file.path} imports ${target}`)
    })
    expect(offences).toEqual([])
  })

  it('storage knows the configuration only as types', () => {
    const offences = shipped
      .filter((file) => inside(file, 'broker/storage/'))
      .flatMap((file) => importsOf(file).map((found) => ({ ...found, file })))
      .filter(({ target, typeOnly }) => target.startsWith('broker/config/') && !typeOnly)
    expect(offences.map(({ file, target }) => `${file.path} imports ${target}`)).toEqual([])
  })

  it('a contract has no runtime: it imports types and declares types', () => {
    const contracts = shipped.filter((file) => file.path.endsWith('-contract.ts'))
    const offences = contracts.flatMap((file) => [
      ...importsOf(file)
        .filter((found) => !found.typeOnly)
        .map((found) => `${file.path} imports ${found.target} for more than its types`),
      ...linesMatching(file, /^(export )?(async )?(const|let|function|class)\b/),
    ])
    expect(contracts.length).toBeGreaterThan(0)
    expect(offences).toEqual([])
  })

  it('each dependency has one door', () => {
    const offences = shipped.flatMap((file) =>
      importsOf(file)
        .filter(({ target, typeOnly }) =>
          doors.some((door) => door.names.includes(target) && !door.through(file, typeOnly)),
        )
        .map(({ target }) => `${file.path} imports ${target}`),
    )
    expect(offences).toEqual([])
  })

  it('protocol and client stay light: Node, nothing else', () => {
    const offences = packagesOfFloor.flatMap(({ floor, packages }) =>
      shipped
        .filter((file) => inside(file, floor))
        .flatMap((file) => importsOf(file).map(({ target }) => ({ file, target })))
        .filter(({ target }) => !target.endsWith('.ts'))
        .filter(
          ({ target }) =>
            !packages.some((name) => target === name || (name === 'node:' && target.startsWith(name))),
        ),
    )
    expect(offences.map(({ file, target }) => `${file.path} imports ${target}`)).toEqual([])
  })

  it('an app imports the public doors by their names, Node, and packages that its package.json names', () => {
    const offences = apps.flatMap((app) => {
      const own = dependenciesOf(app)
      return shipped
        .filter((file) => inside(file, `${app}/`))
        .flatMap((file) => importsOf(file).map(({ target }) => ({ file, target })))
        .filter(({ target }) => !target.endsWith('.ts') && !target.startsWith('node:'))
        .filter(({ target }) => {
          const [scope, name] = target.split('/') as [string, string?]
          const ofPackage = scope.startsWith('@') ? `${scope}/${name}` : scope
          const isDoor = ofPackage !== 'millrace' || publicDoors.includes(target)
          return !isDoor || !own.includes(ofPackage)
        })
        .map(({ file, target }) => `${file.path} imports ${target}`)
    })
    expect(apps).not.toEqual([])
    expect(offences).toEqual([])
  })

  it('the environment is read by the configuration, and by the client where it looks for its broker', () => {
    const offences = shipped
      .filter((file) => !inside(file, 'broker/config/', 'client/environment.ts', 'bench/', 'scripts/'))
      .flatMap((file) => linesMatching(file, /\bprocess\.env\b/))
    expect(offences).toEqual([])
  })

  it('only an entry file does something when it is imported', () => {
    const effect =
      /^(await |if \(|for \(|while \(|try \{|void |new |[\w$]+(\.[\w$]+)*\(|[\w$]+(\.[\w$]+)+ = )/
    const offences = shipped.filter((file) => !isEntry(file)).flatMap((file) => linesMatching(file, effect))
    expect(offences).toEqual([])
  })

  it('code that depends on time or random numbers is given them as parameters', () => {
    // A bare reference (`clock = Date.now`) is how the rim passes them on; a call in the middle is what tests cannot drive.
    const offences = shipped
      .filter((file) => inside(file, 'protocol/', 'client/', 'broker/', 'apps/') && !isEntry(file))
      .flatMap((file) => linesMatching(file, /\b(Date\.now\(\)|new Date\(\)|Math\.random\(\))/))
    expect(offences).toEqual([])
  })

  it('a clock that the broker is given has the name and the type that it has in Time', () => {
    // `createBroker` is a door: programs give it a `clock`.
    const doors = ['broker/time.ts', 'broker/broker.ts']
    const offences = shipped
      .filter((file) => inside(file, 'broker/') && !doors.includes(file.path))
      .flatMap((file) =>
        linesMatching(
          file,
          /\b(clock|elapsed|now|monotonic)\??: \(\) => number|\bclock\??: Clock\b|= Date\.now\b/,
        ),
      )
    expect(offences).toEqual([])
  })
})
