/** Policies about claims, classes and the directories and disks under them. */
import { deepEqual } from 'node:assert/strict';
import { declared } from '../../../policies/model/declared.ts';
import { UNKNOWN } from '../../../policies/model/value.ts';
import { accessModeFitsEngine } from '../../../policies/rules/access-mode-fits-engine.ts';
import { noHostpathOutsideInventory } from '../../../policies/rules/no-hostpath-outside-inventory.ts';
import { oneDefaultClass } from '../../../policies/rules/one-default-class.ts';
import { reclaimRecycleForbidden } from '../../../policies/rules/reclaim-recycle-forbidden.ts';
import { sizeFitsDisk } from '../../../policies/rules/size-fits-disk.ts';
import { volumeNamesAClass } from '../../../policies/rules/volume-names-a-class.ts';
import { describePolicy } from './support/cases.ts';
import { given, type Inputs, object } from './support/given.ts';
import { app, claim, storageClass } from './support/shapes.ts';

const volume = (spec: Inputs, name = 'data') => object('core/v1:PersistentVolume', name, { spec });
const template = (spec: Inputs) =>
  object('apps/v1:StatefulSet', 'apps/db', {
    spec: { volumeClaimTemplates: [{ metadata: { name: 'data' }, spec }] },
  });

describePolicy(reclaimRecycleForbidden, [
  ['a volume is retained', [volume({ persistentVolumeReclaimPolicy: 'Retain' })], []],
  ['a volume says nothing', [volume({})], []],
  [
    'a volume is recycled',
    [volume({ persistentVolumeReclaimPolicy: 'Recycle' })],
    ['violation spec.persistentVolumeReclaimPolicy'],
  ],
  ['a class deletes', [storageClass('x', 'y', {}, { reclaimPolicy: 'Delete' })], []],
  [
    'a class recycles',
    [storageClass('x', 'y', {}, { reclaimPolicy: 'Recycle' })],
    ['violation reclaimPolicy'],
  ],
  [
    'the policy is known only after the update',
    [volume({ persistentVolumeReclaimPolicy: UNKNOWN })],
    [],
  ],
]);

describe('reclaim-recycle-forbidden, remedy', () => {
  it('sets Retain where Recycle stands', () => {
    const recycled = declared(volume({ persistentVolumeReclaimPolicy: 'Recycle' }));
    deepEqual(reclaimRecycleForbidden.remedy?.(recycled, {}), [
      { path: ['spec', 'persistentVolumeReclaimPolicy'], value: 'Retain' },
    ]);
  });
});

const byDefault = (name: string, value = 'true') =>
  storageClass(
    name,
    'rancher.io/local-path',
    {},
    {
      metadata: { annotations: { 'storageclass.kubernetes.io/is-default-class': value } },
    },
  );
const annotation = 'metadata.annotations[storageclass.kubernetes.io/is-default-class]';

describePolicy(oneDefaultClass, [
  ['one class is the default', [byDefault('a'), byDefault('b', 'false')], []],
  ['two classes are the default', [byDefault('a'), byDefault('b')], [`violation ${annotation}`]],
  [
    'three classes are the default',
    [byDefault('a'), byDefault('b'), byDefault('c')],
    [`violation ${annotation}`, `violation ${annotation}`],
  ],
  ['no class is, and every claim names one', [byDefault('a', 'false'), claim('a')], []],
  [
    'no class is, and a claim relies on one',
    [byDefault('a', 'false'), claim(undefined)],
    ['advice spec.storageClassName'],
  ],
  ['the program declares no class at all', [claim(undefined)], []],
]);

describePolicy(volumeNamesAClass, [
  ['the claim names a class', [claim('local-ssd')], []],
  ['the claim names no class on purpose', [claim('')], []],
  ['the claim names none', [claim(undefined)], ['violation spec.storageClassName']],
  ['the claim names its volume', [claim(undefined, { volumeName: 'data' })], []],
  [
    'the class is known only after the update',
    [claim(undefined, { storageClassName: UNKNOWN })],
    [],
  ],
  [
    'a template names none',
    [template({ accessModes: ['ReadWriteOnce'] })],
    ['violation spec.volumeClaimTemplates[0].spec.storageClassName'],
  ],
  ['a template names one', [template({ storageClassName: 'local-ssd' })], []],
  ['it is no claim', [given('random:index/randomId:RandomId', 'x', {})], []],
]);

const many = { accessModes: ['ReadWriteMany'] };
const modes = 'spec.accessModes';
const postgres = app({ image: 'postgres:16', mountPath: '/var/lib/postgresql/data' });

