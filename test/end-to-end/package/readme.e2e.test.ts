// The README's tour, word by word: its shell lines and its program run against a broker, and do what it says they do.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { TestDaemon } from '../../support/daemon.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../', import.meta.url))

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
