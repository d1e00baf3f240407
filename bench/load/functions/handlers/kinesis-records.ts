// What handlers of the bench need of an event. Types only.

export interface KinesisRecords {
  readonly Records: readonly {
    readonly kinesis: { readonly partitionKey: string; readonly data: string }
  }[]
}
