/** What a process uses, under the names that every exporter has for it. */
import { counter, type Family, gauge } from '../report/metrics.ts';

/** @param labels tell the processes of one endpoint apart */
export function processFamilies(labels: Readonly<Record<string, string>>): readonly Family[] {
  const { user, system } = process.cpuUsage();
  return [
    counter('process_cpu_seconds_total', 'Processor time used.', [
      { labels, value: (user + system) / 1e6 },
    ]),
    gauge('process_resident_memory_bytes', 'Memory in use.', [
      { labels, value: process.memoryUsage.rss() },
    ]),
    gauge('process_start_time_seconds', 'When it began.', [
      { labels, value: Math.round(Date.now() / 1000 - process.uptime()) },
    ]),
  ];
}
