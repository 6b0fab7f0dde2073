/** Applications, each with its volumes. */
import type {
  AppConfig,
  DatasetConfig,
  GiteaConfig,
  HomeAssistantConfig,
  LokiConfig,
  PostgresConfig,
} from '../schema/applications.ts';
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

interface Planned<Config> {
  readonly name: string;
  readonly volume: Volume;
  readonly image: string;
  /** What only this kind of application knows. */
  readonly config: Config;
}

export interface GiteaPlan extends Planned<GiteaConfig> {
  readonly database: Database;
}
export type LokiPlan = Planned<LokiConfig>;
export type HomeAssistantPlan = Planned<HomeAssistantConfig>;

export interface DatasetPlan {
  readonly name: string;
  readonly volume: Volume;
  readonly config: DatasetConfig;
}

export interface AppPlan {
  readonly name: string;
  readonly namespace: string;
  readonly volumes: readonly { readonly volume: Volume; readonly path: string }[];
  readonly datasets: readonly { readonly dataset: DatasetPlan; readonly path: string }[];
  readonly config: AppConfig;
  /** Where the stack file says so, for messages. */
  readonly path: string;
}

export interface Applications {
  readonly databases: readonly Database[];
  readonly gitea: readonly GiteaPlan[];
  readonly loki: readonly LokiPlan[];
  readonly homeAssistant: readonly HomeAssistantPlan[];
  readonly datasets: readonly DatasetPlan[];
  readonly appPlans: readonly AppPlan[];
}

/** Volumes that an application of a known kind makes itself. */
export function volumesOfApplications(applications: Applications): readonly Volume[] {
  const { databases, gitea, loki, homeAssistant, datasets } = applications;
  return [...databases, ...gitea, ...loki, ...homeAssistant, ...datasets].map(
    ({ volume }) => volume,
  );
}
