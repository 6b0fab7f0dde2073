/**
 * Whether the API server says of itself that it is ready, asked through the relays as a user would.
 */
import { request } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';

const requestTimeoutMs = 3000;

/** False while it is not; an error says why nothing answers. */
export async function readyz(config: KubeConfig): Promise<boolean> {
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new Error('the kubeconfig names no server');
  const options: Parameters<typeof request>[1] = {};
  await config.applyToHTTPSOptions(options);
  return new Promise((resolve, reject) => {
    const asked = request(
      `${server}/readyz`,
      { ...options, timeout: requestTimeoutMs },
      (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode === 200));
      },
    );
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.once('error', reject);
    asked.end();
  });
}
