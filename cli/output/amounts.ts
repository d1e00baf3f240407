// Numbers as people read them. Pure.
import { nounFor } from '../../protocol/text/count-text.ts'

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** 1536 → `1.5 KiB` */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${byteUnits[unit]}`
}

/** 1234567 → `1,234,567` */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}

/** `1 record`, `2 records`, `3 batches` */
export function countOf(count: number, noun: string, plural?: string): string {
  return `${formatCount(count)} ${nounFor(count, noun, plural)}`
}

/** 1234.5 → `1,235 records/s`, 1 → `1 record/s` */
export function formatRate(perSecond: number, noun: string): string {
  return `${countOf(Math.round(perSecond), noun)}/s`
}

/** `shardId-000000000003` → `3`, which every verb takes as well. */
export function shortShardId(shardId: string): string {
  return /^shardId-\d{12}$/.test(shardId) ? String(Number(shardId.slice('shardId-'.length))) : shardId
}

/** Milliseconds → `0.42 ms`, `12 ms`, `1.5 s`, `3 min`, `24 h`, `7 d` */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${Number(ms.toFixed(2))} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${Number((ms / 1000).toFixed(1))} s`
  if (ms < 3_600_000) return `${Number((ms / 60_000).toFixed(1))} min`
  if (ms < 3 * 86_400_000) return `${Number((ms / 3_600_000).toFixed(1))} h`
  return `${Number((ms / 86_400_000).toFixed(1))} d`
}
