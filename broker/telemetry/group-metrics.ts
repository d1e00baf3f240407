// The metrics of consumer groups: a part of the table in metrics.ts. Runs in the controller; pure data.

export const groupMetrics = {
  millrace_groups: { kind: 'gauge', help: 'Consumer groups.', labels: [], from: 'controller' },
  millrace_group_members: {
    kind: 'gauge',
    help: 'Members of the consumer group. Groups beyond the first 500 by name share the label "(others)", here and in all gauges of groups.',
    labels: ['group'],
    from: 'controller',
  },
  millrace_group_lag_records: {
    kind: 'gauge',
    help: 'Records from the checkpoint to the tail, of the shard of the group that has most of them. Without shards whose host is down.',
    labels: ['group'],
    from: 'controller',
  },
  millrace_group_lag_seconds: {
    kind: 'gauge',
    help: 'Age of the oldest record that the group has not processed, of all its shards; 0 where everything is processed.',
    labels: ['group'],
    from: 'controller',
  },
  millrace_group_unowned_shards: {
    kind: 'gauge',
    help: 'Shards of the group that could be processed and that no member has.',
    labels: ['group'],
    from: 'controller',
  },
  millrace_group_blocked_shards: {
    kind: 'gauge',
    help: 'Shards of the group that stand still at a record that failed in all attempts.',
    labels: ['group'],
    from: 'controller',
  },
  millrace_group_checkpoints_total: {
    kind: 'counter',
    help: 'Checkpoints of consumer groups that were stored.',
    labels: [],
    from: 'controller',
  },
  millrace_group_assignments_total: {
    kind: 'counter',
    help: 'Shards that were assigned to members of consumer groups.',
    labels: [],
    from: 'controller',
  },
  millrace_group_moves_total: {
    kind: 'counter',
    help: 'Shards that a member of a consumer group was told to release, for another one.',
    labels: [],
    from: 'controller',
  },
  millrace_group_defects_total: {
    kind: 'counter',
    help: 'Defects that consumer groups met, and were read again after; the log has each of them. Report them.',
    labels: [],
    from: 'controller',
  },
  millrace_group_members_expired_total: {
    kind: 'counter',
    help: 'Members of consumer groups whose leases ended without a renewal: they hung, or were killed.',
    labels: [],
    from: 'controller',
  },
} as const
