// How the nightly tests of functions run: against AWS' emulator, which is built for them first.
import { dirname } from 'node:path'
import { defineConfig } from 'vitest/config'

const MINUTE_MS = 60_000

export default defineConfig({
  test: {
    root: dirname(import.meta.dirname),
    include: ['wire/real-emulator.e2e.test.ts'],
    globalSetup: ['nightly/emulator.ts'],
    server: { deps: { external: [/\/dist\//] } },
    pool: 'forks',
    testTimeout: 20 * MINUTE_MS,
    hookTimeout: 20 * MINUTE_MS,
    expect: { poll: { timeout: 2 * MINUTE_MS } },
  },
})
