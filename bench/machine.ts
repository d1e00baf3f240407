// Describes the machine on which the figures were measured. Runs in the bench's main process.
import { cpus, release, totalmem, type as osType } from 'node:os'
import { mkdir, statfs } from 'node:fs/promises'
import { resolve } from 'node:path'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly os: string
  readonly node: string
  /** The data directory's path, free space, and file system. */
  readonly dataDir: { readonly path: string; readonly freeBytes: number; readonly fileSystem: string }
}

export async function describeMachine(dataDir: string): Promise<Machine> {
  await mkdir(dataDir, { recursive: true })
  const processors = cpus()
  const disk = await statfs(dataDir)
  return {
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
    os: `${osType()} ${release()}`,
    node: process.version,
    dataDir: {
      path: resolve(dataDir),
      freeBytes: disk.bavail * disk.bsize,
      fileSystem: nameFileSystem(disk.type),
    },
  }
}

export function renderMachine(machine: Machine): string {
  const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(0)} GiB`
  return [
    `${machine.cpu}, ${machine.cores} cores, ${gibibytes(machine.memoryBytes)}; ${machine.os}; Node ${machine.node}`,
    `${machine.dataDir.path} on ${machine.dataDir.fileSystem}, ${gibibytes(machine.dataDir.freeBytes)} free`,
  ].join('\n')
}

/** Magic numbers of statfs(2) for common file systems; tmpfs matters most, because it flushes nothing. */
const fileSystems: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x2fc12fc1: 'zfs',
  0x01021994: 'tmpfs (memory: nothing is flushed)',
  0x794c7630: 'overlayfs',
  0x6969: 'nfs',
  0x1a: 'apfs',
}

function nameFileSystem(type: number): string {
  return fileSystems[type] ?? `file system 0x${type.toString(16)}`
}
