// Notices of an owner thread reach the thread that started it.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createCaller } from '#dist/broker/channels/calls.js'
import { startOwnerThread } from '#dist/broker/threads/owner-thread.js'
import type { OwnerCalls, OwnerNotice } from '../../../broker/threads/owner-contract.ts'

test('owner thread: sends its segment list at start, so that a new host can read its records', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-owner-'))
  const options = { ownerId: 0, directory, segmentBytes: 1 << 20, freeSpaceFloorBytes: 0 }
  const workerUrl = new URL(import.meta.resolve('#dist/broker/storage/worker.js'))
  const thread = await startOwnerThread(options, workerUrl)
  const caller = createCaller<OwnerCalls>(thread)
  const notices: OwnerNotice[] = []
  caller.onNotice((notice) => notices.push(notice as OwnerNotice))
  await caller.call('open', { shards: [{ slot: 1, startingSequenceNumber: 0 }] })
  await caller.call('close', null)
  await thread.join()
  expect(notices[0]).toMatchObject({
    notice: 'segments',
    list: { directory, segments: ['segment-0000000001'] },
  })
  await rm(directory, { recursive: true })
})
