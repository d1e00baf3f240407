// The package as people outside this repository get it: packed by `npm pack`, installed into an empty folder, where programs
// import `millrace` and `millrace/broker` and the shell finds the command. Needs npm, and its cache or the registry.
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestDaemon } from '../../support/daemon.ts'
import { compileProgram, installInto, repository } from '../../support/npm.ts'

const run = promisify(execFile)

const program = `
import { connect } from 'millrace'
import { createBroker } from 'millrace/broker'
import { limits } from 'millrace/protocol'

await using broker = await createBroker({ listen: false })
await using client = await connect(broker.url, broker)
await client.createStream('clicks', { shards: 2 })
await client.put('clicks', { partitionKey: 'ada', data: 'in this process' })
for await (const record of client.read('clicks')) console.log(Buffer.from(record.bytes).toString())

// The daemon that MILLRACE_URL names.
await using remote = await connect()
await remote.put('greetings', { partitionKey: 'ada', data: 'from a program' })
console.log(limits.batchBytesMax > 0)
`

let daemon: TestDaemon
let folder: string

beforeAll(async () => {
  daemon = await TestDaemon.start()
  folder = await mkdtemp(join(tmpdir(), 'millrace-install-'))
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await daemon[Symbol.asyncDispose]()
})

describe('the packed package', () => {
  it('gives an empty folder the client, the broker and the command', async ({ skip }) => {
    // Packed as it is compiled here: the build of a fresh clone is what every run of the tests begins with.
    const { stdout } = await run(
      'npm',
      ['pack', '--json', '--ignore-scripts', '--pack-destination', folder],
      { cwd: repository },
    )
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }]
    const project = join(folder, 'project')
    await mkdir(project)
    const failure = await installInto(project, [join(folder, filename)])
    skip(failure !== undefined, `npm cannot install the dependencies here: ${failure ?? ''}`)

    const env = { ...process.env, MILLRACE_URL: daemon.url }
    const millrace = (...words: string[]) =>
      run('npx', ['--no', 'millrace', ...words], { cwd: project, env }).then((ended) => ended.stdout)
    await millrace('stream', 'create', 'greetings')

    await writeFile(join(project, 'program.ts'), program)
    await compileProgram(project)
    const ran = await run(process.execPath, ['program.js'], { cwd: project, env })
    expect(ran.stdout).toBe('in this process\ntrue\n')

    const consumed = ['consume', 'greetings', '--from', 'TRIM_HORIZON', '--count', '1', '--format', 'raw']
    expect(await millrace(...consumed)).toBe('from a program\n')
  })
})

describe('the step after an install', () => {
  const prepareIn = async (checkout: string) => {
    for (const name of ['prepare.js', 'compile.js']) {
      await cp(join(repository, 'scripts', name), join(checkout, 'scripts', name))
    }
    return run(process.execPath, [join(checkout, 'scripts/prepare.js')]).then(
      () => 'done',
      (error: { code: number; stderr: string }) => `${error.code}: ${error.stderr}`,
    )
  }

  it('leaves a compiled checkout as it is where --omit=dev left the compiler out', async () => {
    const checkout = join(folder, 'compiled')
    await mkdir(join(checkout, 'dist/cli'), { recursive: true })
    await writeFile(join(checkout, 'dist/cli/main.js'), 'compiled before')
    expect(await prepareIn(checkout)).toBe('done')
  })

  it('refuses a checkout that was never compiled there, and says what to do', async () => {
    const checkout = join(folder, 'bare')
    expect(await prepareIn(checkout)).toMatch(
      /^1: millrace is not compiled yet[^]*npm ci && npm prune --omit=dev/,
    )
  })

  it('fails where the sources do not compile', async () => {
    const checkout = join(folder, 'broken')
    await mkdir(checkout)
    await writeFile(join(checkout, 'tsconfig.json'), '{ "files": ["broken.ts"] }')
    await writeFile(join(checkout, 'broken.ts'), 'export const broken: number = "text"\n')
    await symlink(join(repository, 'node_modules'), join(checkout, 'node_modules'))
    expect(await prepareIn(checkout)).toMatch(/^[12]: /)
  })
})
