/** Turns an object's label selector into the text that a list request takes. Pure. */
import { at, type KubeObject, listAt, mapAt, scalarText, textAt } from '../object.ts';

/** Of `{ matchLabels, matchExpressions }`; empty selects everything. */
export function labelSelectorText(selector: KubeObject): string {
  const equalities = Object.entries(mapAt(selector, 'matchLabels')).map(
    ([key, value]) => `${key}=${scalarText(value)}`,
  );
  const expressions = listAt(selector, 'matchExpressions').map((expression) => {
    const key = textAt(expression, 'key');
    const values = at(expression, 'values');
    const list = Array.isArray(values) ? values.join(',') : '';
    switch (textAt(expression, 'operator')) {
      case 'In':
        return `${key} in (${list})`;
      case 'NotIn':
        return `${key} notin (${list})`;
      case 'DoesNotExist':
        return `!${key}`;
      default:
        return key;
    }
  });
  return [...equalities, ...expressions].join(',');
}
