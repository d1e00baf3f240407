// The metrics of TLS: a part of the table in metrics.ts. Runs in controller and host; pure data.

export const tlsMetrics = {
  millrace_tls_handshakes_total: {
    kind: 'counter',
    help: 'TLS handshakes, by outcome: begun, resumed (a known session goes on), refused (what the client shows is not accepted), failed, plaintext (the client speaks no TLS).',
    labels: ['outcome'],
    from: 'both',
  },
  millrace_tls_certificate_expiry_seconds: {
    kind: 'gauge',
    help: 'Seconds until what the file of the TLS directory holds expires, below 0 afterwards.',
    labels: ['file'],
    from: 'controller',
  },
} as const
