/** Serves a process' metrics beside its work: failing at that is a warning and nothing more. */
import { Fault } from '../base/fault.ts';
import type { KubeClient } from '../host/kube-client.ts';
import { MetricsServer } from '../host/metrics-server.ts';
import { processFamilies } from '../host/process-metrics.ts';
import { ReaderCheck } from '../host/reader-check.ts';
import type { Log } from '../ports/log.ts';
import type { Family } from '../report/metrics.ts';

export interface ShownMetrics {
  /** `storage`, `controller`: the label of what the process itself uses. */
  readonly part: string;
  readonly families: () => Promise<readonly Family[]>;
  /** PEM texts. */
  readonly shown: { readonly key: string; readonly certificate: string };
  /** Undefined: all of this network namespace. */
  readonly host: string | undefined;
  readonly port: number;
}

/** Resolves to the server, or to nothing when the port is taken. */
export async function showMetrics(
  client: KubeClient,
  { part, families, shown, host, port }: ShownMetrics,
  log: Log,
): Promise<MetricsServer | undefined> {
  const check = new ReaderCheck(client);
  const source = {
    allows: async (token: string) => check.allows(token),
    families: async () => [...processFamilies({ part }), ...(await families())],
  };
  const server = new MetricsServer(shown, source, log);
  try {
    await server.listen(host, port);
    return server;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    log.warn(`${error.message}. ${error.hint}`);
    return undefined;
  }
}
