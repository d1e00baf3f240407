// A runtime as a container has it: asks the runtime interface for events, and answers as the records of each say. Prints the texts of a call
// when it begins.
import { setTimeout as sleep } from 'node:timers/promises'

const calls = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`

for (;;) {
  const next = await fetch(`${calls}/next`)
  const id = next.headers.get('lambda-runtime-aws-request-id')
  const { Records } = await next.json()
  const found = Records.map(({ kinesis }) => ({
    number: kinesis.sequenceNumber,
    text: Buffer.from(kinesis.data, 'base64').toString(),
  }))
  const texts = found.map(({ text }) => text)
  console.error(`CALL ${texts.join(' ')}`)
  if (texts.includes('exit')) process.exit(3)
  if (texts.includes('hang')) await sleep(3_600_000)
  const failed = found.filter(({ text }) => text.startsWith('fail'))
  const isThrown = texts.includes('throw')
  const body = isThrown
    ? { errorType: 'BadRecord', errorMessage: 'it throws', trace: ['at handler'] }
    : { batchItemFailures: failed.map(({ number }) => ({ itemIdentifier: number })) }
  await fetch(`${calls}/${id}/${isThrown ? 'error' : 'response'}`, {
    method: 'POST',
    body: JSON.stringify(body),
  })
}
