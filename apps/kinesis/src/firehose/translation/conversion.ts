// Conversion of records to Parquet, as a request asks for it. Pure.
import type { DeliveryFormat } from 'millrace/protocol'
import type { ExtendedS3Configuration } from '../given.ts'
import { invalid } from '../model/errors.ts'

const compressions = { SNAPPY: 'snappy', GZIP: 'gzip', UNCOMPRESSED: 'none' } as const

/** True where records are converted: objects are then compressed inside. */
export function isConverted({
  DataFormatConversionConfiguration: conversion,
}: ExtendedS3Configuration): boolean {
  return conversion !== undefined && conversion.Enabled !== false
}

/** The format of objects. There is no Glue here: the schema is that of each object's own records. */
export function translateFormat(configuration: ExtendedS3Configuration): DeliveryFormat {
  const { DataFormatConversionConfiguration: conversion, CompressionFormat: compression } = configuration
  if (conversion === undefined || !isConverted(configuration)) return { type: 'raw' }
  const { SchemaConfiguration, InputFormatConfiguration, OutputFormatConfiguration } = conversion
  if (SchemaConfiguration === undefined || InputFormatConfiguration === undefined) {
    throw invalid(
      'SchemaConfiguration and InputFormatConfiguration are required when data format conversion is enabled.',
    )
  }
  const serializer = OutputFormatConfiguration?.Serializer
  if (serializer === undefined) {
    throw invalid('OutputFormatConfiguration is required when data format conversion is enabled.')
  }
  if (serializer.OrcSerDe !== undefined) {
    throw invalid('OrcSerDe is not supported by this endpoint: use ParquetSerDe.')
  }
  if (serializer.ParquetSerDe === undefined) throw invalid('Exactly one serializer must be specified.')
  if (compression !== undefined && compression !== 'UNCOMPRESSED') {
    throw invalid('CompressionFormat must be UNCOMPRESSED when data format conversion is enabled.')
  }
  const { Compression, BlockSizeBytes } = serializer.ParquetSerDe
  return {
    type: 'parquet',
    compression: compressions[Compression ?? 'SNAPPY'],
    ...(BlockSizeBytes !== undefined && { rowGroupBytes: BlockSizeBytes }),
  }
}
