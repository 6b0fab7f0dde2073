/** What every call of the engine works with: the call's context, the settings, the cluster. */
import type { CallContext } from '../provider/provider.ts';
import type { Cluster } from './cluster.ts';
import type { Connection } from './connection.ts';
import type { GroupVersionKind } from './kind.ts';
import { isNamespacedOffline } from './kind.ts';
import { unreachable } from './messages.ts';
import type { Settings } from './settings.ts';

export interface Session {
  readonly context: CallContext;
  readonly settings: Settings;
  readonly connection: Connection;
}

/** Throws when the cluster does not answer: nothing has been changed yet. */
export function clusterOf(session: Session): Cluster {
  const { connection } = session;
  if (connection.state === 'unreachable') throw unreachable(connection.reason);
  return connection.cluster;
}

/** Undefined for custom kinds that the cluster does not know or cannot be asked about. */
export async function isNamespaced(
  session: Session,
  kind: GroupVersionKind,
): Promise<boolean | undefined> {
  const { connection } = session;
  if (connection.state === 'unreachable') return isNamespacedOffline(kind);
  return connection.cluster.discovery.isNamespaced(kind);
}

/** Whether the server can be asked for a dry run of this kind. */
export async function canPreview(session: Session, kind: GroupVersionKind): Promise<boolean> {
  const { connection } = session;
  return connection.state === 'reachable' && connection.cluster.discovery.exists(kind);
}
