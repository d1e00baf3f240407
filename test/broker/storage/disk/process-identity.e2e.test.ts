// Dead or alive: a lock that takes dead processes for living ones never opens again.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { isProcessAlive, processStartOf } from '../../../../broker/storage/disk/process-identity.ts'

const onLinux = test.skipIf(process.platform !== 'linux')

test('isProcessAlive: true for this process, false for one that ended', async () => {
  const child = spawn(process.execPath, ['-e', ''])
  await once(child, 'exit')
  expect(await isProcessAlive(process.pid)).toBe(true)
  expect(await isProcessAlive(child.pid ?? 0)).toBe(false)
})

onLinux('isProcessAlive: false for a killed process that its parent has not reaped', async () => {
  // The shell becomes a program that never reaps its children, as the first process of a bare container may be.
  const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'])
  const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string]
  const pid = Number(line)
  // Until then it is still a shell, which reaps.
  while ((await readFile(`/proc/${parent.pid}/comm`, 'utf8')) !== 'sleep\n') await delay(1)
  expect(await isProcessAlive(pid)).toBe(true)
  process.kill(pid, 'SIGKILL')
  while (!/\) Z /.test(await readFile(`/proc/${pid}/stat`, 'utf8'))) await delay(1)
  expect(await isProcessAlive(pid)).toBe(false)
  expect(await processStartOf(pid)).toMatch(/^\d+$/)
  parent.kill('SIGKILL')
  await once(parent, 'exit')
})
