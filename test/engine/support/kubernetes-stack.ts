/** Writes the resources of the fixture `kubernetes`: a program whose objects are data. */
import type { Project } from './project.ts';

export type Values = Readonly<Record<string, unknown>>;

export interface DeclaredObject {
  /** `core.v1.ConfigMap`, a path below `@pulumi/kubernetes`. */
  readonly kind: string;
  readonly args?: Values;
  readonly provider?: string;
  readonly dependsOn?: readonly string[];
  /** Look the object up by this id instead of declaring it. */
  readonly get?: string;
  /** Plain resource options: `protect`, `ignoreChanges`, `retainOnDelete`, … */
  readonly options?: Values;
}

export interface DeclaredStack {
  readonly providers: Readonly<Record<string, Values>>;
  readonly resources: Readonly<Record<string, DeclaredObject>>;
}

export function declareObjects(project: Project, stack: DeclaredStack): void {
  project.write('stack.json', JSON.stringify(stack));
}
