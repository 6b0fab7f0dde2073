/** Applications, each with its volumes. */
import type { PostgresConfig } from '../schema/applications.ts';
import type { DumpPlan } from './backups.ts';
import type { Volume } from './volumes.ts';

export interface Database {
  readonly name: string;
  readonly volume: Volume;
  readonly image: string;
  readonly user: string;
  readonly database: string;
  readonly resources: PostgresConfig['resources'];
  /** Where the dumps go, or why there are none. */
  readonly dumps: DumpPlan | { readonly skip: string };
}

export interface Applications {
  readonly databases: readonly Database[];
}
