// Command lines against a daemon that a test file shares, in processes of their own.
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import { TestDaemon } from '../../support/daemon.ts'
import { command, startCommand, type CommandOptions, type CommandResult } from '../command.ts'

type Options = Omit<CommandOptions, 'url'>

export interface DaemonCommands {
  daemon(): TestDaemon
  /** Folder for files of the tests; removed afterwards. */
  folder(): string
  millrace(args: string, options?: Options): Promise<CommandResult>
  /** Runs a command line that must succeed, and returns its standard output as text. */
  output(args: string, options?: Options): Promise<string>
  /** Starts a command line that may never end; it is ended with its test, also if the test fails. */
  startForTest(args: readonly string[]): ChildProcess
}

/** Starts a daemon before the tests of this file, and stops it after them. */
export function daemonCommands(): DaemonCommands {
  let daemon: TestDaemon
  let folder: string
  beforeAll(async () => {
    daemon = await TestDaemon.start()
    folder = await mkdtemp(join(tmpdir(), 'millrace-verbs-'))
  })
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true })
    await daemon[Symbol.asyncDispose]()
  })
  const millrace = (args: string, options: Options = {}) =>
    command(args.split(' '), { url: daemon.url, ...options })
  return {
    daemon: () => daemon,
    folder: () => folder,
    millrace,
    async output(args, options) {
      const { code, stdout, stderr } = await millrace(args, options)
      expect({ code, stderr }).toEqual({
        code: 0,
        stderr: expect.not.stringContaining('millrace:') as string,
      })
      return stdout.toString()
    },
    startForTest(args) {
      const child = startCommand(args, { url: daemon.url })
      onTestFinished(() => void child.kill('SIGKILL'))
      return child
    },
  }
}
