/** Telling people who look at the cluster: Kubernetes' Events. Told once, never kept. */
import type { Happening } from '../control/happenings.ts';

export interface Events {
  /** Never waits and never fails: what cannot be told is dropped. */
  tell(happening: Happening): void;
}
