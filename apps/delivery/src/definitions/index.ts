// Deliveries as every door to them uses them: what `import … from '@millrace/delivery/definitions'` gives.
export { bounds, defaults, type Bound } from './bounds.ts'
export { checkDefinition, type DefinitionCheck } from './check.ts'
export type { DeliveryChanges, DeliveryInput } from './definition-input.ts'
export {
  createDelivery,
  describeDelivery,
  groupOfDelivery,
  listDeliveries,
  makeStream,
  setDeliveryState,
  updateDelivery,
  type CreatedDelivery,
  type DeliveryDescription,
  type DeliveryProgress,
} from './deliveries.ts'
export { DeliveryError, type DefinitionFault } from './delivery-error.ts'
export { ownStreamOf } from 'millrace/protocol'
export { requestRetry, retryOf } from './retries.ts'
export { isInUse, markDeleting, removeDelivery } from './removal.ts'
