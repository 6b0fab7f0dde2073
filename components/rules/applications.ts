/**
 * What must hold for applications and datasets. The facts behind each rule stand in
 * docs/components/{gitea,loki,home-assistant,app,dataset}.md.
 */
import type {
  AppPlan,
  Applications,
  DatasetPlan,
  GiteaPlan,
  HomeAssistantPlan,
  LokiPlan,
} from '../config/shelf/applications.ts';
import type { Volume } from '../config/shelf/volumes.ts';
import { parseSize } from '../config/quantity.ts';
import { imageVersionProblems } from './image-version.ts';
import { oneOf, type Problem } from './problem.ts';

export function applicationProblems(applications: Applications): Problem[] {
  const { gitea, loki, homeAssistant, datasets, appPlans } = applications;
  return [
    ...gitea.flatMap((plan) => giteaProblems(plan, gitea)),
    ...loki.flatMap(lokiProblems),
    ...homeAssistant.flatMap(homeAssistantProblems),
    ...datasets.flatMap(datasetProblems),
    ...appPlans.flatMap((plan) => appProblems(plan, appPlans)),
  ];
}

/** What is kept must be kept: no application lives on a tier that promises nothing. */
function keepsProblems(volume: Volume, what: string): Problem[] {
  if (volume.tier.engine !== 'scratch') return [];
  return [
    {
      path: `${volume.path}.tier`,
      found: `${volume.tier.name}, a scratch tier`,
      allowed: 'a tier that keeps its data',
      todo: `choose a static or replicated tier for ${what}`,
    },
  ];
}

function giteaProblems(plan: GiteaPlan, all: readonly GiteaPlan[]): Problem[] {
  const { volume, database, image } = plan;
  const problems = [
    ...keepsProblems(volume, 'repositories'),
    ...imageVersionProblems(`${volume.path}.image`, image, 'gitea/gitea:1.26.4-rootless'),
  ];
  if (!/-rootless(?:[@-]|$)/.test(image.split('/').at(-1) ?? ''))
    problems.push({
      path: `${volume.path}.image`,
      found: image,
      allowed: 'a rootless image of Gitea: its tag ends in -rootless',
      todo: 'name that one: folders, user and ports of the other differ',
    });
  if (database.volume.namespace !== volume.namespace)
    problems.push({
      path: `${volume.path}.database`,
      found: `${database.name} in ${database.volume.namespace}, and Gitea in ${volume.namespace}`,
      allowed: 'one namespace: a pod reads the Secrets of its own',
      todo: 'give both the same `namespace:` before they exist, or declare a second database',
    });
  const first = all.find((other) => other.database === database);
  if (first !== undefined && first !== plan)
    problems.push({
      path: `${volume.path}.database`,
      found: `${database.name}, which ${first.volume.path} uses already`,
      allowed: 'a database of its own: two would write into the same tables',
      todo: 'declare a second database under larder:postgres',
    });
  return problems;
}

function lokiProblems({ volume, image, config }: LokiPlan): Problem[] {
  const problems = [
    ...keepsProblems(volume, 'logs'),
    ...imageVersionProblems(`${volume.path}.image`, image, 'grafana/loki:3.7.8'),
  ];
  const limit = parseSize(config.resources.memoryLimit);
  const leastBytes = 256 * 1024 ** 2;
  if (limit === undefined || limit < leastBytes)
    problems.push({
      path: `${volume.path}.resources.memoryLimit`,
      found: config.resources.memoryLimit,
      allowed: '256Mi or more',
      todo: 'write 1Gi: after a crash Loki reads its write-ahead log into memory',
    });
  return problems;
}

