/** Applications as components, each with its volume and its backups. */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { App } from '../applications/app.ts';
import { Dataset, datasetGroup } from '../applications/dataset.ts';
import { datasetReader } from '../applications/dataset-reader.ts';
import { Gitea } from '../applications/gitea.ts';
import { GiteaMirror } from '../applications/gitea-mirror.ts';
import { HomeAssistant } from '../applications/home-assistant.ts';
import { Loki } from '../applications/loki.ts';
import { Postgres } from '../applications/postgres.ts';
import type {
  AppPlan,
  Database,
  DatasetPlan,
  GiteaPlan,
  HomeAssistantPlan,
  LokiPlan,
} from '../config/shelf/applications.ts';
import type { Volume } from '../config/shelf/volumes.ts';
import { label, managed } from '../names.ts';
import { secretData } from '../secret-data.ts';
import type { AppVolume } from '../volumes/app-volume.ts';
import { type BackedGround, buildBackup, buildDumps } from './backups.ts';
import { volumeArgs } from './volumes.ts';

export interface BuiltApplications {
  readonly databases: readonly { readonly plan: Database; readonly server: Postgres }[];
  readonly gitea: readonly { readonly plan: GiteaPlan; readonly server: Gitea }[];
  readonly loki: readonly { readonly plan: LokiPlan; readonly server: Loki }[];
  readonly homeAssistant: readonly {
    readonly plan: HomeAssistantPlan;
    readonly server: HomeAssistant;
  }[];
  readonly apps: readonly { readonly plan: AppPlan; readonly server: App }[];
}

/** What applications stand on. */
export interface AppGround extends BackedGround {
  readonly volumes: ReadonlyMap<Volume, AppVolume>;
}

export function buildApplications(ground: AppGround): BuiltApplications {
  const { shelf } = ground.args;
  const databases = shelf.databases.map((plan) => ({ plan, ...buildDatabase(plan, ground) }));
  const datasets = new Map(shelf.datasets.map((plan) => [plan, buildDataset(plan, ground)]));
  return {
    databases: databases.map(({ plan, server }) => ({ plan, server })),
    gitea: shelf.gitea.map((plan) => {
      const database = databases.find((each) => each.plan === plan.database);
      if (database === undefined) throw new Error(`${plan.name} has no database`);
      return { plan, server: buildGitea(plan, database, ground) };
    }),
    loki: shelf.loki.map((plan) => ({ plan, server: buildLoki(plan, ground) })),
    homeAssistant: shelf.homeAssistant.map((plan) => ({
      plan,
      server: buildHomeAssistant(plan, ground),
    })),
    apps: shelf.appPlans.map((plan) => ({ plan, server: buildApp(plan, datasets, ground) })),
  };
}

interface BuiltDatabase {
  readonly server: Postgres;
  /** Wait for this before the database is used: it may be being restored. */
  readonly ready: pulumi.Resource;
}

function buildDatabase(plan: Database, ground: BackedGround): BuiltDatabase {
  const existing = existingSecret(plan.volume, ground)['password'];
  const { name, image, database, user, resources } = plan;
  const server = new Postgres(
    plan.volume.name,
    {
      ...volumeArgs(plan.volume, ground),
      // What the owner said about dumps is what the policies want to hear.
      ...('skip' in plan.dumps
        ? { annotations: { 'larder.dev/exempt.volume-has-backup': plan.dumps.skip } }
        : {}),
      name,
      image,
      database,
      user,
      resources,
      ...(existing === undefined ? {} : { existingPassword: pulumi.secret(existing) }),
    },
    ground.apps,
  );
  return { server, ready: buildDumps(plan, server, ground) };
}

const existingSecret = ({ namespace, name }: Volume, { args }: BackedGround) =>
  args.secrets.get(`${namespace}/${name}`) ?? {};

function buildGitea(plan: GiteaPlan, database: BuiltDatabase, ground: BackedGround): Gitea {
  const { config, volume } = plan;
  const existing = existingSecret(volume, ground);
  const server = new Gitea(
    volume.name,
    {
      name: plan.name,
      volume: volumeArgs(volume, ground),
      image: plan.image,
      toolsImage: ground.args.shelf.images.tools,
      domain: config.domain,
      ...(config.rootUrl === undefined ? {} : { rootUrl: config.rootUrl }),
      sshPort: config.sshPort,
      admin: config.admin,
      mirrorsLocally: config.mirror !== undefined,
      resources: config.resources,
      database: {
        entry: plan.database.name,
        host: database.server.host,
        name: plan.database.database,
        user: plan.database.user,
        secretName: plan.database.volume.name,
        server: database.ready,
      },
      existing: Object.fromEntries(
        Object.entries(existing).map(([key, value]) => [key, pulumi.secret(value)]),
      ),
    },
    ground.apps,
  );
  buildBackup(volume, { claimName: server.claimName, application: volume.name }, ground);
  if (config.mirror !== undefined)
    new GiteaMirror(
      `${volume.name}-mirror`,
      {
        ...config.mirror,
        gitea: volume.name,
        host: server.host,
        admin: config.admin,
        namespace: ground.namespaces.get(volume.namespace)?.namespaceName ?? volume.namespace,
        token: pulumi.secret(ground.args.shelf.secrets[config.mirror.token] ?? ''),
        nodeImage: ground.args.shelf.images.node,
        server: server.server,
      },
      ground.apps,
    );
  return server;
}

