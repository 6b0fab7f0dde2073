/**
 * The warnings that the cluster recorded about objects: often the only place that says why a volume
 * is not mounted or a pod not made. Pure.
 */
import type { RelatedQuery } from './judgement.ts';
import { type KubeObject, numberAt, textAt, uidOf } from '../object.ts';

/** All warnings of a namespace; `warningsAbout` picks. */
export function warningsQuery(namespace: string): RelatedQuery {
  return {
    kind: { group: '', version: 'v1', kind: 'Event' },
    namespace,
    fieldSelector: 'type=Warning',
  };
}

const shownMax = 5;

/** The latest warnings about these objects, as `[Pod db-0] FailedMount: …`, without repetitions. */
export function warningsAbout(
  events: readonly KubeObject[],
  objects: readonly KubeObject[],
): readonly string[] {
  const uids = new Set(objects.map(uidOf).filter((uid) => uid !== ''));
  const lines = events
    .filter((event) => uids.has(textAt(event, 'involvedObject', 'uid')))
    .toSorted((one, other) => timeOf(one).localeCompare(timeOf(other)))
    .map((event) => {
      const subject = textAt(event, 'involvedObject', 'name');
      const count = numberAt(event, ['count'], 1);
      const times = count > 1 ? ` (${count} times)` : '';
      return (
        `[${textAt(event, 'involvedObject', 'kind')} ${subject}] ` +
        `${textAt(event, 'reason')}: ${textAt(event, 'message')}${times}`
      );
    });
  return [...new Set(lines)].slice(-shownMax);
}

function timeOf(event: KubeObject): string {
  return textAt(event, 'lastTimestamp') || textAt(event, 'eventTime');
}
