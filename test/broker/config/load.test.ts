// The configuration file is read as editors write it.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ConfigError } from '../../../broker/config/config-error.ts'
import { loadConfig } from '../../../broker/config/load.ts'
import { temporaryDirectory } from '../../support/disk/temporary.ts'

async function loaded(content: string) {
  await using directory = await temporaryDirectory()
  const path = join(directory.path, 'millrace.json')
  await writeFile(path, content)
  return loadConfig({ config: path }, {}).values
}

test('configuration file: a byte order mark at its start is no part of it', async () => {
  expect(await loaded('\ufeff{"segmentSize":"8MiB"}')).toMatchObject({ segmentSize: 8 << 20 })
})

test('configuration file: anything but JSON is refused, by the option that names the file', async () => {
  await expect(loaded('{')).rejects.toThrow(ConfigError)
  await expect(loaded('{')).rejects.toThrow(
    /^--config names .*millrace\.json, which cannot be read as JSON: /,
  )
})
