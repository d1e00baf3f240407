// PROCESS ENTRY: the command. Sets the exit code and lets the process end by itself, so that all output is written. After an
// interruption it waits for the reader of that output for a bounded time only.
import { readFileSync } from 'node:fs'
import { run } from './program.ts'
import { processTerminal } from './terminal.ts'

// This file runs as dist/cli/main.js, two folders below package.json.
const packageJson = new URL('../../package.json', import.meta.url)
const { version } = JSON.parse(readFileSync(packageJson, 'utf8')) as { version: string }

const terminal = processTerminal()
process.exitCode = await run(process.argv.slice(2), terminal, version)
terminal.finish()
