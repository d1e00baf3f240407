// The metrics of access: a part of the table in metrics.ts. Runs in controller and host; pure data. No label is a principal, an
// address or a credential.

export const accessMetrics = {
  millrace_audit_events_total: {
    kind: 'counter',
    help: 'Audit events, those included whose lines were left out because one source caused too many.',
    labels: ['event'],
    from: 'both',
  },
} as const
