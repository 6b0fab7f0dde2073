/**
 * Hints that something changed on the API server. A watch that breaks is begun again; what happened
 * meanwhile counts as one more change, so nothing is missed for long.
 */
import { Fault } from '../base/fault.ts';
import type { KubeClient } from './kube-client.ts';

/** After a watch broke, before the next. */
const watchAgainMs = 1_000;

/** @param onBroken told why, each time; the watch goes on */
export function watchPath(
  client: KubeClient,
  path: string,
  onHint: () => void,
  onBroken: (why: string) => void = () => {},
): Disposable {
  const abort = new AbortController();
  void follow(client, path, { onHint, onBroken }, abort.signal);
  return {
    [Symbol.dispose]() {
      abort.abort();
    },
  };
}

async function follow(
  client: KubeClient,
  path: string,
  tell: { readonly onHint: () => void; readonly onBroken: (why: string) => void },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const event of client.watch(path, signal)) {
        if (event['type'] === 'ERROR') break;
        tell.onHint();
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (!signal.aborted) tell.onBroken(`the watch of ${path} broke: ${error.message}`);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, watchAgainMs).unref();
    });
    if (!signal.aborted) tell.onHint();
  }
}
