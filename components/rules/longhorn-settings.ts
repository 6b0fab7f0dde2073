/**
 * The settings of Longhorn that its chart knows, by version. The chart takes any key and ignores
 * those that it does not know: `guaranteedInstanceManagerCpu` (the last letters are CPU) is a node
 * that reserves nothing, and nobody is told.
 *
 * Keys as in the chart of 1.10.1 and in the settings reference of 1.12.1; a key says from which
 * version on it exists where that is not both.
 */
export interface LonghornSetting {
  readonly type: 'boolean' | 'number' | 'text' | readonly string[];
  readonly least?: number;
  readonly most?: number;
  /** The first version that has it. Default: 1.10.1. */
  readonly since?: '1.12.1';
}

const flag: LonghornSetting = { type: 'boolean' };
const count: LonghornSetting = { type: 'number', least: 0 };
const percent: LonghornSetting = { type: 'number', least: 0, most: 100 };
const text: LonghornSetting = { type: 'text' };
const choice = (...words: string[]): LonghornSetting => ({ type: words });
const later = (setting: LonghornSetting): LonghornSetting => ({ ...setting, since: '1.12.1' });

export const longhornSettings: Readonly<Record<string, LonghornSetting>> = {
  allowCollectingLonghornUsageMetrics: flag,
  allowEmptyDiskSelectorVolume: flag,
  allowEmptyNodeSelectorVolume: flag,
  allowRecurringJobWhileVolumeDetached: flag,
  allowVolumeCreationWithDegradedAvailability: flag,
  autoCleanupRecurringJobBackupSnapshot: flag,
  autoCleanupSnapshotAfterOnDemandBackupCompleted: flag,
  autoCleanupSnapshotWhenDeleteBackup: flag,
  autoCleanupSystemGeneratedSnapshot: flag,
  autoDeletePodWhenVolumeDetachedUnexpectedly: flag,
  autoSalvage: flag,
  backingImageCleanupWaitInterval: count,
  backingImageRecoveryWaitInterval: count,
  backupCompressionMethod: choice('none', 'lz4', 'gzip'),
  backupConcurrentLimit: { type: 'number', least: 1 },
  backupExecutionTimeout: { type: 'number', least: 1 },
  blacklistForAutoDeletePodWhenVolumeDetachedUnexpectedly: text,
  concurrentAutomaticEngineUpgradePerNodeLimit: count,
  concurrentReplicaRebuildPerNodeLimit: count,
  concurrentVolumeBackupRestorePerNodeLimit: count,
  csiAllowedTopologyKeys: later(text),
  csiStorageCapacityTracking: later(flag),
  defaultBackupBlockSize: choice('2', '16'),
  defaultDataLocality: choice('disabled', 'best-effort'),
  defaultLonghornStaticStorageClass: text,
  detachManuallyAttachedVolumesWhenCordoned: flag,
  disableSchedulingOnCordonedNode: flag,
  disableSnapshotPurge: flag,
  engineReplicaTimeout: { type: 'number', least: 8, most: 30 },
  failedBackupTTL: count,
  fastReplicaRebuildEnabled: flag,
  freezeFilesystemForSnapshot: flag,
  guaranteedInstanceManagerCPU: { type: 'number', least: 0, most: 40 },
  instanceManagerPodLivenessProbeTimeout: { type: 'number', least: 1 },
  kubernetesClusterAutoscalerEnabled: flag,
  logLevel: choice('Panic', 'Fatal', 'Error', 'Warn', 'Info', 'Debug', 'Trace'),
  longGRPCTimeOut: { type: 'number', least: 1 },
  nodeDiskHealthMonitoring: later(flag),
  nodeDownPodDeletionPolicy: choice(
    'do-nothing',
    'delete-statefulset-pod',
    'delete-deployment-pod',
    'delete-both-statefulset-and-deployment-pod',
  ),
  nodeDrainPolicy: choice(
    'block-if-contains-last-replica',
    'allow-if-replica-is-stopped',
    'always-allow',
    'block-for-eviction',
    'block-for-eviction-if-contains-last-replica',
  ),
  offlineReplicaRebuilding: flag,
  orphanResourceAutoDeletion: text,
  orphanResourceAutoDeletionGracePeriod: count,
  priorityClass: text,
  recurringFailedJobsHistoryLimit: count,
  recurringJobMaxRetention: { type: 'number', least: 1, most: 250 },
  recurringSuccessfulJobsHistoryLimit: count,
  removeSnapshotsDuringFilesystemTrim: flag,
  replicaAutoBalance: choice('disabled', 'least-effort', 'best-effort'),
  replicaDiskSoftAntiAffinity: flag,
  replicaFileSyncHttpClientTimeout: { type: 'number', least: 5, most: 120 },
  replicaRebuildConcurrentSyncLimit: later({ type: 'number', least: 1, most: 5 }),
  replicaReplenishmentWaitInterval: count,
  replicaZoneSoftAntiAffinity: flag,
  restoreConcurrentLimit: { type: 'number', least: 1 },
  restoreVolumeRecurringJobs: flag,
  rwxVolumeFastFailover: flag,
  snapshotDataIntegrity: choice('disabled', 'enabled', 'fast-check'),
  snapshotDataIntegrityCronjob: text,
  snapshotDataIntegrityImmediateCheckAfterSnapshotCreation: flag,
  snapshotHeavyTaskConcurrentLimit: later({ type: 'number', least: 1 }),
  snapshotMaxCount: { type: 'number', least: 2, most: 250 },
  storageMinimalAvailablePercentage: percent,
  storageNetwork: text,
  storageOverProvisioningPercentage: count,
  supportBundleFailedHistoryLimit: count,
  systemManagedComponentsNodeSelector: text,
  systemManagedPodsImagePullPolicy: choice('if-not-present', 'always', 'never'),
  taintToleration: text,
  upgradeChecker: flag,
  v1DataEngine: flag,
};

/** Settings that this program derives from the shelf; given twice, they could contradict it. */
export const derivedLonghornSettings: Readonly<Record<string, string>> = {
  createDefaultDiskLabeledNodes: 'disks come from larder:nodes',
  defaultDataPath: 'disks come from larder:nodes',
  defaultReplicaCount: '`copies` of each tier',
  replicaSoftAntiAffinity: 'copies are always on different nodes',
  storageReservedPercentageForDefaultDisk: '`reserved` under larder:engines.longhorn',
  deletingConfirmationFlag:
    'uninstalling Longhorn deletes every volume; set it by hand in the moment that you mean it',
  disableRevisionCounter: 'kept as Longhorn has it',
  v2DataEngine: 'it takes one core and 2Gi of huge pages on every node; not offered here',
};