describePolicy(accessModeFitsEngine, [
  ['ReadWriteOnce is on a local class', [claim('local-path')], []],
  ['ReadWriteMany is on a local class', [claim('local-path', many)], [`violation ${modes}`]],
  ['ReadWriteMany is on a Ceph image', [claim('ceph-block', many)], [`violation ${modes}`]],
  [
    'a raw device is shared on purpose',
    [claim('ceph-block', { ...many, volumeMode: 'Block' })],
    [],
  ],
  ['ReadWriteMany is on NFS', [claim('nfs-client', many)], []],
  ['ReadWriteMany is on Longhorn, which serves it by NFS', [claim('longhorn', many)], []],
  ['ReadWriteMany is on a class nobody knows', [claim('mystery', many)], []],
  [
    'a database may be written by many',
    [postgres, claim('nfs-client', many)],
    [`violation ${modes}`],
  ],
  ['a database has its volume for itself', [postgres, claim('local-path')], []],
  [
    'the driver knows a stricter mode for a database',
    [postgres, claim('longhorn')],
    [`advice ${modes}`],
  ],
  [
    'the database takes the stricter mode',
    [postgres, claim('longhorn', { accessModes: ['ReadWriteOncePod'] })],
    [],
  ],
]);

const sized = (name: string, size: string, path = '/mnt/ssd/x', extra: Inputs = {}) =>
  volume({ capacity: { storage: size }, local: { path }, ...extra }, name);
const disks = { disks: [{ path: '/mnt/ssd', size: '100Gi' }] };
const bound = { claimRef: { namespace: 'apps', name: 'data' } };
const capacity = ['violation spec.capacity.storage'];

describePolicy(sizeFitsDisk, [
  ['two volumes fit', [sized('a', '50Gi'), sized('b', '50Gi')], [], disks],
  ['two volumes do not fit', [sized('a', '50Gi'), sized('b', '51Gi')], capacity, disks],
  ['one volume does not fit', [sized('a', '1Ti')], capacity, disks],
  ['the volumes are on another disk', [sized('a', '1Ti', '/mnt/hdd/x')], [], disks],
  ['the size of the disk is unknown', [sized('a', '1Ti')], [], { disks: [{ path: '/mnt/ssd' }] }],
  ['no disk is known', [sized('a', '1Ti')], []],
  ['a size is no quantity', [sized('a', 'lots')], [], disks],
  ['the claim fits its volume', [claim(''), sized('a', '10Gi', '/mnt/ssd/x', bound)], []],
  [
    'the claim is larger than its volume',
    [claim(''), sized('a', '9Gi', '/mnt/ssd/x', bound)],
    ['violation spec.resources.requests.storage'],
  ],
]);

const hostPath = (path: string, readOnly = false) =>
  app({
    image: 'gitea/gitea:1',
    container: { volumeMounts: [{ name: 'data', mountPath: '/data', readOnly }] },
    pod: { volumes: [{ name: 'data', hostPath: { path } }] },
  });
const podField = ['violation spec.template.spec.volumes[0].hostPath.path'];

describePolicy(noHostpathOutsideInventory, [
  [
    'a volume is where disks are usually mounted',
    [volume({ hostPath: { path: '/mnt/ssd/x' } })],
    [],
  ],
  [
    'a volume is on the root disk',
    [volume({ hostPath: { path: '/opt/pi/x' } })],
    ['violation spec.hostPath.path'],
  ],
  [
    'a local volume is in a system folder',
    [volume({ local: { path: '/var/lib/kubelet/x' } })],
    ['violation spec.local.path'],
  ],
  [
    'a volume is on a disk of the inventory',
    [volume({ local: { path: '/mnt/ssd/x' } })],
    [],
    disks,
  ],
  [
    'a volume is on no disk of the inventory',
    [volume({ local: { path: '/mnt/other/x' } })],
    ['violation spec.local.path'],
    disks,
  ],
  [
    'its folder only begins like one',
    [volume({ local: { path: '/mnt/ssd2/x' } })],
    ['violation spec.local.path'],
    disks,
  ],
  ['a pod looks from the folder above a disk', [hostPath('/mnt')], [], disks],
  ['a pod writes to the root disk', [hostPath('/opt/pi/x')], podField],
  ['a pod reads the root disk', [hostPath('/opt/pi/x', true)], []],
  ['a pod works on the system', [hostPath('/sys/fs/cgroup')], []],
  [
    'a pod writes to a folder that is allowed',
    [hostPath('/opt/pi/x')],
    [],
    { folders: ['/opt/pi'] },
  ],
]);
