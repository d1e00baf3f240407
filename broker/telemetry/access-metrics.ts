// The metrics of access: a part of the table in metrics.ts. Runs in controller and host; pure data. No label is a principal, an
// address or a credential.

export const accessMetrics = {
  millrace_audit_events_total: {
    kind: 'counter',
    help: 'Audit events, those included whose lines were left out because one source caused too many.',
    labels: ['event'],
    from: 'both',
  },
  millrace_quota_refusals_total: {
    kind: 'counter',
    help: 'Refusals, pauses and cuts because a quota of a principal or an address was used up.',
    labels: ['quota'],
    from: 'both',
  },
  millrace_quota_used_ratio: {
    kind: 'gauge',
    help: 'The part of its own quota that the principal or address uses that uses most of it; above 1 in debt. 0 where nobody has such a quota. Of quotas that each process counts.',
    labels: ['quota'],
    from: 'both',
  },
} as const
