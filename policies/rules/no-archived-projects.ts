/** Storage software whose project has ended. */
import { chartOf } from '../model/chart.ts';
import { type DeclaredObject, isKind } from '../model/declared.ts';
import { driverRow } from '../model/drivers.ts';
import { storageProjectOf } from '../model/storage-project.ts';
import { textAt, UNKNOWN } from '../model/value.ts';
import { workloadOf } from '../model/workload.ts';
import type { Finding, ObjectRule } from '../rule.ts';

const endedCharts: Readonly<Record<string, string>> = {
  cstor: 'OpenEBS archived cStor; use OpenEBS Mayastor, Longhorn or Larder volumes',
  jiva: 'OpenEBS archived Jiva; use OpenEBS Mayastor, Longhorn or Larder volumes',
  minio:
    'MinIO was archived on 2026-04-25; use Garage, SeaweedFS or versitygw, off site any hosted S3',
};

const endedGroups: readonly (readonly [RegExp, string])[] = [
  [/^cstor\.openebs\.io$/, endedCharts['cstor'] ?? ''],
  [/^minio\.min\.io$/, endedCharts['minio'] ?? ''],
];

export const noArchivedProjects: ObjectRule = {
  id: 'no-archived-projects',
  scope: 'object',
  description: 'No storage software is used whose project has ended.',
  severity: 'high',
  level: 'mandatory',
  advises: false,
  why:
    'Nobody fixes its security holes or follows Kubernetes with it; images vanish from the ' +
    'registries, and then a node that is set up again cannot start what holds the data.',
  waysOut: [
    'Move the data to the successor that the finding names',
    'Mirror its images to a registry of your own until you have moved',
    'Keep it with a reason and an end date',
  ],
  good: 'Garage, SeaweedFS or versitygw for S3; Mayastor, Longhorn or Larder for volumes',
  bad: 'minio/minio, openebs/cstor-pool, a class with provisioner cstor.csi.openebs.io',
  check(object) {
    return [...imageFindings(object), ...objectFindings(object)];
  },
};

function imageFindings(object: DeclaredObject): readonly Finding[] {
  return (workloadOf(object)?.containers ?? []).flatMap((container) => {
    const { image } = container;
    const project = image === undefined || image === UNKNOWN ? undefined : storageProjectOf(image);
    if (project?.ended === undefined) return [];
    return [ended(object, `${container.field}.image`, `it runs ${project.name}`, project.ended)];
  });
}

function objectFindings(object: DeclaredObject): readonly Finding[] {
  if (isKind(object, 'storage.k8s.io', 'StorageClass')) {
    const provisioner = textAt(object.fields, 'provisioner') ?? '';
    const archived = driverRow(provisioner)?.archived;
    if (archived === undefined) return [];
    return [ended(object, 'provisioner', `it is ${provisioner}`, archived)];
  }
  const group = endedGroups.find(([pattern]) => pattern.test(object.group));
  if (group !== undefined) return [ended(object, 'kind', `it is a ${object.kind}`, group[1])];
  const chart = chartOf(object) ?? '';
  const why = Object.hasOwn(endedCharts, chart) ? endedCharts[chart] : undefined;
  return why === undefined ? [] : [ended(object, 'chart', `it is ${chart}`, why)];
}

function ended(object: DeclaredObject, field: string, found: string, successor: string): Finding {
  return { object, field, found: `${found}, which has ended. ${successor}`, level: 'violation' };
}
