// What of the parameters within destinations is served, where it differs from the service: rows of the support page. Pure data.

/** Parameter, how far it is served, and why. */
export const firehoseMembers: readonly (readonly [
  name: string,
  supported: 'yes' | 'in part' | 'no',
  note: string,
])[] = [
  [
    'BucketARN',
    'in part',
    'The bucket is one of AWS, or of the server that the environment of the app delivery names; with `--kinesis-buckets` one of another server, or a folder of a directory.',
  ],
  ['RoleARN', 'in part', 'Kept and shown. Credentials are those of the app delivery’s environment.'],
  ['Prefix, ErrorOutputPrefix, CustomTimeZone, FileExtension', 'yes', ''],
  ['BufferingHints', 'yes', 'Refused beyond the bounds of the service, with partitions and conversion too.'],
  [
    'CompressionFormat',
    'yes',
    'For an HTTP endpoint’s backup it is kept and shown: what is backed up is not compressed.',
  ],
  ['EncryptionConfiguration', 'in part', 'Kept and shown: a bucket encrypts by its own settings.'],
  [
    'CloudWatchLoggingOptions',
    'in part',
    'Kept and shown. What goes wrong stands in the log, and in what the command line says of the delivery.',
  ],
  [
    'S3BackupConfiguration',
    'in part',
    'Its bucket and prefix count; buffers are those of the delivery, and it is not compressed.',
  ],
  [
    'DynamicPartitioningConfiguration',
    'in part',
    'At most 500 partitions wait at a time. RetryOptions are kept and shown.',
  ],
  [
    'DataFormatConversionConfiguration',
    'in part',
    'Parquet. There is no Glue: SchemaConfiguration is kept and shown, and the schema is that of each object’s own records. OrcSerDe is refused.',
  ],
  [
    'Processors: Lambda',
    'in part',
    'LambdaArn names a function of the app functions, by its last part. RoleArn is ignored.',
  ],
  [
    'Processors: MetadataExtraction',
    'yes',
    'MetadataExtractionQuery is one jq object, whose keys are names or texts.',
  ],
  ['Processors: RecordDeAggregation, AppendDelimiterToRecord', 'yes', ''],
  ['Processors: Decompression, CloudWatchLogProcessing', 'no', 'Refused by InvalidArgumentException.'],
  [
    'EndpointConfiguration',
    'yes',
    'The access key is not shown, and stays where an update does not name one.',
  ],
  ['RequestConfiguration, RetryOptions, S3BackupMode', 'yes', ''],
  ['SecretsManagerConfiguration', 'no', 'Refused by InvalidArgumentException where it is enabled.'],
]
