// The thread that runs jq, as it is built: it answers, survives what crashes jq, and is ended with an expression that never ends.
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { JqThread, sharedJq } from '@millrace/delivery/partitioning'

const entry = new URL('./jq-worker.js', import.meta.resolve('@millrace/delivery/partitioning'))

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const thread of open.splice(0)) await thread.close()
})

const kept = <T extends { close(): Promise<void> }>(thread: T): T => {
  open.push(thread)
  return thread
}

describe('JqThread', () => {
  it('answers in turn, however many ask at once', async () => {
    const jq = kept(new JqThread())
    const outputs = await Promise.all([1, 2, 3].map((n) => jq.run('. + 1', String(n))))
    expect(outputs.map(({ stdout }) => stdout)).toEqual(['2', '3', '4'])
  })

  it('says that jq has crashed, and answers the next', async () => {
    const jq = kept(new JqThread())
    const crash = await jq.run('def f: [f]; f', '1')
    expect(crash.exitCode).not.toBe(0)
    expect(crash.stderr).toContain('jq has crashed')
    expect(await jq.run('.', '1')).toMatchObject({ stdout: '1', exitCode: 0 })
  })

  it('ends an expression that does not end, and answers the next', async () => {
    // However slow the machine is, an endless expression outlasts this.
    const endless = await kept(new JqThread({ runMsMax: 100 })).run('[range(0; infinite)] | length', '1')
    expect(endless.exitCode).not.toBe(0)
    const jq = kept(new JqThread())
    expect(await jq.run('.', '1')).toMatchObject({ stdout: '1' })
  })

  it('says that a thread that cannot be loaded knows nothing of records, and tries another one with the next run', async () => {
    const broken = [
      () => new Worker('throw new Error("there is no WebAssembly here")', { eval: true }),
      () => new Worker('process.exit(0)', { eval: true }),
      () => new Worker('setInterval(() => {}, 1000)', { eval: true }),
      () => {
        throw new Error('no more threads')
      },
    ]
    const start = () => broken.shift()?.() ?? new Worker(entry, { name: 'jq' })
    const jq = kept(new JqThread({ start, loadMsMax: 2000 }))
    const runs = Array.from({ length: 4 }, () => jq.run('.', '1'))
    const reasons = (await Promise.allSettled(runs)).map(
      (run) => run.status === 'rejected' && String(run.reason),
    )
    expect(reasons).toEqual([
      expect.stringContaining('cannot be run: there is no WebAssembly here.'),
      expect.stringContaining('its thread was ended'),
      expect.stringContaining('has not begun'),
      expect.stringContaining('no more threads'),
    ])
    expect(await kept(new JqThread({ start })).run('.', '1')).toMatchObject({ stdout: '1', exitCode: 0 })
  })

  it('says of a run that is ended from outside that nothing came of it', async () => {
    const jq = kept(new JqThread())
    await jq.run('.', '1')
    const endless = jq.run('[range(0; infinite)] | length', '1')
    await Promise.resolve()
    await jq.close()
    await expect(endless).rejects.toThrow('cannot be run: its thread was ended')
  })

  it('is shared, and ends with the last who needs it', async () => {
    const [one, other] = [kept(sharedJq()), kept(sharedJq())]
    await one.run('.', '1')
    await one.close()
    await one.close()
    expect(await other.run('.', '2')).toMatchObject({ stdout: '2' })
  })
})
