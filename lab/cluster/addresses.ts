/**
 * The lab's addresses, all inside network namespaces of its own: nothing here is ever seen by the
 * machine, so two labs may use the same numbers side by side.
 */
export const addresses = {
  /** Bridge of the lab network, where the control plane listens. */
  api: '10.66.0.1',
  apiPort: 6443,
  nodePrefixLength: 24,
  pods: '10.67.0.0/16',
  services: '10.68.0.0/16',
  /** First address of the service range: Kubernetes gives it to the API server. */
  apiService: '10.68.0.1',
  dns: '10.68.0.10',
} as const;

/** Address of the node with this number, counted from 1. */
export function nodeAddress(number: number): string {
  return `10.66.0.${10 + number}`;
}

/** Range of the pods on the node with this number. */
export function podRange(number: number): string {
  return `10.67.${number}.0/24`;
}
