// The image: what it copies before it installs must name each app, whose package.json decides what is installed.
import { describe, expect, it } from 'vitest'
import { apps, files } from '../tree.ts'

const dockerfile = files.find(({ path }) => path === 'Dockerfile')!.text

describe.each(apps)('%s', (app) => {
  it('is installed in both stages of the image that install packages', () => {
    const copied = dockerfile.split('\n').filter((line) => line === `COPY ${app}/package.json ./${app}/`)
    expect(copied).toHaveLength(2)
  })
})
