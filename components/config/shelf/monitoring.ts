/** What is watched, and in which form alerts and dashboard come into the cluster. */
import type { MonitoringConfig } from '../schema/monitoring.ts';
import type { Watched } from '../../monitoring/alert.ts';

interface MonitoringPlan extends MonitoringConfig {
  readonly watched: Watched;
}

export interface Monitored {
  readonly monitoring: MonitoringPlan;
}
