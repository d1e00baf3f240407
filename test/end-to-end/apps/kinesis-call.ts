// One call of the Kinesis or the Firehose API, as a client makes it that neither checks nor retries anything.

export interface KinesisAnswer {
  readonly status: number
  readonly body: unknown
}

/** Calls an operation of the Firehose API. */
export function firehoseCall(url: string, operation: string, input: object): Promise<KinesisAnswer> {
  return kinesisCall(url, operation, input, { target: 'Firehose_20150804' })
}

/** Calls an operation by JSON 1.1. `isSigned`: with a signature of nobody, as SDKs send it to endpoints that do not verify. */
export async function kinesisCall(
  url: string,
  operation: string,
  input: object,
  {
    isSigned = true,
    target = 'Kinesis_20131202',
  }: { readonly isSigned?: boolean; readonly target?: string } = {},
): Promise<KinesisAnswer> {
  const scope = '20260101/us-east-1/kinesis/aws4_request'
  const signature = `AWS4-HMAC-SHA256 Credential=nobody/${scope}, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `${target}.${operation}`,
      'x-amz-date': '20260101T000000Z',
      ...(isSigned && { authorization: signature }),
    },
    body: JSON.stringify(input),
  })
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) }
}
