/**
 * Finds the cluster and the user to work with. The kubeconfig comes as text or as the path of a
 * file, or, when the provider has none, from where kubectl would take it.
 *
 * Never: shows a kubeconfig or a part of it, for it holds keys and tokens.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';

export interface KubeconfigChoice {
  /**
   * Text or path; empty: the ambient one (`KUBECONFIG`, `~/.kube/config`, in a pod its account).
   */
  readonly kubeconfig: string;
  /** Empty: the current one of the kubeconfig. */
  readonly context: string;
  /** Empty: that of the context. */
  readonly cluster: string;
}

/** Throws with a sentence that says what is missing when there is no usable configuration. */
export function loadKubeconfig(choice: KubeconfigChoice): KubeConfig {
  const config = new KubeConfig();
  const file = kubeconfigFile(choice.kubeconfig);
  if (choice.kubeconfig === '') loadAmbient(config);
  else if (file === undefined) parse(config, choice.kubeconfig, 'the kubeconfig given as text');
  else {
    parse(config, readFileSync(file, 'utf8'), `the kubeconfig file ${file}`);
    config.makePathsAbsolute(path.dirname(file));
  }
  if (choice.context !== '') config.setCurrentContext(choice.context);
  const names = config.getContexts().map((context) => context.name);
  const context = config.getContextObject(config.getCurrentContext());
  if (context === null) {
    throw new Error(
      `context "${config.getCurrentContext()}" does not exist in the kubeconfig, ` +
        `which has ${names.length === 0 ? 'no contexts' : names.join(', ')}`,
    );
  }
  if (choice.cluster !== '') {
    config.addContext({ ...context, name: overriddenContext, cluster: choice.cluster });
    config.setCurrentContext(overriddenContext);
  }
  if (config.getCurrentCluster() === null) {
    throw new Error(
      `cluster "${choice.cluster || context.cluster}" does not exist in the kubeconfig`,
    );
  }
  return config;
}

/** A context of our own, for a cluster that the provider's settings choose. */
const overriddenContext = 'larder-stand-in-override';

/** Where nothing is configured the library makes up http://localhost:8080, which nobody means. */
function loadAmbient(config: KubeConfig): void {
  config.loadFromDefault();
  if (config.getCurrentCluster()?.server === 'http://localhost:8080') {
    throw new Error(
      'no kubeconfig was found: the provider has none, KUBECONFIG is not set and ~/.kube/config ' +
        'does not exist',
    );
  }
}

function parse(config: KubeConfig, text: string, what: string): void {
  try {
    config.loadFromString(text);
  } catch (error) {
    throw new Error(`${what} cannot be read: ${parseProblem(error)}`);
  }
}

/** A YAML parser quotes the line it stumbles over, which may be a key: only its number is shown. */
function parseProblem(error: unknown): string {
  const { mark, message } = error as { mark?: { line?: number }; message?: string };
  if (mark?.line !== undefined) return `line ${mark.line + 1} is not valid YAML`;
  // The library's own findings are of the form "clusters[0].cluster.server is missing".
  const isOwn = message !== undefined && /^\w+\[\d+\]\.[\w.-]+ is missing$/.test(message);
  return isOwn ? message : 'it does not have the shape of a kubeconfig';
}

/** Undefined when the text is the configuration itself. */
function kubeconfigFile(text: string): string | undefined {
  if (text === '' || text.includes('\n') || text.trimStart().startsWith('{')) return undefined;
  const file = text.startsWith('~/') ? path.join(homedir(), text.slice(2)) : text;
  return existsSync(file) && statSync(file).isFile() ? file : undefined;
}
