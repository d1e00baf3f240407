// The port of the page: who gets it, and by which names.
import { request } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { StatusServer } from '../../src/wire/status-server.ts'

async function opened(host: string): Promise<StatusServer> {
  const views = { '/': { type: 'text/plain', body: () => 'page' } }
  const server = await StatusServer.open({ host, port: 0, views })
  onTestFinished(() => server.close())
  return server
}

function statusOf({ url }: StatusServer, host: string, method = 'GET'): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers: { host } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    asked.once('error', reject)
    asked.end()
  })
}

it('is not shown to a page of others whose name points to this machine', async () => {
  const server = await opened('127.0.0.1')
  for (const host of [
    'evil.example',
    'evil.example:7482',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '%',
  ])
    expect(await statusOf(server, host)).toBe(403)
  for (const host of ['127.0.0.1:7482', 'localhost:1', '[::1]:7482', '10.0.0.1'])
    expect(await statusOf(server, host)).toBe(200)
  expect(await statusOf(server, 'localhost', 'POST')).toBe(405)
})

it('is shown by any name where it listens for other machines', async () => {
  expect(await statusOf(await opened('0.0.0.0'), 'agent.example:7482')).toBe(200)
})
