// What the scripts that pack a package share: the folder that is packed, and npm's call. Runs in a script's process.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of this repository. This file runs as dist/scripts/packing.js. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

/**
 * Packs what `fill` puts into an empty folder, into `destination`, which is made if it is not there. Returns the path of the
 * tarball.
 */
export function pack(fill: (folder: string) => void, destination: string): string {
  const staging = mkdtempSync(join(tmpdir(), 'millrace-pack-'))
  try {
    fill(staging)
    cpSync(join(root, 'LICENSE'), join(staging, 'LICENSE'))
    mkdirSync(destination, { recursive: true })
    const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', destination], {
      cwd: staging,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [{ filename }] = JSON.parse(packed) as [{ filename: string }]
    return join(destination, filename)
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
}

/** Copies compiled files, without source maps: they point to sources that are not packed. */
export function copyCompiled(from: string, to: string): void {
  cpSync(from, to, { recursive: true, filter: (path) => !/(\.map|\.tsbuildinfo)$/.test(path) })
}
