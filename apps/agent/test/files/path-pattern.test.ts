// Which paths a file pattern means.
import { describe, expect, it } from 'vitest'
import { PathPattern } from '../../src/files/path-pattern.ts'
import { MemoryDisk } from './support/memory-disk.ts'

/** Pattern → paths that it means, and paths that it does not. */
const CASES: readonly (readonly [pattern: string, yes: readonly string[], no: readonly string[]])[] = [
  ['/var/log/app.log', ['/var/log/app.log'], ['/var/log/app.log.1', '/var/log/app-log']],
  ['/var/log/app.log*', ['/var/log/app.log', '/var/log/app.log.1'], ['/var/log/x/app.log']],
  ['/var/log/*', ['/var/log/a', '/var/log/.hidden'], ['/var/log/a/b', '/var/a']],
  ['/var/log/a?.log', ['/var/log/ab.log'], ['/var/log/a.log', '/var/log/abc.log']],
  ['/var/log/{a,b}.log', ['/var/log/a.log', '/var/log/b.log'], ['/var/log/c.log']],
  ['/var/log/[a-c]!.log', ['/var/log/b!.log'], ['/var/log/d!.log']],
  ['/var/log/[!a].log', ['/var/log/b.log'], ['/var/log/a.log']],
  ['/var/log/a+(b).log', ['/var/log/a+(b).log'], ['/var/log/abb.log']],
  ['/var/log/a b$.log', ['/var/log/a b$.log'], []],
  ['/srv/*/logs/*.log', ['/srv/x/logs/a.log'], ['/srv/logs/a.log', '/srv/x/y/logs/a.log']],
  ['/srv/**/*.log', ['/srv/a.log', '/srv/x/a.log', '/srv/x/y/a.log'], ['/srv/a.txt', '/a.log']],
  ['/srv/{a,b/c}/*.log', ['/srv/a/x.log', '/srv/b/c/x.log'], ['/srv/b/x.log']],
]

function diskWith(paths: readonly string[]): MemoryDisk {
  const disk = new MemoryDisk(() => 0)
  for (const path of paths) {
    const names = path.split('/').slice(1, -1)
    for (const index of names.keys()) disk.mkdir(`/${names.slice(0, index + 1).join('/')}`)
    disk.append(path, 'x')
  }
  return disk
}

describe('PathPattern', () => {
  for (const [pattern, yes, no] of CASES) {
    it(`${pattern} finds what it means, and nothing else`, async () => {
      const found = await new PathPattern(pattern).find(diskWith([...yes, ...no]))
      expect(found.paths.toSorted()).toEqual(yes.toSorted())
      expect([...yes, ...no].filter((path) => new PathPattern(pattern).includes(path))).toEqual(yes)
    })
  }

  it('names compressed files, directories and what cannot be looked into', async () => {
    const disk = diskWith(['/l/a.GZ', '/l/b.bz2', '/l/c.zip', '/l/d', '/l/e/x'])
    const found = await new PathPattern('/l/*').find(disk)
    expect(found.paths).toEqual(['/l/d'])
    expect(found.passedOver.map(({ path, state }) => [path, state])).toEqual([
      ['/l/a.GZ', 'ignored'],
      ['/l/b.bz2', 'ignored'],
      ['/l/c.zip', 'ignored'],
      ['/l/e', 'directory'],
    ])
  })

  it('finds nothing where the directory does not exist yet', async () => {
    expect(await new PathPattern('/none/x/*.log').find(diskWith([]))).toMatchObject({
      paths: [],
      passedOver: [],
    })
  })

  it('refuses what is relative or ends with a directory', () => {
    expect(() => new PathPattern('logs/*.log')).toThrow('filePattern logs/*.log must be an absolute path.')
    expect(() => new PathPattern('/logs/')).toThrow('filePattern /logs/ must end with a file name.')
  })
})
