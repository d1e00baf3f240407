// Conversion of the records' format. Pure.
import { boolean, list, map, optional, structure } from '../../model/shape.ts'
import { opaque } from './opaque.ts'
import {
  blockSizeBytes,
  nonEmptyString,
  nonEmptyStringWithoutWhitespace,
  nonNegativeIntegerObject,
  parquetCompression,
  parquetPageSizeBytes,
  parquetWriterVersion,
} from './values.ts'

export const schemaConfiguration = structure({
  RoleARN: optional(nonEmptyStringWithoutWhitespace),
  CatalogId: optional(nonEmptyStringWithoutWhitespace),
  DatabaseName: optional(nonEmptyStringWithoutWhitespace),
  TableName: optional(nonEmptyStringWithoutWhitespace),
  Region: optional(nonEmptyStringWithoutWhitespace),
  VersionId: optional(nonEmptyStringWithoutWhitespace),
})
export const columnToJsonKeyMappings = map(nonEmptyStringWithoutWhitespace, nonEmptyString, {})
export const openXJsonSerDe = structure({
  ConvertDotsInJsonKeysToUnderscores: optional(boolean),
  CaseInsensitive: optional(boolean),
  ColumnToJsonKeyMappings: optional(columnToJsonKeyMappings),
})
export const listOfNonEmptyStrings = list(nonEmptyString, {})
export const hiveJsonSerDe = structure({ TimestampFormats: optional(listOfNonEmptyStrings) })
export const deserializer = structure({
  OpenXJsonSerDe: optional(openXJsonSerDe),
  HiveJsonSerDe: optional(hiveJsonSerDe),
})
export const inputFormatConfiguration = structure({ Deserializer: optional(deserializer) })
export const parquetSerDe = structure({
  BlockSizeBytes: optional(blockSizeBytes),
  PageSizeBytes: optional(parquetPageSizeBytes),
  Compression: optional(parquetCompression),
  EnableDictionaryCompression: optional(boolean),
  MaxPaddingBytes: optional(nonNegativeIntegerObject),
  WriterVersion: optional(parquetWriterVersion),
})
export const serializer = structure({ ParquetSerDe: optional(parquetSerDe), OrcSerDe: optional(opaque) })
export const outputFormatConfiguration = structure({ Serializer: optional(serializer) })
export const dataFormatConversionConfiguration = structure({
  SchemaConfiguration: optional(schemaConfiguration),
  InputFormatConfiguration: optional(inputFormatConfiguration),
  OutputFormatConfiguration: optional(outputFormatConfiguration),
  Enabled: optional(boolean),
})
