// How far a call has come in its thread. Pure. It stands in shared memory, so that it can be read when the thread is gone.

export const phases = { waiting: 0, loading: 1, running: 2 } as const

export function newPhase(): SharedArrayBuffer {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
}

export function setPhase(phase: SharedArrayBuffer, to: number): void {
  Atomics.store(new Int32Array(phase), 0, to)
}

export function phaseOf(phase: SharedArrayBuffer): number {
  return Atomics.load(new Int32Array(phase), 0)
}
