/**
 * The way into the cluster: which kubeconfig, which context, and nothing else of the file.
 *
 * Promises: the context is the one the stack names, never the ambient one; the text handed on holds
 * only that context, so that a change to another cluster's entry changes nothing here; every way in
 * which the file can be wrong is a problem in words. Never: writes, prints what it read.
 */
import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { oneOf, type Problem } from '../rules/problem.ts';

export interface KubeconfigSource {
  /** `larder:cluster.kubeconfig`. */
  readonly file: string | undefined;
  /** `undefined`: the one that the files call current. */
  readonly context: string | undefined;
}

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths start here: the folder of Pulumi.yaml. */
  readonly projectFolder: string;
}

/**
 * The server of a kubeconfig that stands in for one that was not given, so that a preview can run
 * without (lab/stack/user-cluster.ts). Nobody listens on port 2: refused at once, nothing waits.
 */
export const nowhere = 'https://127.0.0.1:2';

export type ReadKubeconfig =
  | {
      readonly config: KubeConfig;
      readonly text: string;
      /** The cluster's address; undefined when it is `nowhere`. */
      readonly server: string | undefined;
    }
  | { readonly problem: Problem };

export function readKubeconfig(source: KubeconfigSource, around: Surroundings): ReadKubeconfig {
  const files = kubeconfigFiles(source, around);
  const merged = new KubeConfig();
  for (const file of files) {
    const read = readOne(file);
    if ('problem' in read) return read;
    merged.mergeConfig(read.config);
  }
  const contexts = merged.contexts.map((context) => context.name);
  const wanted = source.context ?? merged.getCurrentContext();
  const context = merged.getContextObject(wanted);
  if (context === null)
    return {
      problem: {
        path: 'larder:cluster.context',
        found: `${wanted || 'none'}, which ${files.join(' and ')} does not hold`,
        allowed: oneOf(contexts),
        todo: 'choose one of them, or name another file under larder:cluster.kubeconfig',
      },
    };
  const cluster = merged.getCluster(context.cluster);
  const user = merged.getUser(context.user);
  if (cluster === null || user === null)
    return {
      problem: {
        path: 'larder:cluster.context',
        found: `${wanted}, whose ${cluster === null ? 'cluster' : 'user'} is missing in ${files.join(' and ')}`,
        allowed: 'a context with its cluster and its user',
        todo: 'export the kubeconfig again from where it came',
      },
    };
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [cluster],
    users: [user],
    contexts: [context],
    currentContext: wanted,
  });
  const server = cluster.server === nowhere ? undefined : cluster.server;
  return { config, text: config.exportConfig(), server };
}

/**
 * As kubectl looks for them: the file named, else every file of $KUBECONFIG, else ~/.kube/config.
 */
export function kubeconfigFiles(source: KubeconfigSource, around: Surroundings): string[] {
  const home = around.env['HOME'] ?? '/';
  const absolute = (file: string) =>
    path.resolve(around.projectFolder, file.replace(/^~(?=\/|$)/, home));
  if (source.file !== undefined) return [absolute(source.file)];
  const listed = (around.env['KUBECONFIG'] ?? '')
    .split(path.delimiter)
    .filter((file) => file !== '');
  return listed.length > 0 ? listed.map(absolute) : [path.join(home, '.kube/config')];
}

function readOne(file: string): { config: KubeConfig } | { problem: Problem } {
  const config = new KubeConfig();
  try {
    config.loadFromFile(file);
    config.makePathsAbsolute(path.dirname(file));
    return { config };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return {
      problem: {
        path: 'larder:cluster.kubeconfig',
        found: missing ? `${file}, which is not there` : `${file}, which is no kubeconfig`,
        allowed: 'a kubeconfig file: the one named here, else $KUBECONFIG, else ~/.kube/config',
        todo: 'copy it from the cluster (k3s: /etc/rancher/k3s/k3s.yaml, with the address changed), or run `npm start` for a lab',
      },
    };
  }
}