/** Its database is a SQLite file, which upstream recommends; where that file lies decides. */
function homeAssistantProblems({ volume, image }: HomeAssistantPlan): Problem[] {
  const problems = [
    ...keepsProblems(volume, 'the house'),
    ...imageVersionProblems(
      `${volume.path}.image`,
      image,
      'ghcr.io/home-assistant/home-assistant:2026.9.4',
    ),
  ];
  if (volume.tier.engine === 'nfs')
    problems.push({
      path: `${volume.path}.tier`,
      found: `${volume.tier.name}, a file server`,
      allowed: 'a disk of a node, or replicated volumes',
      todo: 'choose a static tier: SQLite loses data where its locks depend on a file server',
    });
  if (volume.disk?.kind === 'sd')
    problems.push({
      path: `${volume.path}.disk`,
      found: `${volume.disk.node}/${volume.disk.name}, an SD card`,
      allowed: 'a disk of kind nvme, ssd, hdd or usb',
      todo: 'place it elsewhere: it writes every state change, four flushes each',
    });
  return problems;
}

function datasetProblems({ volume, config }: DatasetPlan): Problem[] {
  return [
    ...keepsProblems(volume, 'a dataset'),
    ...imageVersionProblems(
      `${volume.path}.writer.image`,
      config.writer.image,
      'registry.example.org/generator:1.4.2',
    ),
  ];
}

function appProblems(plan: AppPlan, all: readonly AppPlan[]): Problem[] {
  const { config, path } = plan;
  return [
    ...imageVersionProblems(`${path}.image`, config.image, 'registry.example.org/agent:1.4.2'),
    ...namespaceProblems(plan),
    ...sharedVolumes(plan, all),
    ...replicaProblems(plan),
    ...readerProblems(plan),
    ...pathProblems(plan),
  ];
}

/** A pod mounts claims of its own Namespace. */
function namespaceProblems({ namespace, volumes, datasets, path }: AppPlan): Problem[] {
  const claims = [...volumes.map(({ volume }) => volume), ...datasets.map((d) => d.dataset.volume)];
  return claims
    .filter((volume) => volume.namespace !== namespace)
    .map((volume) => ({
      path: `${path}.namespace`,
      found: `${namespace}, and ${volume.name} in ${volume.namespace}`,
      allowed: `one namespace: ${oneOf([...new Set(claims.map((claim) => claim.namespace))])}`,
      todo: 'run it where its volumes are, or give them one namespace before they exist',
    }));
}

/** One writer: two pods on one file system is what destroys it. */
function sharedVolumes(plan: AppPlan, all: readonly AppPlan[]): Problem[] {
  return plan.volumes.flatMap(({ volume }, index) => {
    if (volume.accessMode === 'ReadWriteMany') return [];
    const first = all.find((other) => other.volumes.some((each) => each.volume === volume));
    if (first === undefined || first === plan) return [];
    return [
      {
        path: `${plan.path}.volumes[${index}].volume`,
        found: `${volume.name}, which ${first.name} writes already`,
        allowed: 'a volume of its own, or one of access mode ReadWriteMany',
        todo: 'declare a second volume; for one writer and many readers, a dataset',
      },
    ];
  });
}

function replicaProblems({ config, volumes, path }: AppPlan): Problem[] {
  const single = volumes.filter(({ volume }) => volume.accessMode !== 'ReadWriteMany');
  if (config.replicas === 1 || single.length === 0) return [];
  return [
    {
      path: `${path}.replicas`,
      found: `${config.replicas} that all write ${single.map(({ volume }) => volume.name).join(', ')}`,
      allowed: '1: such a volume has one writer',
      todo: 'write 1; for one writer and many readers, use a dataset',
    },
  ];
}

/** Beside a reader runs a keeper under the reader's user, which looks what it has open. */
function readerProblems({ config, datasets, path }: AppPlan): Problem[] {
  if (datasets.length === 0 || config.user !== undefined) return [];
  return [
    {
      path: `${path}.user`,
      found: 'nothing, for an application that reads a dataset',
      allowed: 'the user id that its image runs as, not root',
      todo: 'add `user: 1000`: by it the files that it has open can be seen, and their version kept',
    },
  ];
}

function pathProblems({ config, path }: AppPlan): Problem[] {
  const paths = [...config.volumes, ...config.datasets].map((mount) => mount.path);
  return paths.flatMap((mountPath, index) =>
    paths.indexOf(mountPath) === index
      ? []
      : [
          {
            path,
            found: `two mounts at ${mountPath}`,
            allowed: 'a path for each',
            todo: 'give one of them another path',
          },
        ],
  );
}
