// The certificates that a process shows and trusts, as the controller hands them to its own ports and to the hosts. Types only.

/** Certificates and a key, in PEM. */
export interface ServedCertificates {
  /** The broker's certificate, and those that lead to its authority. */
  readonly cert: string
  readonly key: string
  /** Whether clients must have a certificate; `optional`: those that have one must have a valid one. */
  readonly clients: ClientCertificates
  /** Authorities that sign the certificates of clients; null where clients need none. */
  readonly clientsCa: string | null
}

export type ClientCertificates = 'none' | 'optional' | 'required'
