/** Backups, and the state of the program, that die with the cluster they describe. */
import { backupTargetsOf, hostOf, ownHostOf } from '../model/backup-target.ts';
import { textAt, textsAt } from '../model/value.ts';
import type { Finding, StackRule } from '../rule.ts';

export const backupTargetElsewhere: StackRule = {
  id: 'backup-target-elsewhere',
  scope: 'stack',
  description: "Backups and the program's state lie outside of the cluster they are for.",
  severity: 'critical',
  level: 'mandatory',
  advises: false,
  why:
    'The day on which a backup is needed is the day on which the cluster is gone; a target on its ' +
    'own nodes or behind its own Services is gone with it.',
  waysOut: [
    'Use a hosted S3 with Object Lock, or a machine in another house',
    'Use the NAS or an external drive, by an address outside of the cluster, as a second copy',
    'Keep it with a reason, when another job copies it away',
  ],
  good: 's3://backups@eu-central-1/, nfs://nas.home:/backups',
  bad: 's3:http://minio.minio.svc:9000/backups',
  configSchema: {
    properties: {
      ownHosts: {
        type: 'array',
        items: { type: 'string' },
        description: 'Names and addresses of this cluster that the program does not show.',
      },
      stateBackend: {
        type: 'string',
        description: 'Where the state lies (pulumi whoami --verbose). Default: PULUMI_BACKEND_URL.',
      },
    },
  },
  check(world, config) {
    const own = new Set(textsAt(config, 'ownHosts'));
    const judge = (host: string | undefined): string | undefined => {
      if (host === undefined) return undefined;
      return own.has(host) ? 'a host of this cluster by configuration' : ownHostOf(world, host);
    };
    const targets = backupTargetsOf(world).flatMap(({ object, field, host, scheme }) => {
      const where = judge(host);
      if (where === undefined) return [];
      const found = `the backups go to ${host} (${scheme}), which is ${where}`;
      return [{ object, field, found, level: 'violation' as const }];
    });
    const backend = textAt(config, 'stateBackend') ?? world.settings.stateBackend;
    return [...targets, ...stateFindings(world, backend, judge)];
  },
};

function stateFindings(
  world: Parameters<StackRule['check']>[0],
  backend: string | undefined,
  judge: (host: string | undefined) => string | undefined,
): readonly Finding[] {
  const endpoint = backend && /[?&]endpoint=([^&]+)/.exec(backend)?.[1];
  const host = backend === undefined ? undefined : hostOf(decodeURIComponent(endpoint ?? backend));
  const where = judge(host);
  const [object] = world.objects;
  if (where === undefined || object === undefined) return [];
  const finding: Finding = {
    object: world.objects.find((item) => item.type === 'pulumi:pulumi:Stack') ?? object,
    field: 'backend',
    found: `the state of this stack lies on ${host}, which is ${where}`,
    why: 'Without its state the program cannot rebuild the cluster that holds its state.',
    waysOut: [
      'Log in to a backend outside: Pulumi Cloud, a hosted bucket, a folder that is backed up',
      'Export the state after every update (pulumi stack export) to another machine',
      'Keep the passphrase and the stack files apart from it',
    ],
    level: 'violation',
  };
  return [finding];
}
