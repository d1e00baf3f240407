// PROCESS ENTRY: the command line. Decides the exit code and lets the process end by itself, so that output is written out.
import { readFileSync } from 'node:fs'
import { run } from './program.ts'
import { processTerminal } from './terminal.ts'

// From dist/cli/main.js, two folders below the package's own description.
const packageJson = new URL('../../package.json', import.meta.url)
const { version } = JSON.parse(readFileSync(packageJson, 'utf8')) as { version: string }

process.exitCode = await run(process.argv.slice(2), processTerminal(), version)
