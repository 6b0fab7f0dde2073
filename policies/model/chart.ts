/** Helm charts that a program installs: as a Release, whose objects stay hidden, or rendered. */
import { type DeclaredObject, isKind } from './declared.ts';
import { textAt } from './value.ts';

/** The chart's bare name (`longhorn` of `longhorn/longhorn` and of `oci://…/longhorn`), if any. */
export function chartOf(object: DeclaredObject): string | undefined {
  if (!isKind(object, 'helm.sh', 'Release', 'Chart')) return undefined;
  const name = textAt(object.fields, 'chart')?.split('/').at(-1);
  return name?.replace(/-\d+\.\d+.*\.tgz$/, '');
}

/** True when nothing but Helm will know what the chart declares. */
export function hidesItsObjects(object: DeclaredObject): boolean {
  return isKind(object, 'helm.sh', 'Release');
}
