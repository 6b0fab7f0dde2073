/** The reclaim policy that empties a volume. */
import { isKind } from '../model/declared.ts';
import { textAt } from '../model/value.ts';
import type { ObjectRule } from '../rule.ts';

function fieldOf(object: Parameters<ObjectRule['check']>[0]): readonly string[] | undefined {
  if (isKind(object, 'storage.k8s.io', 'StorageClass')) return ['reclaimPolicy'];
  if (isKind(object, '', 'PersistentVolume')) return ['spec', 'persistentVolumeReclaimPolicy'];
  return undefined;
}

export const reclaimRecycleForbidden: ObjectRule = {
  id: 'reclaim-recycle-forbidden',
  scope: 'object',
  description: 'No volume is emptied by the reclaim policy Recycle.',
  severity: 'critical',
  level: 'mandatory',
  advises: false,
  why:
    'Recycle runs rm -rf over the volume as soon as its claim is deleted. Kubernetes has ' +
    'deprecated it; there is no way back.',
  waysOut: [
    'Use Retain: the data stays until somebody removes it on purpose',
    'Use Delete with a driver that makes volumes on demand, for data that may be lost',
    'Clean up by hand or by a Job that names what it deletes',
  ],
  good: 'persistentVolumeReclaimPolicy: Retain',
  bad: 'persistentVolumeReclaimPolicy: Recycle',
  check(object) {
    const path = fieldOf(object);
    if (path === undefined || textAt(object.fields, ...path) !== 'Recycle') return [];
    return [{ object, field: path.join('.'), found: 'it is Recycle', level: 'violation' }];
  },
  remedy: (object) => {
    const path = fieldOf(object);
    return path === undefined ? [] : [{ path, value: 'Retain' }];
  },
};
