// IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod. Runs in the endpoint. As in the service, both take effect at once: the
// stream stays active, and one may follow the other.
import type { Call } from '../call.ts'
import { streamToChange } from '../book/managing.ts'
import type { EndpointParts } from '../parts.ts'
import { placeOf, type StreamView } from '../book/stream-view.ts'
import { KinesisError } from '../model/errors.ts'
import { translated } from '../native-errors.ts'
import { retentionHoursOf } from './descriptions.ts'

const HOUR_MS = 3_600_000
const HOURS_MIN = 24
const HOURS_MAX = 8760

/** Makes the retention longer; the same one changes nothing. */
export async function increaseRetention(
  parts: EndpointParts,
  call: Call<'IncreaseStreamRetentionPeriod'>,
): Promise<Record<string, never>> {
  const view = await streamToChange(parts, call)
  const asked = checkedHours(call.input.RetentionPeriodHours)
  const has = retentionHoursOf(view.stream)
  if (asked < has) {
    throw refusal(view, { asked, has, wrong: 'shorter', other: 'DecreaseRetentionPeriod' })
  }
  return changeRetention(parts, call, { view, asked })
}

/** Makes the retention shorter, which takes effect at once; the same one changes nothing. */
export async function decreaseRetention(
  parts: EndpointParts,
  call: Call<'DecreaseStreamRetentionPeriod'>,
): Promise<Record<string, never>> {
  const view = await streamToChange(parts, call)
  const asked = checkedHours(call.input.RetentionPeriodHours)
  const has = retentionHoursOf(view.stream)
  if (asked > has) {
    throw refusal(view, { asked, has, wrong: 'longer', other: 'IncreaseRetentionPeriod' })
  }
  return changeRetention(parts, call, { view, asked })
}

async function changeRetention(
  parts: EndpointParts,
  call: Call<'IncreaseStreamRetentionPeriod' | 'DecreaseStreamRetentionPeriod'>,
  { view, asked }: { readonly view: StreamView; readonly asked: number },
): Promise<Record<string, never>> {
  const retentionMs = asked * HOUR_MS
  if (retentionMs === view.stream.retentionMs) return {}
  await translated(placeOf(call, parts.settings.account, view.name), () =>
    call.caller.client.updateStream(view.name, { retentionMs }),
  )
  return {}
}

function checkedHours(hours: number): number {
  if (hours < HOURS_MIN) {
    const message = `Minimum allowed retention period is ${HOURS_MIN} hours. Requested retention period (${hours} hours) is too short.`
    throw new KinesisError('InvalidArgumentException', message)
  }
  if (hours > HOURS_MAX) {
    const message = `Maximum allowed retention period is ${HOURS_MAX} hours. Requested retention period (${hours} hours) is too long.`
    throw new KinesisError('InvalidArgumentException', message)
  }
  return hours
}

function refusal(
  { name }: StreamView,
  { asked, has, wrong, other }: Readonly<Record<'wrong' | 'other', string> & Record<'asked' | 'has', number>>,
): KinesisError {
  const message =
    `Requested retention period (${asked} hours) for stream ${name} can not be ${wrong} than existing retention period ` +
    `(${has} hours). Use ${other} API.`
  return new KinesisError('InvalidArgumentException', message)
}