function buildLoki(plan: LokiPlan, ground: BackedGround): Loki {
  const { config, volume } = plan;
  const server = new Loki(
    volume.name,
    {
      name: plan.name,
      volume: volumeArgs(volume, ground),
      image: plan.image,
      toolsImage: ground.args.shelf.images.tools,
      retentionDays: config.retentionDays,
      resources: config.resources,
    },
    ground.apps,
  );
  buildBackup(volume, { claimName: server.claimName, application: volume.name }, ground);
  return server;
}

function buildHomeAssistant(plan: HomeAssistantPlan, ground: BackedGround): HomeAssistant {
  const { config, volume } = plan;
  const server = new HomeAssistant(
    volume.name,
    {
      name: plan.name,
      volume: volumeArgs(volume, ground),
      image: plan.image,
      toolsImage: ground.args.shelf.images.tools,
      timeZone: config.timeZone,
      hostNetwork: config.hostNetwork,
      resources: config.resources,
    },
    ground.apps,
  );
  const claim = { claimName: server.claimName, application: volume.name, hasSqlite: true };
  buildBackup(volume, claim, ground);
  return server;
}

function buildDataset(plan: DatasetPlan, ground: BackedGround): Dataset {
  const { config, volume } = plan;
  const dataset = new Dataset(
    volume.name,
    {
      name: plan.name,
      volume: volumeArgs(volume, ground),
      writer: config.writer,
      toolsImage: ground.args.shelf.images.tools,
      keep: config.keep,
    },
    ground.apps,
  );
  buildBackup(volume, { claimName: dataset.claimName }, ground);
  return dataset;
}

function buildApp(
  plan: AppPlan,
  datasets: ReadonlyMap<DatasetPlan, Dataset>,
  ground: AppGround,
): App {
  const { config, name } = plan;
  const { images } = ground.args.shelf;
  const namespace = ground.namespaces.get(plan.namespace)?.namespaceName ?? plan.namespace;
  const read = plan.datasets.flatMap((mount) => {
    const built = datasets.get(mount.dataset);
    return built === undefined ? [] : [{ ...mount, built }];
  });
  const secret = buildSecret(plan, namespace, ground);
  return new App(
    `app-${name}`,
    {
      name,
      namespace,
      image: config.image,
      toolsImage: images.tools,
      ...(config.command === undefined ? {} : { command: config.command }),
      ...(config.args === undefined ? {} : { args: config.args }),
      env: config.env,
      ...(secret === undefined
        ? {}
        : { secret: { name: secret.metadata.name, keys: Object.keys(config.secretEnv) } }),
      mounts: plan.volumes.map(({ volume, path }) => ({
        claimName: ground.volumes.get(volume)?.claimName ?? volume.name,
        volume: volume.name,
        path,
        isMarked: volume.disk !== undefined,
      })),
      readers: read.map(({ dataset, path, built }) =>
        datasetReader({
          dataset: dataset.name,
          claimName: built.claimName,
          group: datasetGroup,
          path,
          toolsImage: images.tools,
        }),
      ),
      ports: config.ports,
      ...(config.healthPath === undefined ? {} : { healthPath: config.healthPath }),
      resources: config.resources,
      ...(config.user === undefined ? {} : { user: config.user }),
      replicas: config.replicas,
      after: [
        ...plan.volumes.flatMap(({ volume }) => ground.volumes.get(volume) ?? []),
        ...read.map(({ built }) => built.folders),
      ],
    },
    ground.apps,
  );
}

function buildSecret(
  { name, config }: AppPlan,
  namespace: pulumi.Input<string>,
  ground: AppGround,
): k8s.core.v1.Secret | undefined {
  const { secrets } = ground.args.shelf;
  const named = Object.entries(config.secretEnv);
  if (named.length === 0) return undefined;
  return new k8s.core.v1.Secret(
    `app-${name}-secret`,
    {
      metadata: {
        name: `app-${name}`,
        namespace,
        labels: { ...managed, [label.application]: name },
      },
      data: secretData(
        Object.fromEntries(
          named.map(([variable, key]) => [variable, pulumi.secret(secrets[key] ?? '')]),
        ),
      ),
    },
    ground.apps,
  );
}
