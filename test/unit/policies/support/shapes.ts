/** Compliant shapes that the cases of a policy's test change in one field. */
import type { GivenResource } from '../../../../policies/model/declared.ts';
import { type Inputs, object } from './given.ts';

export interface AppShape {
  readonly image: string;
  readonly kind?: 'Deployment' | 'StatefulSet' | 'DaemonSet';
  readonly mountPath?: string;
  readonly env?: readonly Inputs[];
  readonly container?: Inputs;
  readonly pod?: Inputs;
  readonly spec?: Inputs;
  readonly metadata?: Inputs;
  readonly claimName?: string | null;
}

/** An application `apps/app` with one container and one claim `apps/data` mounted. */
export function app(shape: AppShape): GivenResource {
  const { kind = 'Deployment', claimName = 'data' } = shape;
  const mounts = [{ name: 'data', mountPath: shape.mountPath ?? '/data' }];
  const source = claimName === null ? { emptyDir: {} } : { persistentVolumeClaim: { claimName } };
  const container = {
    name: 'app',
    image: shape.image,
    env: shape.env ?? [],
    volumeMounts: mounts,
    ...shape.container,
  };
  const template = {
    metadata: { labels: { app: 'app' } },
    spec: { containers: [container], volumes: [{ name: 'data', ...source }], ...shape.pod },
  };
  const strategy = kind === 'Deployment' ? { strategy: { type: 'Recreate' } } : {};
  const spec = {
    replicas: 1,
    selector: { matchLabels: { app: 'app' } },
    ...strategy,
    template,
    ...shape.spec,
  };
  const metadata = shape.metadata === undefined ? {} : { metadata: shape.metadata };
  return object(`apps/v1:${kind}`, 'apps/app', { spec, ...metadata });
}

/** The claim `apps/data` of a class. */
export function claim(className: string | undefined, spec: Inputs = {}): GivenResource {
  const named = className === undefined ? {} : { storageClassName: className };
  const resources = { requests: { storage: '10Gi' } };
  const all = { accessModes: ['ReadWriteOnce'], resources, ...named, ...spec };
  return object('core/v1:PersistentVolumeClaim', 'apps/data', { spec: all }, { protect: true });
}

export function storageClass(
  name: string,
  provisioner: string,
  parameters: Inputs = {},
  rest: Inputs = {},
): GivenResource {
  return object('storage.k8s.io/v1:StorageClass', name, { provisioner, parameters, ...rest });
}
