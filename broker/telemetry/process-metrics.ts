// Metrics of the processes that the controller starts: a part of the one table in metrics.ts. Runs in the controller; pure data.

export const processMetrics = {
  millrace_host_ready: {
    kind: 'gauge',
    help: '1 while the host serves, else 0.',
    labels: ['host'],
    from: 'controller',
  },
  millrace_host_restarts_total: {
    kind: 'counter',
    help: 'Times that the host was started again after it had ended.',
    labels: ['host'],
    from: 'controller',
  },
  millrace_app_ready: {
    kind: 'gauge',
    help: '1 while the app that the daemon runs serves, else 0.',
    labels: ['app'],
    from: 'controller',
  },
  millrace_app_restarts_total: {
    kind: 'counter',
    help: 'Times that the app was started again after it had ended.',
    labels: ['app'],
    from: 'controller',
  },
} as const
