// The middle of a delivery: what happens to records between the stream and the buffers.
export { makePipeline, type PipedBy, type PipelineRim } from './delivery-pipeline.ts'
