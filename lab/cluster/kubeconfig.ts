/** Kubeconfig files as JSON, which is YAML too, with every certificate embedded. */
import { writeFileSync } from 'node:fs';

export interface KubeconfigContent {
  readonly server: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly authority: string;
  readonly user: string;
  readonly certificate: string;
  readonly key: string;
  /** Name of the cluster and of the context. */
  readonly context: string;
}

export function kubeconfig(content: KubeconfigContent): string {
  const { context, user } = content;
  return `${JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': context,
      clusters: [
        {
          name: context,
          cluster: {
            server: content.server,
            'certificate-authority-data': base64(content.authority),
          },
        },
      ],
      contexts: [{ name: context, context: { cluster: context, user } }],
      users: [
        {
          name: user,
          user: {
            'client-certificate-data': base64(content.certificate),
            'client-key-data': base64(content.key),
          },
        },
      ],
    },
    null,
    2,
  )}\n`;
}

/** Holds a private key, so only its owner may read it. */
export function writeKubeconfig(file: string, content: KubeconfigContent): void {
  writeFileSync(file, kubeconfig(content), { mode: 0o600 });
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
