// The section of the app delivery in the one table of options. Runs anywhere; pure data. What they mean to the app is said again by
// its own types: a test holds both together.

export const deliveryOptions = {
  deliverySpoolDir: {
    kind: 'path',
    default: null,
    example: '/var/lib/millrace-delivery',
    doc: 'Directory where records wait that are not delivered yet. It may be lost: they are read again. Left out: a temporary one.',
    audience: 'operator',
    scope: 'broker',
    app: 'delivery',
  },
  deliverySpoolBytes: {
    kind: 'bytes',
    default: '1GiB',
    min: '64MiB',
    max: '1TiB',
    example: '8GiB',
    doc: 'Records that wait in all deliveries together; beyond it, objects are written before they are full.',
    audience: 'operator',
    scope: 'broker',
    app: 'delivery',
  },
} as const
