// The README's tour, word by word: its shell lines and its program run against a broker, and do what it says they do.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { duckdbRefusal, query } from '../../../apps/delivery/test/support/lake.ts'
import { TestDaemon } from '../../support/daemon.ts'
import { temporaryDirectory } from '../../support/disk/temporary.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../', import.meta.url))

const refusal = await duckdbRefusal()
if (refusal !== undefined) console.log(`From files to Parquet is not tried: ${refusal}`)

/** The blocks of a section, in their order. Those that begin with a comment that names a file are that file. */
async function blocksOf(section: string): Promise<{ language: string; text: string; file?: string }[]> {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const text = readme.slice(readme.indexOf(`### ${section}\n`) + 4).split('\n### ')[0]!
  return [...text.matchAll(/```(\w+)\n([\s\S]*?)```/g)].map(([, language = '', code = '']) => {
    const file = language === 'sh' ? undefined : /^\/\/ (\S+)\n/.exec(code)?.[1]
    return { language, text: code, ...(file !== undefined && { file }) }
  })
}

/** Shell lines of the section, without those that never end and those that only print help. */
async function shellLines(section: string): Promise<string[]> {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const text = readme.slice(readme.indexOf(`## ${section}`)).split('\n### ')[0]!
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]!)
  return blocks.flatMap((block) => block.trim().split('\n')).filter((line) => !line.includes('--follow'))
}

it('the shell lines of the tour store clicks and bring them back in order per user, through changes of the shards', async () => {
  await using daemon = await TestDaemon.start()
  const folder = await mkdtemp(join(tmpdir(), 'millrace-readme-'))
  try {
    // `npx millrace` is npm's way to the launcher of this clone; the proof of that is .ci/without-install-scripts.
    await symlink(join(root, 'cli/millrace.js'), join(folder, 'millrace'))
    const lines = [...(await shellLines('Five minutes')), ...(await shellLines('More load, more time'))]
    expect(lines.length).toBeGreaterThanOrEqual(13)
    const script = lines.map((line) => line.replaceAll('npx millrace', './millrace')).join('\n')
    const { stdout, stderr } = await run('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: folder,
      env: { ...process.env, MILLRACE_URL: daemon.url },
    })
    expect(stderr).toContain('Stored 3 records')
    const ada = stdout.split('\n').filter((line) => line.startsWith('{"user":"ada"'))
    expect(ada).toEqual(['{"user":"ada","page":"/"}', '{"user":"ada","page":"/cart"}'])
    expect(stdout).toMatch(/^shardId-\d{12} \d+$/m)
    // By key, whatever became of the shards: the span of time holds all that was stored.
    const replayed = stdout.split('\n').filter((line) => line.startsWith('{') && line.includes('"ada"'))
    expect(replayed.length).toBeGreaterThanOrEqual(5)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

it('the program of the tour appends, replays and is pushed what it appended', async () => {
  await using daemon = await TestDaemon.start()
  const { stdout } = await run(process.execPath, [join(root, 'dist/examples/tour.js'), daemon.url])
  const pages = ['/', '/search', '/cart', '/thanks', '/again']
  const lines = stdout.trim().split('\n')
  expect(lines[0]).toMatch(/^stored from number 0 on, in shardId-\d{12}$/)
  expect(lines[1]).toMatch(/^split into shardId-\d{12} and shardId-\d{12}; stored 4 in shardId-\d{12}$/)
  expect(lines.slice(2)).toEqual([
    ...pages.map((page, number) => `read   ${number}: ada saw ${page}`),
    ...pages.map((page, number) => `pushed ${number}: ada saw ${page}`),
  ])
})

it.skipIf(refusal !== undefined)(
  'the way from files to Parquet has each line that its function passes on, in the order in which its commands are shown',
  async () => {
    await using daemon = await TestDaemon.start({ with: 'delivery,functions,kinesis', kinesisPort: '0' })
    await using folder = await temporaryDirectory()
    const shell = async (script: string, cwd: string): Promise<string> => {
      const launched = script.replaceAll('npx millrace', `'${join(root, 'cli/millrace.js')}'`)
      const env = { ...process.env, MILLRACE_URL: daemon.url }
      return (await run('bash', ['-euo', 'pipefail', '-c', launched], { cwd, env })).stdout
    }
    const blocks = await blocksOf('From files to Parquet')
    const [setUp, ...rest] = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text)
    await shell(setUp!, folder.path)
    const demo = join(folder.path, 'demo')
    const sources = blocks.filter(({ file }) => file !== undefined)
    expect(sources.map(({ file }) => file)).toEqual(['agent.json', 'enrich.mjs'])
    for (const { file, text } of sources) await writeFile(join(demo, file!), text)

    const [serve, ...after] = rest.flatMap((text) => text.trim().split('\n'))
    expect(serve).toBe('npx millrace serve --with delivery,functions,kinesis')
    const describeIt = after.pop()!
    expect(after).toHaveLength(3)
    for (const line of after) await shell(line, demo)
    const delivered = async (): Promise<number> => {
      const { progress } = JSON.parse(await shell(describeIt, demo)) as {
        readonly progress: readonly { readonly delivered: { readonly records: number } }[]
      }
      return progress.reduce((sum, shard) => sum + shard.delivered.records, 0)
    }
    await expect.poll(delivered, { timeout: 300_000 }).toBe(3)
    const sql = blocks.find(({ language }) => language === 'sql')!.text
    expect(await query(sql.replace("'lake/", `'${demo}/lake/`))).toEqual([
      { country: 'DE', section: 'cart', clicks: 1n },
      { country: 'UK', section: 'home', clicks: 1n },
      { country: 'US', section: 'home', clicks: 1n },
    ])
  },
)
