/** `larder:monitoring`: in which form alerts and dashboard come into the cluster. */
import { z } from 'zod';
import { labelKey, labelValue, name } from './atoms.ts';

const monitoringSchema = z.strictObject({
  /**
   * `config-map`: plain ConfigMaps, which need nothing in the cluster; `prometheus-operator`: a
   * PrometheusRule and monitors, which need the operator's kinds; `none`.
   */
  format: z.enum(['config-map', 'prometheus-operator', 'none']).default('config-map'),
  /** An existing Namespace that Prometheus and Grafana look into. Default: larder-system. */
  namespace: name.optional(),
  /** Labels by which Prometheus finds rules and monitors: `release: kube-prometheus-stack`. */
  labels: z.record(labelKey, labelValue).default({}),
  /** Where docs/runbooks can be read, ending in a slash; alerts link there. */
  runbooks: z
    .string()
    .regex(/^https?:\/\/\S+\/$/, 'an address that ends in a slash')
    .optional(),
});

/** Keys of this section, as they stand under `larder:`. */
export const monitoringShape = { monitoring: monitoringSchema.prefault({}) };

export type MonitoringConfig = z.output<typeof monitoringSchema>;
