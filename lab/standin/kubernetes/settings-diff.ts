/**
 * What a change of the provider's settings means: an update of the provider alone, or its
 * replacement and with it that of everything it owns. With a `clusterIdentifier` that string alone
 * decides; without one, the address and the CA of the active cluster do.
 *
 * Source: pulumi-kubernetes `provider_diffconfig_test.go`; `clusterIdentifier` in `provider.d.ts`;
 * docs/stand-in-kubernetes.md, table of edits, row "provider".
 */
import { same } from '../provider/property-diff.ts';
import type { DiffResult } from '../provider/provider.ts';
import { hasUnknown, type PropertyMap } from '../provider/value.ts';
import { propertyText } from './inputs.ts';
import { loadKubeconfig } from './kubeconfig.ts';
import { kubeconfigOf } from './settings.ts';

/** Both sides without secret envelopes. */
export function diffSettings(before: PropertyMap, after: PropertyMap): DiffResult {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const changed = keys.filter((key) => !same(before[key] ?? null, after[key] ?? null));
  const replaces = mustReplace(before, after)
    ? changed
    : changed.filter((key) => key === 'renderYamlToDirectory');
  return { changes: changed.length === 0 ? 'none' : 'some', changed, replaces };
}

function mustReplace(before: PropertyMap, after: PropertyMap): boolean {
  const identifiers = [before, after].map((side) => propertyText(side, 'clusterIdentifier'));
  const [old = '', now = ''] = identifiers;
  if (old !== '' && now !== '') return old !== now;
  if (now !== '') return false;
  // What is not known cannot be compared; another cluster must be assumed.
  if (['kubeconfig', 'context', 'cluster'].some((key) => hasUnknown(after[key]))) return true;
  const clusters = [activeCluster(before), activeCluster(after)];
  return clusters.every((cluster) => cluster !== undefined) && clusters[0] !== clusters[1];
}

/**
 * Undefined when the settings leave the cluster to the surroundings, or to a name that is not
 * there.
 */
function activeCluster(settings: PropertyMap): string | undefined {
  const kubeconfig = kubeconfigOf(settings);
  if (kubeconfig === '') return undefined;
  try {
    const config = loadKubeconfig({
      kubeconfig,
      context: propertyText(settings, 'context'),
      cluster: propertyText(settings, 'cluster'),
    });
    return JSON.stringify(config.getCurrentCluster());
  } catch {
    return undefined;
  }
}
