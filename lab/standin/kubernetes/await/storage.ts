/**
 * Claims and volumes. A claim whose class binds at first use is as far as it can be while Pending;
 * any other must be Bound. The five minutes are fixed: `customTimeouts` do not change them.
 *
 * Source: pulumi-kubernetes `awaiters.go` `untilCoreV1PersistentVolumeClaimReady`, 4.27.
 */
import { at, type KubeObject, nameOf, namespaceOf, textAt } from '../object.ts';
import { warningsAbout, warningsQuery } from './events.ts';
import { failed, type ReadinessRule, ready, waiting } from './judgement.ts';

const timeoutSeconds = 300;

export const claimRule: ReadinessRule = {
  timeoutSeconds,
  isTimeFixed: true,
  queries: (claim) => ({
    classes: {
      kind: { group: 'storage.k8s.io', version: 'v1', kind: 'StorageClass' },
      namespace: '',
    },
    events: warningsQuery(namespaceOf(claim)),
  }),
  judge(claim, related) {
    const what = `PersistentVolumeClaim ${nameOf(claim)}`;
    const phase = textAt(claim, 'status', 'phase');
    if (phase === 'Bound') return ready;
    const problems = [...warningsAbout(related['events'] ?? [], [claim])];
    if (phase === 'Lost') {
      const volume = textAt(claim, 'spec', 'volumeName');
      return failed(`${what} has lost its volume ${volume}`, problems);
    }
    const className = textAt(claim, 'spec', 'storageClassName');
    const storageClass = (related['classes'] ?? []).find((entry) => nameOf(entry) === className);
    if (phase === 'Pending' && bindsAtFirstUse(claim, storageClass)) return ready;
    if (className !== '' && storageClass === undefined) {
      problems.unshift(`[${what}] there is no StorageClass "${className}"`);
    }
    return waiting(`Waiting for ${what} to be bound`, problems);
  },
};

/** A claim that names its volume does not wait for a pod. */
function bindsAtFirstUse(claim: KubeObject, storageClass: KubeObject | undefined): boolean {
  return (
    textAt(storageClass, 'volumeBindingMode') === 'WaitForFirstConsumer' &&
    at(claim, 'spec', 'volumeName') === undefined
  );
}

export const volumeRule: ReadinessRule = {
  timeoutSeconds,
  isTimeFixed: true,
  judge(volume) {
    const phase = textAt(volume, 'status', 'phase');
    if (phase === 'Available' || phase === 'Bound') return ready;
    const message = textAt(volume, 'status', 'message');
    return waiting(
      `Waiting for PersistentVolume ${nameOf(volume)} to be available (now ${phase || 'new'})`,
      message === '' ? [] : [`[PersistentVolume ${nameOf(volume)}] ${message}`],
    );
  },
};
