/**
 * Leader election on a `Lease` of the Kubernetes API: one controller works, others wait. A
 * convenience against double work, not a safety net: every write of a controller stands on the
 * version it read.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { Fault } from '../base/fault.ts';
import type { Log } from '../ports/log.ts';
import type { KubeClient } from './kube-client.ts';

const leaseSchema = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string() }),
  spec: z.looseObject({
    holderIdentity: z.string().nullish(),
    renewTime: z.string().nullish(),
  }),
});

export interface LeaseOptions {
  readonly namespace: string;
  readonly name: string;
  /** This process. */
  readonly identity: string;
}

/** Unrenewed for this long, by the watcher's own clock, it is free. */
const leaseMs = 15_000;
const renewMs = 4_000;
/** A holder that could not renew for this long has lost it, before anybody else may have it. */
const holdMs = 10_000;

/**
 * Resolves when this process holds the lease; keeps it then, and calls `onLost` when it cannot: the
 * process should end.
 */
export async function lead(
  client: KubeClient,
  options: LeaseOptions,
  log: Log,
  onLost: () => void,
): Promise<void> {
  let seen = '';
  let seenAtMs = performance.now();
  for (;;) {
    try {
      const state = await attempt(client, options, seen, performance.now() - seenAtMs >= leaseMs);
      if (state === 'held') break;
      if (state !== seen) {
        seen = state;
        seenAtMs = performance.now();
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      log.warn(error.message);
    }
    await delay(renewMs / 2);
  }
  log.info('leads', { identity: options.identity });
  void keep(client, options, log, onLost);
}

async function keep(
  client: KubeClient,
  options: LeaseOptions,
  log: Log,
  onLost: () => void,
): Promise<void> {
  let renewedAtMs = performance.now();
  while (performance.now() - renewedAtMs < holdMs) {
    await delay(renewMs);
    try {
      if ((await attempt(client, options, '', false)) !== 'held') break;
      renewedAtMs = performance.now();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      log.warn(error.message);
    }
  }
  log.warn('does not lead any more');
  onLost();
}

/**
 * `held`, or what the lease of another looks like now.
 *
 * @param expired nobody has renewed `seen` for the lease's whole time
 */
async function attempt(
  client: KubeClient,
  { namespace, name, identity }: LeaseOptions,
  seen: string,
  expired: boolean,
): Promise<string> {
  const folder = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  const spec = {
    holderIdentity: identity,
    leaseDurationSeconds: leaseMs / 1000,
    renewTime: new Date().toISOString().replace('Z', '000Z'),
  };
  const found = await client.send({ method: 'GET', path: `${folder}/${name}` });
  if (found.code === 404) {
    const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name }, spec };
    const made = await client.send({ method: 'POST', path: folder, body });
    return made.code === 201 ? 'held' : '';
  }
  if (found.code !== 200) {
    throw new Fault('cluster.unreachable', `The lease ${name} cannot be read: ${found.code}`);
  }
  const lease = leaseSchema.parse(found.body);
  const holder = lease.spec.holderIdentity ?? '';
  const look = `${holder} ${lease.spec.renewTime ?? ''}`;
  if (holder !== identity && holder !== '' && !(expired && look === seen)) return look;
  const body = { ...found.body, spec: { ...lease.spec, ...spec } };
  const put = await client.send({ method: 'PUT', path: `${folder}/${name}`, body });
  return put.code === 200 ? 'held' : look;
}
