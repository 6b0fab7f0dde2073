/**
 * The provider's settings, as programs give them to `new k8s.Provider(…)`. The SDK sends everything
 * that is not text as JSON text; settings left out may come from `PULUMI_K8S_*`.
 *
 * Source: `@pulumi/kubernetes` 4.34.2 `provider.js`; pulumi-kubernetes `provider.go` `Configure`.
 */
import type { PropertyMap } from '../provider/value.ts';
import { isPropertyMap } from '../provider/value.ts';
import { declared, propertyText } from './inputs.ts';
import type { KubeconfigChoice } from './kubeconfig.ts';

export interface Settings extends KubeconfigChoice {
  /** For objects that name none; empty: that of the kubeconfig's context. */
  readonly namespace: string;
  readonly renderYamlToDirectory: string;
  readonly enableServerSideApply: boolean;
  readonly enablePatchForce: boolean;
  readonly enableConfigMapMutable: boolean;
  readonly enableSecretMutable: boolean;
  readonly upsertExistingObjects: boolean;
  readonly deleteUnreachable: boolean;
  readonly skipUpdateUnreachable: boolean;
  readonly suppressHelmHookWarnings: boolean;
  /** Of one request, from `kubeClientSettings.timeout`; undefined: the client's default. */
  readonly timeoutMs: number | undefined;
}

export function readSettings(inputs: PropertyMap, env: NodeJS.ProcessEnv): Settings {
  const given = declared(inputs);
  const flag = (name: string, variable: string, fallback = false) =>
    booleanOf(given[name]) ?? booleanOf(env[variable]) ?? fallback;
  return {
    kubeconfig: kubeconfigOf(given),
    context: propertyText(given, 'context'),
    cluster: propertyText(given, 'cluster'),
    namespace: propertyText(given, 'namespace'),
    renderYamlToDirectory: propertyText(given, 'renderYamlToDirectory'),
    enableServerSideApply: flag(
      'enableServerSideApply',
      'PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY',
      true,
    ),
    enablePatchForce: flag('enablePatchForce', 'PULUMI_K8S_ENABLE_PATCH_FORCE'),
    enableConfigMapMutable: flag('enableConfigMapMutable', 'PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE'),
    enableSecretMutable: flag('enableSecretMutable', 'PULUMI_K8S_ENABLE_SECRET_MUTABLE'),
    upsertExistingObjects: flag('upsertExistingObjects', 'PULUMI_K8S_UPSERT_EXISTING_OBJECTS'),
    deleteUnreachable: flag('deleteUnreachable', 'PULUMI_K8S_DELETE_UNREACHABLE'),
    skipUpdateUnreachable: flag('skipUpdateUnreachable', 'PULUMI_K8S_SKIP_UPDATE_UNREACHABLE'),
    suppressHelmHookWarnings: flag(
      'suppressHelmHookWarnings',
      'PULUMI_K8S_SUPPRESS_HELM_HOOK_WARNINGS',
    ),
    timeoutMs: timeoutOf(given, env),
  };
}

function booleanOf(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (value === 'true') return true;
  return value === 'false' ? false : undefined;
}

/** A program may give the kubeconfig as an object instead of its text. */
export function kubeconfigOf(inputs: PropertyMap): string {
  const value = inputs['kubeconfig'];
  if (isPropertyMap(value)) return JSON.stringify(value);
  return typeof value === 'string' ? value : '';
}

function timeoutOf(given: PropertyMap, env: NodeJS.ProcessEnv): number | undefined {
  const client = given['kubeClientSettings'];
  const settings: unknown = typeof client === 'string' ? parsed(client) : client;
  const timeout = (settings as { timeout?: unknown } | null | undefined)?.timeout;
  const seconds = Number(timeout ?? env['PULUMI_K8S_CLIENT_TIMEOUT'] ?? Number.NaN);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
