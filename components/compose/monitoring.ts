/** Monitoring as a component. */
import { Monitoring } from '../monitoring/monitoring.ts';
import type { Ground } from './ground.ts';

export function buildMonitoring({ args, apps, system }: Ground): void {
  const { format, namespace, labels, runbooks, watched } = args.shelf.monitoring;
  if (format === 'none') return;
  new Monitoring(
    'monitoring',
    {
      stack: args.stack,
      watched,
      format,
      namespace: namespace ?? system.namespaceName,
      labels,
      ...(runbooks === undefined ? {} : { runbooks }),
    },
    apps,
  );
}
