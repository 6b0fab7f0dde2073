/**
 * The driver of an engine, set up by its own Helm chart.
 *
 * Removing a storage engine removes the only thing that can read its volumes, and some charts
 * delete the data with it: the release is protected and kept like a volume, never rolled back or
 * uninstalled because something was slow, and let go in two steps (`retire`).
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { retiredRelease } from '../names.ts';

export interface EngineChartArgs {
  readonly chart: string;
  readonly repository: string;
  readonly version: string;
  /** Name of the release. */
  readonly release: string;
  readonly namespace: pulumi.Input<string>;
  readonly values: Readonly<Record<string, unknown>>;
  /** Takes the protection off, so that the engine may leave the stack. Default: false. */
  readonly retire?: boolean;
}

/** Pulling a dozen images on a small board takes its time. */
const timeoutSeconds = 1200;

export class EngineChart extends pulumi.ComponentResource {
  constructor(name: string, args: EngineChartArgs, opts: pulumi.ComponentResourceOptions) {
    const { chart, repository, version, release, values } = args;
    super('larder:index:EngineChart', name, { chart, repository, version }, opts);
    new k8s.helm.v3.Release(
      `${name}-release`,
      {
        name: release,
        chart,
        version,
        repositoryOpts: { repo: repository },
        namespace: args.namespace,
        values,
        atomic: false,
        cleanupOnFail: false,
        maxHistory: 5,
        timeout: timeoutSeconds,
        ...(args.retire === true ? { description: retiredRelease } : {}),
      },
      { parent: this, protect: args.retire !== true, retainOnDelete: true },
    );
    this.registerOutputs({});
  }
}
