/**
 * Alert rules and a dashboard for the shelf, as objects that Prometheus and Grafana pick up.
 *
 * In two forms. `config-map`: plain ConfigMaps, which need nothing in the cluster and which any
 * Prometheus can mount. `prometheus-operator`: a PrometheusRule and ServiceMonitors, which need the
 * operator's kinds to be there. Neither installs Prometheus or Grafana.
 *
 * Promises: the rules are valid for Prometheus (tested with promtool), each names its runbook.
 */
import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { managed, systemNamespace } from '../names.ts';
import { type AlertGroup, runbookOf, type Watched } from './alert.ts';
import { alertGroups } from './alerts.ts';
import { dashboardOf } from './dashboard.ts';

export interface MonitoringArgs {
  readonly stack: string;
  readonly watched: Watched;
  readonly format: 'config-map' | 'prometheus-operator';
  /** Where the objects go; pass the Namespace's output, or the name of one that exists. */
  readonly namespace: pulumi.Input<string>;
  /** Labels by which Prometheus finds rules and monitors. */
  readonly labels: Readonly<Record<string, string>>;
  /** Where docs/runbooks can be read, ending in a slash. Default: the path in the repository. */
  readonly runbooks?: string;
}

/** What Prometheus reads: the content of a rule file and of a PrometheusRule alike. */
export interface RuleFile {
  readonly groups: readonly {
    readonly name: string;
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly for: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly annotations: Readonly<Record<string, string>>;
    }[];
  }[];
}

const runbooksInRepository = 'docs/runbooks/';

export function ruleFile(
  groups: readonly AlertGroup[],
  stack: string,
  runbooks: string = runbooksInRepository,
): RuleFile {
  return {
    groups: groups.map(({ name, alerts }) => ({
      name,
      rules: alerts.map((alert) => ({
        alert: alert.name,
        expr: alert.expr,
        for: alert.for,
        labels: { severity: alert.severity, stack },
        annotations: {
          summary: alert.summary,
          runbook_url: `${runbooks}${runbookOf(alert)}.md`,
        },
      })),
    })),
  };
}

const objectName = 'larder-monitoring';

export class Monitoring extends pulumi.ComponentResource {
  constructor(name: string, args: MonitoringArgs, opts: pulumi.ComponentResourceOptions) {
    const { stack, format, namespace, watched } = args;
    super('larder:index:Monitoring', name, { stack, format }, opts);
    const labels = { ...managed, ...args.labels };
    const rules = ruleFile(alertGroups(watched), stack, args.runbooks);
    const metadata = { name: objectName, namespace, labels };
    const parent = { parent: this };
    if (format === 'prometheus-operator') {
      new k8s.apiextensions.CustomResource(
        `${name}-rules`,
        {
          apiVersion: 'monitoring.coreos.com/v1',
          kind: 'PrometheusRule',
          metadata,
          spec: { ...rules },
        },
        parent,
      );
      if (watched.hasLonghorn) this.#watchLonghorn(name, namespace, labels);
      if (watched.dataplane !== undefined) this.#watchDataplane(name, namespace, labels);
    } else {
      new k8s.core.v1.ConfigMap(
        `${name}-rules`,
        {
          metadata: { ...metadata, labels: { ...labels, 'larder.dev/prometheus': 'rules' } },
          // JSON is YAML: Prometheus reads it as it is.
          data: { 'larder.yaml': JSON.stringify(rules, undefined, 2) },
        },
        parent,
      );
    }
    new k8s.core.v1.ConfigMap(
      `${name}-dashboard`,
      {
        // The label by which the sidecar of Grafana's chart finds dashboards.
        metadata: {
          ...metadata,
          name: `${objectName}-dashboard`,
          labels: { ...labels, grafana_dashboard: '1' },
        },
        data: {
          [`larder-${stack}.json`]: JSON.stringify(dashboardOf(stack, watched), undefined, 2),
        },
      },
      parent,
    );
    this.registerOutputs({});
  }

  /** Our own replicated volumes: the controllers, and on each node copies and engines. */
  #watchDataplane(
    name: string,
    namespace: pulumi.Input<string>,
    labels: Readonly<Record<string, string>>,
  ): void {
    new k8s.apiextensions.CustomResource(
      `${name}-dataplane`,
      {
        apiVersion: 'monitoring.coreos.com/v1',
        kind: 'ServiceMonitor',
        metadata: { name: 'larder-dataplane', namespace, labels },
        spec: {
          namespaceSelector: { matchNames: [systemNamespace] },
          selector: { matchLabels: { 'app.kubernetes.io/name': 'larder-metrics' } },
          endpoints: [
            {
              port: 'metrics',
              scheme: 'https',
              // Readers prove themselves by Prometheus' own token; the certificate is each pod's.
              tlsConfig: { insecureSkipVerify: true },
              bearerTokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
            },
          ],
        },
      },
      { parent: this },
    );
  }

  /** Longhorn's managers report for themselves; its chart makes a monitor only when asked to. */
  #watchLonghorn(
    name: string,
    namespace: pulumi.Input<string>,
    labels: Readonly<Record<string, string>>,
  ): void {
    new k8s.apiextensions.CustomResource(
      `${name}-longhorn`,
      {
        apiVersion: 'monitoring.coreos.com/v1',
        kind: 'ServiceMonitor',
        metadata: { name: 'larder-longhorn', namespace, labels },
        spec: {
          namespaceSelector: { matchNames: ['longhorn-system'] },
          selector: { matchLabels: { app: 'longhorn-manager' } },
          endpoints: [{ port: 'manager' }],
        },
      },
      { parent: this },
    );
  }
}
