/** Has a node's certificate renewed in time, as long as the process lives. */
import { Fault } from '../base/fault.ts';
import type { Part } from '../host/authority.ts';
import type { KubeClient } from '../host/kube-client.ts';
import { ensurePeerIdentity } from '../host/peer-identity.ts';
import type { Log } from '../ports/log.ts';

const lookMs = 3_600_000;

export function keepIdentity(
  client: KubeClient,
  wanted: { readonly node: string; readonly part: Part; readonly folder: string },
  log: Log,
): void {
  const look = async () => {
    try {
      await ensurePeerIdentity(client, wanted);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      log.warn(`the certificate was not renewed: ${error.message}`);
    }
  };
  setInterval(() => void look(), lookMs).unref();
}
