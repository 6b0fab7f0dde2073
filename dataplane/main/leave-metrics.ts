/** Has the metrics of a process that listens nowhere written where others find them. */
import { removeMetrics, writeMetrics } from '../host/metrics-files.ts';
import { processFamilies } from '../host/process-metrics.ts';
import type { Log } from '../ports/log.ts';
import type { Family } from '../report/metrics.ts';

/** Prometheus looks every fifteen seconds at most, as people have it. */
const writeMs = 10_000;

const name = 'engines';

/**
 * @param folder undefined: nobody wants them
 * @param sources those that run at the moment
 */
export function leaveMetrics(
  folder: string | undefined,
  sources: ReadonlySet<{ families(): readonly Family[] }>,
  log: Log,
): { end(): Promise<void> } {
  if (folder === undefined) return { end: async () => {} };
  let said = false;
  const write = async () => {
    try {
      const own = processFamilies({ part: 'engines' });
      await writeMetrics(folder, name, [
        ...own,
        ...[...sources].flatMap((each) => each.families()),
      ]);
      said = false;
    } catch (error) {
      if (!said) log.warn(`metrics cannot be left in ${folder}: ${String(error)}`);
      said = true;
    }
  };
  void write();
  const timer = setInterval(() => void write(), writeMs).unref();
  return {
    end: async () => {
      clearInterval(timer);
      await removeMetrics(folder, name).catch(() => {});
    },
  };
}
