// Random sequences of appending, rotation, polls and crashes: each line is delivered once, and in the order in which it was written.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { MemoryDisk } from './support/memory-disk.ts'
import { ReadingAgent, TestClock } from './support/reading-agent.ts'
import { RotationScene, rotationSteps } from './support/rotation-scene.ts'

const LOG = '/logs/app.log'

for (const rotations of [['rename'], ['copytruncate'], ['rename', 'copytruncate']] as const) {
  it(`delivers each line once and in order through ${rotations.join(' and ')}`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(rotationSteps(rotations), { maxLength: 25 }), async (sequence) => {
        const clock = new TestClock()
        const disk = new MemoryDisk(() => clock.ms++)
        disk.mkdir('/logs')
        const agent = await new ReadingAgent(disk, clock, {
          recordBytesMax: 1_000,
        }).start()
        const scene = new RotationScene(disk, LOG, clock, agent)
        for (const step of sequence) await scene.take(step)
        await scene.finish()
        expect(scene.delivered()).toEqual(scene.written)
        await agent.files.close()
        expect(disk.openHandles).toBe(0)
      }),
      { numRuns: 500 },
    )
  })
}
