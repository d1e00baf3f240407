// The admin port: health, readiness and metrics for probes and scrapers. Runs in the controller, on the main thread.
// It answers GET and HEAD on three paths, never takes a body, and holds no connection longer than a few seconds.

export interface AdminServerOptions {
  readonly listen: { readonly host: string; readonly port: number }
  /** Is the process itself in order? Answers /healthz: 200 or 503. */
  readonly health: () => { readonly healthy: boolean; readonly reasons: readonly string[] }
  /** Can it serve? Answers /readyz: 200 or 503, with every reason why not. */
  readonly ready: () => { readonly ready: boolean; readonly reasons: readonly string[] }
  /** Prometheus text. Answers /metrics. */
  readonly metrics: () => Promise<string>
}

export interface AdminServer {
  readonly port: number
  close(): Promise<void>
}

export declare function createAdminServer(options: AdminServerOptions): Promise<AdminServer>
