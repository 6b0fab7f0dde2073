/**
 * Consistent copies of the SQLite files of a running application, for its backup: made by SQLite's
 * own backup interface before restic runs (jobs/sqlite-copies.ts). restic then takes the copies and
 * leaves the live files out; a restore puts the copies in their place. Pure.
 */
import type { types } from '@pulumi/kubernetes';
import { jobCommand } from '../jobs.ts';

interface SqliteCopies {
  readonly env: Readonly<Record<string, string>>;
  readonly init: readonly types.input.core.v1.Container[];
  readonly volumes: readonly types.input.core.v1.Volume[];
  readonly mounts: readonly types.input.core.v1.VolumeMount[];
}

export function sqliteCopies(nodeImage: string, volume: string): SqliteCopies {
  const copies = { name: 'copies', mountPath: '/copies' };
  return {
    env: { COPIES: copies.mountPath },
    volumes: [{ name: 'copies', emptyDir: {} }],
    mounts: [copies],
    init: [
      {
        name: 'sqlite-copies',
        image: nodeImage,
        imagePullPolicy: 'IfNotPresent',
        command: jobCommand('sqlite-copies'),
        env: [
          { name: 'DATA', value: '/data' },
          { name: 'COPIES', value: copies.mountPath },
        ],
        // Writable: whoever reads a database in write-ahead mode takes part in its locks.
        volumeMounts: [{ name: volume, mountPath: '/data' }, copies],
        securityContext: {
          runAsUser: 0,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'], add: ['DAC_OVERRIDE'] },
          seccompProfile: { type: 'RuntimeDefault' },
        },
        terminationMessagePolicy: 'FallbackToLogsOnError',
        resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '256Mi' } },
      },
    ],
  };
}
